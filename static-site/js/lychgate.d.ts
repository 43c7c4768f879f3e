/**
 * Makes the client of one API. docs/browser-client.md tells of each option and member.
 *
 * @param {ClientOptions} [options]
 * @returns {Client}
 */
export function createClient({ baseUrl, storage, fetch, timeout, askPassword, bind, }?: ClientOptions): Client;
/** The API answered with an error. */
export class ApiError extends Error {
    /** @param {Partial<ApiError>} problem */
    constructor(problem: Partial<ApiError>);
    name: "ApiError";
    /** The HTTP status. */
    status: number;
    /** The API's code for the error, "" if the answer had none. */
    error: string;
    /** The API's sentence for people, "" if the answer had none. */
    detail: string;
    /**
     * What is wrong with which field, empty if that is not the error.
     *
     * @type {FieldError[]}
     */
    errors: FieldError[];
    /** Seconds to wait before another try, 0 if the API named none. */
    retryAfter: number;
    /**
     * What the second factor is sent with, where one is due. So are the next three.
     *
     * @type {string | undefined}
     */
    challenge: string | undefined;
    /**
     * The second factors that the user has.
     *
     * @type {("totp" | "recovery_code" | "passkey")[] | undefined}
     */
    methods: ("totp" | "recovery_code" | "passkey")[] | undefined;
    /**
     * Seconds for which the challenge is good.
     *
     * @type {number | undefined}
     */
    expiresIn: number | undefined;
    /**
     * What a passkey is to answer (PublicKeyCredentialRequestOptionsJSON), if the user has one.
     *
     * @type {PublicKeyCredentialRequestOptionsJSON | undefined}
     */
    publicKey: PublicKeyCredentialRequestOptionsJSON | undefined;
    /**
     * How strong an authentication the call wants, if the session's is too weak.
     *
     * @type {string | undefined}
     */
    acrValues: string | undefined;
    /**
     * How many seconds ago the user may have authenticated, where the call wants that again.
     *
     * @type {number | undefined}
     */
    maxAge: number | undefined;
}
/** No usable answer came. */
export class NetworkError extends Error {
    name: "NetworkError";
}
/** The session is over, or another user's by now. */
export class SessionEnded extends Error {
    name: "SessionEnded";
}
/**
 * An account, as the API tells of it.
 */
export type User = {
    id: string;
    username: string;
    roles: string[];
    /**
     * an RFC 3339 time in UTC
     */
    created_at: string;
    disabled: boolean;
    /**
     * null for none
     */
    email?: string | null | undefined;
    /**
     * whether `email` is confirmed
     */
    email_verified?: boolean | undefined;
    /**
     * takes the place of `email` once it is confirmed
     */
    new_email?: string | undefined;
    /**
     * whether a log-in asks for a second factor
     */
    second_factor?: boolean | undefined;
};
/**
 * One of the user's sessions, as the API tells of it. Times are RFC 3339, in UTC.
 */
export type Session = {
    id: string;
    created_at: string;
    /**
     * rounded down to the hour
     */
    last_used_at: string;
    /**
     * rounded down to the hour
     */
    expires_at: string;
    /**
     * the address it began from
     */
    ip: string;
    /**
     * what it began in, which a client can choose
     */
    user_agent: string;
    /**
     * whether this is the session of the call
     */
    current: boolean;
    /**
     * whether nobody can continue it without a key of its client
     */
    bound: boolean;
};
/**
 * The access token, for uses other than `fetch`.
 */
export type Token = {
    accessToken: string;
    /**
     * in seconds, from its issue
     */
    lifetime: number;
    secondsLeft: number;
};
/**
 * Something that happened to the session. `why` is a word or two for logs and tests.
 */
export type Change = {
    type: "refresh-failed" | "logout-pending";
    why: string;
    error: Error;
} | {
    type: "logged-in" | "refreshing" | "refreshed" | "logged-out" | "logout-sent";
    why: string;
    error?: undefined;
};
/**
 * Where the refresh token is kept.
 */
export type StorageMode = "cookie" | "session" | "local" | "memory";
/**
 * What is wrong with which field of a request: a sentence in English, a code for programs (docs/http-api.md lists them), and
 * the number that belongs to it. What a page makes itself may have no code.
 */
export type FieldError = {
    field: string;
    message: string;
    code?: string | undefined;
    limit?: number | undefined;
};
/**
 * What shows again who the user is: the password alone or with a code of the TOTP app, or a passkey.
 */
export type Proof = string | {
    password: string;
    code?: string | undefined;
} | {
    challenge: string;
    credential: object;
};
/**
 * What a call may be given besides its own arguments.
 */
export type CallOptions = {
    /**
     * cancels the call
     */
    signal?: AbortSignal | undefined;
};
/**
 * The same for `json`, which can leave out the session.
 */
export type JsonOptions = CallOptions & {
    anonymous?: boolean | undefined;
};
/**
 * What createClient takes.
 */
export type ClientOptions = {
    /**
     * the API's root, relative to the page or absolute; "/api" by default
     */
    baseUrl?: string | URL | undefined;
    /**
     * where the refresh token is kept; "cookie" by default
     */
    storage?: StorageMode | undefined;
    /**
     * sends a request
     */
    fetch?: ((request: Request) => Promise<Response>) | undefined;
    /**
     * milliseconds to wait for a response; 10,000 by default
     */
    timeout?: number | undefined;
    /**
     * asks the user for the password, or another proof; null if the user does not want to
     */
    askPassword?: ((why: ApiError) => Promise<Proof | null>) | undefined;
    /**
     * whether a session that begins here needs a key of this browser; true by default
     */
    bind?: boolean | undefined;
};
/**
 * What a client has. docs/browser-client.md tells more of each member.
 */
export type ClientMembers = {
    /**
     * the user who is logged in, null if nobody is
     */
    user: User | null;
    /**
     * the access token, null if nobody is logged in
     */
    token: Token | null;
    /**
     * whether the session needs the key that this client keeps, null if nobody is logged in
     */
    session: {
        bound: boolean;
    } | null;
    /**
     * continues an earlier page's session; throws if the API cannot be reached
     */
    restore: () => Promise<User | null>;
    /**
     * creates an account and logs in
     */
    register: (username: string, password: string, options?: CallOptions) => Promise<User>;
    /**
     * logs in
     */
    login: (username: string, password: string, options?: CallOptions) => Promise<User>;
    /**
     * logs in by another POST that the API answers with tokens
     */
    enter: (path: string, body: object, options?: CallOptions) => Promise<User>;
    /**
     * logs out at once, in every tab; whether the API has heard of it: if not, it is told later
     */
    logout: () => Promise<boolean>;
    /**
     * ends every session of the user; resolves as `logout` does
     */
    logoutEverywhere: (options?: CallOptions) => Promise<boolean>;
    /**
     * the user's sessions, newest first
     */
    sessions: (options?: CallOptions) => Promise<Session[]>;
    /**
     * changes the password, and ends all other sessions
     */
    changePassword: (current: string, next: string, options?: CallOptions) => Promise<void>;
    /**
     * confirms who the user is, for calls that want that again
     */
    reauthenticate: (proof: Proof, options?: CallOptions) => Promise<void>;
    /**
     * gets a new access token now
     */
    refresh: (why?: string) => Promise<void>;
    /**
     * calls the API with the access token; resolves to the response's body, null if it has none; throws ApiError
     */
    json: <Body = any>(method: string, path: string, body?: object, options?: JsonOptions) => Promise<Body>;
    /**
     * `fetch`, with the access token for URLs below the API's root; a path is relative to that root
     */
    fetch: typeof globalThis.fetch;
    /**
     * calls the listener at each change; returns a function that unsubscribes
     */
    onChange: (listener: (change: Change) => void) => () => void;
    /**
     * stops timers and listeners for good; the session continues
     */
    close: () => void;
};
/**
 * The client of one API: what createClient returns.
 */
export type Client = Readonly<ClientMembers>;
/**
 * What the API answers to a log-in or a refresh.
 */
export type Tokens = {
    access_token: string;
    /**
     * seconds for which the access token is good
     */
    expires_in: number;
    /**
     * absent if it is in a cookie
     */
    refresh_token?: string | undefined;
    user: User;
};
