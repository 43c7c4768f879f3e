/** What is said otherwise where the address is the username. Loaded only there. */

/** By the keys of what is said elsewhere. */
const SPECIALS = {
  invalid_credentials: "invalid_credentials:email",
  "field:contains_username": "contains-email",
  "reset:hint": "reset:hint:email",
  "profile-subtitle": "profile-subtitle:email",
  "new-password-hint": "new-password-hint:email",
  "delete-explained": "delete-explained:email",
};

/** @param {import("./languages.js").Words} words of one element */
export function speakOfAddresses(words) {
  for (const [key, special] of Object.entries(SPECIALS)) words.replace(key, special);
}
