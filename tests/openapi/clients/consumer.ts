// A program over the types that openapi-typescript makes of the document. The compiler has to take it as it stands:
// each line after @ts-expect-error must be wrong, and every other one right.
import type { components, operations, paths } from "./schema";

type Json<T> = T extends { content: { "application/json": infer Body } } ? Body : never;
type Refusal<T> = T extends { content: { "application/problem+json": infer Body } } ? Body : never;
type BodyOf<Name extends keyof operations> = Json<NonNullable<operations[Name]["requestBody"]>>;
type Answers<Name extends keyof operations> = operations[Name]["responses"];
type AnswerOf<Name extends keyof operations> = Json<Answers<Name>[keyof Answers<Name>]>;
type ProblemOf<Name extends keyof operations> = Refusal<Answers<Name>[keyof Answers<Name>]>;

declare function send<Name extends keyof operations>(
  name: Name,
  body: BodyOf<Name>,
): Promise<{ ok: true; data: AnswerOf<Name> } | { ok: false; problem: ProblemOf<Name> }>;

export async function logIn(username: string, password: string): Promise<string> {
  const answer = await send("log_in", { username, password });
  if (answer.ok) {
    const user: components["schemas"]["UserBody"] = answer.data.user;
    const roles: string[] = user.roles;
    const lifetime: number = answer.data.expires_in;
    const inTheBody: string | undefined = answer.data.refresh_token;
    return [answer.data.access_token, lifetime, inTheBody, ...roles].join();
  }
  const problem: components["schemas"]["Problem"] = answer.problem;
  switch (problem.error) {
    case "invalid_credentials":
      return problem.detail;
    case "validation_failed":
      return (problem.errors ?? []).map(({ field, message }) => `${field}: ${message}`).join();
    case "insufficient_user_authentication":
      return `${problem.max_age} s`;
    case "second_factor_required": {
      const methods: ("totp" | "recovery_code" | "passkey")[] = problem.methods ?? [];
      const rpId: unknown = problem.publicKey?.["rpId"];
      return [problem.challenge, problem.expires_in, rpId, ...methods].join();
    }
    // @ts-expect-error there is no such code
    case "wrong_password":
      return "";
    default:
      return problem.title;
  }
}

export const bodies: [BodyOf<"register">, BodyOf<"log_in">, BodyOf<"change_password">, BodyOf<"refresh">] = [
  { username: "alice", password: "correct horse battery staple" },
  { username: "alice", password: "correct horse battery staple", token_delivery: "cookie" },
  { current_password: "correct horse battery staple", new_password: "another one" },
  {},
];

// @ts-expect-error a password is needed
export const without: BodyOf<"log_in"> = { username: "alice" };
// @ts-expect-error the refresh token goes into the body or the cookie
export const nowhere: BodyOf<"log_in"> = { username: "alice", password: "x", token_delivery: "nowhere" };
// @ts-expect-error an unknown member is refused
export const more: BodyOf<"log_in"> = { username: "alice", password: "x", email: "alice@example.org" };

export const registrations: BodyOf<"register">[] = [
  { username: "alice", password: "x", email: "alice@example.org" },
  { email: "alice@example.org", password: "x" },
];
export const secondSteps: BodyOf<"log_in_with_second_factor">[] = [
  { challenge: "x", code: "042137" },
  { challenge: "x", recovery_code: "x", token_delivery: "cookie" },
  { challenge: "x", credential: { id: "x", response: { signature: "x" } } },
];
// @ts-expect-error a passkey's answer is an object
export const noAnswer: BodyOf<"log_in_with_passkey"> = { challenge: "x", credential: "x" };
// @ts-expect-error a passkey is renamed to something
export const unnamed: BodyOf<"rename_passkey"> = {};

export function whatThereIs(factors: AnswerOf<"get_factors">): string {
  const addedAt: string | undefined = factors.totp?.added_at;
  const lastUsedAt: (string | null)[] = factors.passkeys.map((passkey) => passkey.last_used_at);
  // @ts-expect-error there may be no app
  const always: string = factors.totp.added_at;
  return [addedAt, always, factors.password, factors.recovery_codes_left, ...lastUsedAt].join();
}

// @ts-expect-error an account has a name
export const nameless: BodyOf<"register"> = { password: "x" };

export function whatNow(answer: AnswerOf<"register">): string {
  if ("access_token" in answer) {
    const address: string | null = answer.user.email;
    return `${address} ${answer.user.new_email ?? ""}`;
  }
  const seconds: number = answer.expires_in;
  return `${seconds} s`;
}

export function whatToShow(options: AnswerOf<"get_options">, keys: AnswerOf<"get_jwks">): string {
  const closed: boolean = options.registration === "closed";
  const least: number = options.password.min_length;
  const kid: unknown = keys.keys[0]?.["kid"];
  return `${closed} ${least} ${kid}`;
}

// The path and its operation are one.
export const same: paths["/auth/login"]["post"] extends operations["log_in"] ? true : false = true;
export const sessionId: operations["end_session"]["parameters"]["path"] = { session_id: "abc" };
// @ts-expect-error an empty answer has no body
export const nothing: NonNullable<operations["log_out"]["responses"][204]["content"]> = { "application/json": {} };
