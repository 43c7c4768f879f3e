// A page on an origin of its own. README.md beside it says what it owes to that.
import { ApiError, createClient } from "./js/lychgate.js";
import { loginWithSecondFactor } from "./js/lychgate-factors.js";

// The cookie is out of reach from here, so the refresh token is in this tab's storage. "memory" keeps it nowhere.
const client = createClient({ baseUrl: document.documentElement.dataset.api, storage: "session" });
const find = (selector) => document.querySelector(selector);
const views = { "log-in": find("#log-in"), "second-step": find("#second-step"), account: find("#account") };
const UNTOLD = "The service does not know yet that you have logged out. This page keeps telling it: leave it open.";
let challenge = "";

function show(name, status) {
  for (const [each, element] of Object.entries(views)) element.hidden = each !== name;
  find("[role=status]").textContent = status;
}

async function follow() {
  if (!client.user) return show("log-in", "Please log in.");
  show("account", `Hello, ${client.user.username}`);
  const dashboard = await client.json("GET", "dashboard");
  find("#answer").textContent = JSON.stringify(dashboard, null, 2);
}

function tell(error) {
  const detail = error instanceof ApiError ? error.detail : "The log-in service cannot be reached. Please try again.";
  const wait = error.retryAfter ? ` Please wait ${error.retryAfter} seconds.` : "";
  find("[role=alert]").textContent = detail + wait;
}

/** Do this with what somebody has typed into a form, and say what went wrong. */
function onSubmit(form, action) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    find("[role=alert]").textContent = "";
    try {
      await action(Object.fromEntries(new FormData(form)));
      form.reset();
    } catch (error) {
      if (error.error !== "second_factor_required") return tell(error);
      challenge = error.challenge;
      show("second-step", "One more step.");
      views["second-step"].elements.code.focus();
    }
  });
}

onSubmit(views["log-in"], ({ username, password }) => client.login(username, password));
onSubmit(views["second-step"], async ({ code }) => {
  const isDigits = /^\d{6}$/.test(code.replaceAll(" ", ""));
  try {
    await loginWithSecondFactor(client, challenge, isDigits ? { code } : { recoveryCode: code });
  } catch (error) {
    // Too old, or tried too often: begin again with the password.
    if (error.error === "invalid_challenge") show("log-in", "Please log in.");
    throw error;
  }
});
find("#leave").addEventListener("click", () => client.logout());
client.onChange(({ type }) => {
  // Also when the session is ended elsewhere.
  if (type === "logged-in" || type === "logged-out") follow().catch(tell);
  if (type === "logout-pending") find("[role=alert]").textContent = UNTOLD;
  if (type === "logout-sent") find("[role=alert]").textContent = "";
});
try {
  if (!(await client.restore())) await follow();
} catch (error) {
  show("log-in", "Please log in.");
  tell(error);
}
