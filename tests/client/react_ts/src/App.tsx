import { useEffect, useState, type FormEvent } from "react";

import { ApiError, NetworkError, type Change, type Session } from "./lychgate.js";
import { client, useUser } from "./session.ts";

interface Dashboard {
  active_sessions: number;
}

function sentence(error: unknown): string {
  if (error instanceof ApiError) return error.errors.map(({ message }) => message).join(" ") || error.detail;
  return error instanceof NetworkError ? "The service cannot be reached." : "Something is wrong.";
}

export default function App() {
  const user = useUser();
  const [trouble, setTrouble] = useState("");

  useEffect(() => {
    const stop = client.onChange((change: Change) => {
      if (change.type === "refresh-failed" || change.type === "logout-pending") setTrouble(sentence(change.error));
      else if (change.type === "logout-sent" || change.type === "refreshed") setTrouble("");
    });
    client.restore().catch((error: unknown) => setTrouble(sentence(error)));
    return stop;
  }, []);

  async function logIn(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    try {
      await client.login(String(fields.get("username")), String(fields.get("password")));
    } catch (error) {
      setTrouble(sentence(error));
    }
  }

  return (
    <main>
      <p role="status">{trouble}</p>
      {user ? (
        <Members name={user.username} />
      ) : (
        <form onSubmit={logIn}>
          <input name="username" autoComplete="username" />
          <input name="password" type="password" autoComplete="current-password" />
          <button>Log in</button>
        </form>
      )}
    </main>
  );
}

function Members({ name }: { name: string }) {
  const [sessions, setSessions] = useState<Session[]>([]);
  const [count, setCount] = useState(0);

  useEffect(() => {
    const stop = new AbortController();
    const { signal } = stop;
    Promise.all([client.json<Dashboard>("GET", "dashboard", undefined, { signal }), client.sessions({ signal })])
      .then(([dashboard, list]) => {
        setCount(dashboard.active_sessions);
        setSessions(list);
      })
      .catch(() => {});
    return () => stop.abort();
  }, []);

  return (
    <section>
      <h1>
        {name}: {count}
      </h1>
      <ul>
        {sessions.map((session) => (
          <li key={session.id}>{session.current ? "this one" : session.user_agent}</li>
        ))}
      </ul>
      <button onClick={() => void client.logout()}>Log out</button>
    </section>
  );
}
