import type { AnswerOf } from "lychgate/api";
import { ApiError, type Client } from "lychgate";
import { useEffect, useState } from "react";

type Dashboard = AnswerOf<"get_dashboard">;

/** What only members see. It comes from the API, which verifies the token: nothing of it is in the page's files. */
export default function Members({ client }: { client: Client }) {
  const [dashboard, setDashboard] = useState<Dashboard | null>(null);
  const [problem, setProblem] = useState("");

  useEffect(() => {
    const leaving = new AbortController();
    const { signal } = leaving;
    client.json<Dashboard>("GET", "dashboard", undefined, { signal }).then(setDashboard, (error: Error) => {
      if (!signal.aborted) setProblem(error instanceof ApiError ? error.detail : "This cannot be loaded at the moment.");
    });
    return () => leaving.abort();
  }, [client]);

  return (
    <>
      {problem && <p role="alert">{problem}</p>}
      {dashboard && <p>You are logged in {dashboard.active_sessions === 1 ? "here" : `in ${dashboard.active_sessions} places`}.</p>}
      <button type="button" onClick={() => client.logout()}>
        Log out
      </button>
    </>
  );
}
