import "lychgate/lychgate.css";
import { Guard, SignIn, User, useSession } from "lychgate/react";
import { useState } from "react";

export default function App() {
  const { user, isLoading } = useSession();
  const [isThere, setThere] = useState(true);
  const [heard, setHeard] = useState([]);
  const hear = (event) => setHeard((before) => [...before, event.type]);
  return (
    <main>
      <button id="toggle" onClick={() => setThere(!isThere)}>
        Come and go
      </button>
      <output id="user">{isLoading ? "unknown" : (user?.username ?? "nobody")}</output>
      <output id="heard">{heard.join(" ")}</output>
      {isThere && <SignIn className="card" lang="en" onLoggedIn={hear} onLoggedOut={hear} />}
      <User signIn="/" account="/" />
      <Guard>
        <p id="members">Members</p>
        <p id="strangers" data-part="logged-out">
          Log in first.
        </p>
      </Guard>
    </main>
  );
}
