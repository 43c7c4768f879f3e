// A program over the package's types. The compiler has to take it as it stands: each line that is expected to be an error
// must be one, and every other one right.
import { ApiError, createClient, type Client } from "lychgate";
import { changeUser } from "lychgate/admin";
import type { AnswerOf, RequestOf, UserBody } from "lychgate/api";
import { clientOf, languages, shareClient, whenFresh, type LychgateEventMap } from "lychgate/elements";
import "lychgate/elements/guard";
import { loginWithPasskey } from "lychgate/factors";
import { forgotPassword } from "lychgate/mail";
import { qrSvg } from "lychgate/qr";

const client: Client = createClient({ baseUrl: "https://api.example.org", storage: "session" });
shareClient(client, "https://api.example.org");

const element = document.createElement("lychgate-sign-in");
const same: Client = element.client;
element.addEventListener("lychgate:logged-in", (event) => {
  const name: string = event.detail.user.username;
  // @ts-expect-error there is no such member
  event.detail.user.password;
  console.log(name, same === clientOf("https://api.example.org", { storage: "session" }));
});
document.addEventListener("lychgate:error", ({ detail: { error } }) => {
  // @ts-expect-error what went wrong is known only after a look at it
  error.status;
  if (error instanceof ApiError) console.log(error.status);
});
document.querySelector("lychgate-guard")?.addEventListener("lychgate:logged-out", ({ detail }) => {
  // @ts-expect-error the reason is a text
  detail.why.code;
  console.log(detail.why.length);
});
document.addEventListener("lychgate:shown", ({ detail }) => {
  // @ts-expect-error a title is a text
  detail.title.text;
  document.title = detail.title;
});
document.addEventListener("lychgate:passkey-added", (event) => console.log(event.type));
document.addEventListener("lychgate:step-up", ({ detail }) => {
  // @ts-expect-error nothing is known of it
  detail.password;
});
// @ts-expect-error the client has no such member
element.client.signIn();
// @ts-expect-error there is no such state
console.log(element.state === "signed-in");

export const told = (event: LychgateEventMap["lychgate:logged-out"]): string => event.detail.why;
export const order: RequestOf<"log_in"> = { username: "alice", password: "seven old oak boards" };
export const user = async (): Promise<UserBody> => (await client.json<AnswerOf<"get_me">>("GET", "me")).user;
export const sessions = (): Promise<number> => whenFresh(async (same) => (await same.sessions()).length, { element });
// @ts-expect-error there is no such option
void whenFresh(sessions, { client });
export const others = [languages, changeUser, loginWithPasskey, forgotPassword, qrSvg];

// @ts-expect-error there is no such storage
clientOf("/api", { storage: "cookies" });
// @ts-expect-error a password is needed
export const without: RequestOf<"log_in"> = { username: "alice" };
// @ts-expect-error this is none of the package's files
await import("lychgate/static-site/js/calls.js");
