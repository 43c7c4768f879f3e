// A page without TypeScript, whose editor or build may check it nevertheless.

import { ApiError, createClient } from "./lychgate.js";

const client = createClient({ storage: "cookie" });
client.onChange(({ type }) => type === "logged-out" && location.replace("/"));

try {
  const user = (await client.restore()) ?? (await client.login("kim", "seven old oak boards and a latch"));
  const dashboard = await client.json("GET", "dashboard");
  document.title = `${user.username}: ${dashboard.active_sessions}`;
} catch (error) {
  if (error instanceof ApiError) document.title = error.detail;
}
