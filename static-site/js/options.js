/** What the API allows whom it does not know: whether somebody may sign up, and how long a password has to be. */

/** In characters. Until the API has told its own, and where it does not. The API checks again. */
export const passwordLength = { min: 15, max: 256 };

/** @type {Promise<boolean> | null} null until it was asked, and when it did not answer */
let asking = null;

/**
 * Ask the API once; again after a failure.
 *
 * @param {{json: (method: string, path: string) => Promise<any>}} client
 * @returns {Promise<boolean>} whether somebody may sign up, as far as is known
 */
export function learnOptions(client) {
  asking ??= ask(client).catch(() => {
    asking = null;
    return true;
  });
  return asking;
}

async function ask(client) {
  const { registration, password } = await client.json("GET", "auth/options");
  if (password?.min_length > 0) passwordLength.min = password.min_length;
  if (password?.max_length >= passwordLength.min) passwordLength.max = password.max_length;
  for (const place of document.querySelectorAll("[data-password-min]")) place.textContent = String(passwordLength.min);
  return registration !== "closed";
}
