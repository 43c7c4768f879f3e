// What a browser has of passkeys, as far as a page meets it: one ceremony at a time, whose user is the test.

const bytes = (text) => Uint8Array.from(Buffer.from(text, "base64url"));
/** What `get` resolves to, as JSON. */
export const ASSERTION = {
  id: "AQIDBA",
  rawId: "AQIDBA",
  type: "public-key",
  authenticatorAttachment: "platform",
  clientExtensionResults: {},
  response: { clientDataJSON: "e30", authenticatorData: "-_8", signature: "AAEC", userHandle: "dTE" },
};
/** What `create` resolves to, as JSON. */
export const ATTESTATION = {
  id: "AQIDBA",
  rawId: "AQIDBA",
  type: "public-key",
  authenticatorAttachment: "platform",
  clientExtensionResults: {},
  response: {
    clientDataJSON: "e30",
    attestationObject: "o2M",
    authenticatorData: "-_8",
    publicKey: "MFk",
    publicKeyAlgorithm: -7,
    transports: ["internal", "hybrid"],
  },
};

/** Make a page in a browser of this process. Each thing that some browsers lack can be left out by `delete`. */
export class Browser {
  /** Ceremonies in the order of their beginning: method, options, and what answers them. */
  asked = [];
  /** What it was told of passkeys. */
  signals = [];
  /** The same page, for events. */
  page = new EventTarget();
  document = { hidden: false };

  constructor() {
    const signal = (name) => async (details) => this.signals.push([name, details]);
    this.PublicKeyCredential = {
      isConditionalMediationAvailable: async () => true,
      getClientCapabilities: async () => ({ conditionalCreate: true, conditionalGet: true }),
      parseCreationOptionsFromJSON: (json) => ({ ...json, parsed: "creation" }),
      parseRequestOptionsFromJSON: (json) => ({ ...json, parsed: "request" }),
      signalUnknownCredential: signal("unknown"),
      signalAllAcceptedCredentials: signal("all"),
      signalCurrentUserDetails: signal("user"),
    };
  }

  /** Be the browser of all that runs from now on. */
  open(address = "http://localhost/") {
    globalThis.location = new URL(address);
    globalThis.isSecureContext = true;
    globalThis.document = this.document;
    globalThis.PublicKeyCredential = this.PublicKeyCredential;
    globalThis.addEventListener = (...given) => this.page.addEventListener(...given);
    globalThis.navigator ??= {};
    const [get, create] = ["get", "create"].map((method) => (options) => this.#ask(method, options));
    Object.defineProperty(globalThis.navigator, "credentials", { value: { get, create }, configurable: true });
    return this;
  }

  close() {
    for (const name of ["isSecureContext", "document", "PublicKeyCredential", "addEventListener"]) delete globalThis[name];
    delete globalThis.navigator.credentials;
  }

  /** The ceremonies that are under way. */
  get ongoing() {
    return this.asked.filter(({ isOver }) => !isOver);
  }

  happens(event) {
    this.page.dispatchEvent(new Event(event));
  }

  hide(isHidden) {
    this.document.hidden = isHidden;
    this.happens("visibilitychange");
  }

  #ask(method, options) {
    if (options.signal?.aborted) return Promise.reject(options.signal.reason);
    const isBusy = this.ongoing.length > 0;
    const ceremony = { method, ...options, isOver: false };
    this.asked.push(ceremony);
    return new Promise((resolve, reject) => {
      ceremony.answer = (credential = credentialOf(method)) => resolve(credential);
      ceremony.fail = (name) => reject(new DOMException("Not now.", name));
      options.signal?.addEventListener("abort", () => setTimeout(() => reject(options.signal.reason), 2));
      if (isBusy) ceremony.fail("OperationError");
    }).finally(() => (ceremony.isOver = true));
  }
}

/** A credential as new browsers hand it out. */
export function credentialOf(method) {
  return { toJSON: () => (method === "get" ? ASSERTION : ATTESTATION) };
}

/** The same as browsers hand it out that know no JSON. */
export function oldCredentialOf(method) {
  const { id, type, authenticatorAttachment, response } = method === "get" ? ASSERTION : ATTESTATION;
  const buffer = (name) => response[name] && bytes(response[name]).buffer;
  const given =
    method === "get"
      ? { authenticatorData: buffer("authenticatorData"), signature: buffer("signature"), userHandle: buffer("userHandle") }
      : {
          attestationObject: buffer("attestationObject"),
          getAuthenticatorData: () => buffer("authenticatorData"),
          getPublicKey: () => buffer("publicKey"),
          getPublicKeyAlgorithm: () => response.publicKeyAlgorithm,
          getTransports: () => response.transports,
        };
  return {
    ...{ id, rawId: bytes(id).buffer, type, authenticatorAttachment, getClientExtensionResults: () => ({}) },
    response: { clientDataJSON: buffer("clientDataJSON"), ...given },
  };
}

