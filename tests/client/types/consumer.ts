// Compiles, and with every type as it is written here: what may not compile is marked, and is an error if it does.

import {
  ApiError,
  createClient,
  NetworkError,
  SessionEnded,
  type Change,
  type Client,
  type ClientOptions,
  type Proof,
  type Session,
  type StorageMode,
  type Token,
  type User,
} from "./lychgate.js";
import {
  changeEmail,
  confirmEmail,
  confirmRegistration,
  forgotPassword,
  registerWithEmail,
  removeEmail,
  requestLoginCode,
  requestRegistration,
  resendEmail,
  resetPassword,
  verifyLoginCode,
  type CodeRequest,
} from "./lychgate-mail.js";

import {
  addPasskey,
  answerWithPasskey,
  autofillWorks,
  beginTotp,
  confirmTotp,
  getFactors,
  loginWithPasskey,
  loginWithSecondFactor,
  offerPasskeys,
  PasskeyError,
  passkeysWork,
  proveWithPasskey,
  reauthenticate,
  removePasskey,
  removeTotp,
  renamePasskey,
  replaceRecoveryCodes,
  signalPasskeys,
  upgradeToPasskey,
  type Factors,
  type NewTotp,
  type Passkey,
  type SecondFactor,
} from "./lychgate-factors.js";
import {
  changeUser,
  createUser,
  deleteUser,
  getUser,
  listUsers,
  logOutUser,
  removeSecondFactorOf,
  resetPasswordOf,
  type AccountEvent,
  type CreatedUser,
  type PasswordLink,
  type ShownUser,
  type UserPage,
} from "./lychgate-admin.js";
import { qrModules, qrSvg } from "./qr.js";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const holds = <T extends true>(_?: T): void => {};

const options: ClientOptions = {
  baseUrl: new URL("http://127.0.0.1/api"),
  storage: "memory",
  timeout: 1000,
  fetch: async (request) => new Response(request.url),
  askPassword: async () => null,
};
export const client: Client = createClient(options);
export const plain: Client = createClient();
createClient({ fetch: globalThis.fetch, baseUrl: "/api" });
export const asking: Client = createClient({
  askPassword: async (why) => (why.publicKey ? proveWithPasskey(asking) : { password: "secret", code: "123456" }),
});

holds<Same<StorageMode, "cookie" | "session" | "local" | "memory">>();
holds<Same<typeof client.user, User | null>>();
holds<Same<typeof client.token, Token | null>>();
holds<Same<User["roles"], string[]>>();
holds<Same<Session["current"], boolean>>();
holds<Same<ReturnType<Client["sessions"]>, Promise<Session[]>>>();
holds<Same<ReturnType<Client["login"]>, Promise<User>>>();
holds<Same<Parameters<Client["login"]>[0], string>>();
holds<Same<ReturnType<Client["restore"]>, Promise<User | null>>>();
holds<Same<ReturnType<Client["logout"]>, Promise<boolean>>>();
holds<Same<ReturnType<Client["logoutEverywhere"]>, Promise<boolean>>>();
holds<Same<ReturnType<Client["refresh"]>, Promise<void>>>();
holds<Same<Client["fetch"], typeof globalThis.fetch>>();
holds<Same<ReturnType<Client["onChange"]>, () => void>>();
holds<Same<ReturnType<Client["enter"]>, Promise<User>>>();
holds<Same<User["email_verified"], boolean | undefined>>();
holds<Same<User["second_factor"], boolean | undefined>>();
holds<Same<ReturnType<typeof offerPasskeys>, Promise<User | null>>>();
holds<Same<ReturnType<typeof getFactors>, Promise<Factors>>>();
holds<Same<ReturnType<typeof beginTotp>, Promise<NewTotp>>>();
holds<Same<ReturnType<typeof confirmTotp>, Promise<string[]>>>();
holds<Same<ReturnType<typeof upgradeToPasskey>, Promise<Passkey | null>>>();
holds<Same<Passkey["last_used_at"], string | null>>();
holds<Same<PasskeyError["reason"], "cancelled" | "exists" | "unsupported" | "address" | "failed">>();
holds<Same<ApiError["methods"], ("totp" | "recovery_code" | "passkey")[] | undefined>>();
holds<Same<ReturnType<typeof listUsers>, Promise<UserPage>>>();
holds<Same<ReturnType<typeof getUser>, Promise<ShownUser>>>();
holds<Same<ReturnType<typeof createUser>, Promise<CreatedUser>>>();
holds<Same<ReturnType<typeof changeUser>, Promise<User>>>();
holds<Same<ReturnType<typeof resetPasswordOf>, Promise<PasswordLink>>>();
holds<Same<UserPage["nextCursor"], string | null>>();
holds<Same<ShownUser["sessions"][number]["id"], string>>();
holds<Same<AccountEvent["subject"], string | undefined>>();
holds<Same<ReturnType<typeof qrSvg>, SVGSVGElement>>();
holds<Same<ReturnType<typeof confirmRegistration>, Promise<User>>>();
holds<Same<NonNullable<Parameters<typeof confirmRegistration>[2]>["password"], string | null | undefined>>();
holds<Same<ReturnType<typeof requestLoginCode>, Promise<CodeRequest>>>();
holds<Same<ReturnType<typeof requestRegistration>, Promise<number>>>();
holds<
  Same<
    Change["type"],
    "logged-in" | "refreshing" | "refreshed" | "refresh-failed" | "logged-out" | "logout-pending" | "logout-sent"
  >
>();

export async function useEverything(signal: AbortSignal | undefined): Promise<string> {
  const { title } = await client.json<{ title: string }>("GET", "notes/1", undefined, { signal });
  holds<Same<typeof title, string>>();
  const wanted: { title: string } = await client.json("POST", "notes", { text: "hello" });
  const response = await client.fetch("notes", { method: "POST", body: "hello" });
  const stop = client.onChange(({ type, why, error }) => {
    if (type === "refresh-failed") holds<Same<typeof error, Error>>();
    if (type === "logged-in") holds<Same<typeof error, undefined>>();
    holds<Same<typeof why, string>>();
  });
  stop();
  await client.changePassword("old", "new", { signal });
  await client.reauthenticate("old", { signal });
  await client.refresh();
  client.close();
  return `${title} ${wanted.title} ${response.status}`;
}

export async function useMails(signal: AbortSignal | undefined): Promise<string> {
  await client.json("GET", "auth/options", undefined, { signal, anonymous: true });
  const kim = await registerWithEmail(client, "kim", "secret", "kim@example.org", { signal });
  await changeEmail(client, "kim@example.org");
  await resendEmail(client);
  await removeEmail(client);
  await confirmEmail(client, "token");
  await forgotPassword(client, "kim", { signal });
  await resetPassword(client, "token", "secret");
  const { challenge, expiresIn } = await requestLoginCode(client, "kim");
  const user = await verifyLoginCode(client, challenge, "123456");
  return `${kim.email ?? user.new_email} ${expiresIn.toFixed()}`;
}

export async function useFactors(signal: AbortSignal | undefined): Promise<string> {
  if (!passkeysWork() || !(await autofillWorks())) return "";
  const offered = offerPasskeys(client, { signal, onFailure: (error) => console.warn(error.message) });
  await loginWithPasskey(client, { signal });
  try {
    await client.login("kim", "secret");
  } catch (error) {
    if (!(error instanceof ApiError) || !error.challenge) throw error;
    const answer: SecondFactor = error.publicKey
      ? { credential: await answerWithPasskey(error.publicKey, { signal }) }
      : { code: "123456" };
    await loginWithSecondFactor(client, error.challenge, answer, { signal });
    await loginWithSecondFactor(client, error.challenge, { recoveryCode: "abcd" });
  }
  const proof: Proof = await proveWithPasskey(client);
  await client.reauthenticate(proof, { signal });
  await client.reauthenticate({ password: "secret", code: "123456" });
  await reauthenticate(client, { passkey: true });
  await reauthenticate(client, { password: "secret", code: undefined });
  const { uri, pending } = await beginTotp(client);
  document.body.append(qrSvg(uri, "For your app"));
  const codes = [...(await confirmTotp(client, pending, "123456")), ...(await replaceRecoveryCodes(client))];
  const { id } = await addPasskey(client, "Laptop");
  await addPasskey(client, undefined, { signal });
  await renamePasskey(client, id, "Phone");
  await removePasskey(client, id);
  await removeTotp(client);
  await upgradeToPasskey(client);
  await signalPasskeys(client);
  return `${codes.length} ${qrModules(uri).length} ${(await offered)?.username}`;
}

export async function administrate(signal: AbortSignal | undefined): Promise<string> {
  const { users, nextCursor } = await listUsers(client, { username: "k", limit: 50 }, { signal });
  await listUsers(client, { cursor: nextCursor });
  await listUsers(client);
  const { user, link } = await createUser(client, { username: "lee", email: undefined, roles: ["user"] });
  const { sessions, recentEvents, suppressed } = await getUser(client, user.id, { signal });
  await changeUser(client, user.id, { disabled: true, roles: undefined });
  await logOutUser(client, user.id);
  await removeSecondFactorOf(client, user.id);
  const { expiresIn } = await resetPasswordOf(client, user.id);
  await deleteUser(client, user.id);
  return `${users.length} ${link} ${sessions[0]?.ip} ${recentEvents[0]?.type} ${suppressed?.reason} ${expiresIn.toFixed()}`;
}

export function tell(error: Error): string {
  if (error instanceof ApiError) return `${error.status + error.retryAfter} ${error.error} ${error.errors[0]?.field}`;
  if (error instanceof NetworkError) return String(error.cause);
  if (error instanceof PasskeyError) return `${error.reason} ${error.cause}`;
  if (error instanceof SessionEnded) return error.name;
  return error.message;
}

export function tests(): ApiError {
  return new ApiError({ status: 422, errors: [{ field: "username", message: "Too short." }] });
}

export async function wrongUse(): Promise<void> {
  // @ts-expect-error no such way to keep it
  createClient({ storage: "disk" });
  // @ts-expect-error no such option
  createClient({ url: "/api" });
  // @ts-expect-error the timeout is in milliseconds
  createClient({ timeout: "10s" });
  // @ts-expect-error the client asks for the password with a function that takes its time
  createClient({ askPassword: () => "secret" });
  // @ts-expect-error a code proves nothing without the password
  createClient({ askPassword: async () => ({ code: "123456" }) });
  // @ts-expect-error a second factor is one of three
  await loginWithSecondFactor(client, "challenge", "123456");
  // @ts-expect-error without a second factor there is no challenge
  await loginWithSecondFactor(client, tests().challenge, { code: "123456" });
  // @ts-expect-error a passkey answers something
  await answerWithPasskey(undefined);
  // @ts-expect-error nobody may have chosen a passkey
  (await offerPasskeys(client)).username;
  // @ts-expect-error a code alone makes no session fresh
  await reauthenticate(client, { code: "123456" });
  // @ts-expect-error an element is no text
  document.body.innerText = qrSvg("uri");
  // @ts-expect-error nobody logs in without a password
  await client.login("kim");
  // @ts-expect-error a code alone is worth nothing
  await verifyLoginCode(client, "123456");
  // @ts-expect-error a function over a client
  await forgotPassword("kim");
  // @ts-expect-error an administrator chooses no password
  await createUser(client, { username: "lee", password: "secret" });
  // @ts-expect-error who somebody is, is no change
  await changeUser(client, "u1", { username: "lee" });
  // @ts-expect-error an address may be absent
  client.user?.email.length;
  // @ts-expect-error nobody may be logged in
  client.user.username;
  // @ts-expect-error only the client says who is logged in
  client.user = null;
  // @ts-expect-error no such member
  client.signIn("kim", "secret");
  // @ts-expect-error a body is an object
  await client.json("POST", "notes", "hello");
  // @ts-expect-error a session has no such member
  (await client.sessions())[0]?.device;
  // @ts-expect-error sessions are a list
  (await client.sessions()).id;
  // @ts-expect-error no such change
  client.onChange(({ type }) => type === "signed-out");
  // @ts-expect-error only a failure has an error
  client.onChange((change) => change.type === "logged-in" && change.error.message);
  // @ts-expect-error an event is no change
  client.onChange((event: MouseEvent) => event.clientX);
  // @ts-expect-error a status is a number
  new ApiError({ status: "422" });
  // @ts-expect-error an error of the API has no such member
  tests().code;
}
