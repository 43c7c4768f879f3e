import { createClient, SessionEnded } from "/js/lychgate.js";

const client = createClient();
const find = (selector) => document.querySelector(selector);
const here = location.pathname + location.search + location.hash;
const logIn = () => location.replace(`/?return=${encodeURIComponent(here)}`);

const wasMeant = (why) => why === "logged out" || why === "elsewhere";
client.onChange(({ type, why }) => type === "logged-out" && (wasMeant(why) ? location.replace("/") : logIn()));
try {
  if (await client.restore()) {
    find("#name").textContent = client.user.username;
    find("#answer").textContent = JSON.stringify(await client.json("GET", "dashboard"), null, 2);
    find("#leave").addEventListener("click", () => client.logout());
    find("main").hidden = false;
  } else {
    logIn();
  }
} catch (error) {
  find("#problem").hidden = error instanceof SessionEnded; // onChange is told of that.
  find("#again").addEventListener("click", () => location.reload());
}
