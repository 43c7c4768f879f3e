import { SignIn, useSession } from "lychgate/react";

import Members from "./Members.tsx";

export default function App() {
  const { user, isLoading, error, client } = useSession();
  return (
    <main>
      <h1>{user ? `Hello, ${user.username}` : "Members"}</h1>
      {user && error !== null && <p role="alert">The service cannot be reached at the moment. You are still logged in.</p>}
      {isLoading && <p role="status">One moment …</p>}
      {user && client && <Members client={client} />}
      {!user && !isLoading && <SignIn />}
    </main>
  );
}
