import { createClient, SessionEnded } from "/js/lychgate.js";

const client = createClient();
const find = (selector) => document.querySelector(selector);
const here = location.pathname + location.search + location.hash;
const logIn = () => location.replace(`/?return=${encodeURIComponent(here)}`);

const wasMeant = (why) => why === "logged out" || why === "elsewhere";
client.onChange(({ type, why }) => type === "logged-out" && (wasMeant(why) ? location.replace("/") : logIn()));

async function show() {
  try {
    if (!(await client.restore())) return logIn();
    find("#name").textContent = client.user.username;
    find("#answer").textContent = JSON.stringify(await client.json("GET", "dashboard"), null, 2);
    find("main").hidden = false;
    find("#problem").hidden = true;
  } catch (error) {
    if (error instanceof SessionEnded) return; // onChange has sent them to the log-in.
    find("#problem p").textContent = error.detail || "The service cannot be reached.";
    find("#problem").hidden = false;
  }
}

find("#leave").addEventListener("click", () => client.logout());
find("#again").addEventListener("click", show);
show();
