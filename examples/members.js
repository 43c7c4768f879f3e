import { createClient } from "/js/lychgate.js";

const client = createClient();
const find = (selector) => document.querySelector(selector);

client.onChange(({ type }) => type === "logged-out" && location.replace("/"));
if (await client.restore()) {
  find("#name").textContent = client.user.username;
  find("#answer").textContent = JSON.stringify(await client.json("GET", "dashboard"), null, 2);
  find("#leave").addEventListener("click", () => client.logout());
  find("main").hidden = false;
} else {
  location.replace("/");
}
