// The words of the elements as they are loaded: each language its own, and a site's before ours.

import assert from "node:assert/strict";
import { test } from "node:test";

const ELEMENTS = new URL("../../static-site/js/elements/", import.meta.url);
const { addWords, languages, wordsIn } = await import(new URL("core/languages.js", ELEMENTS));
const LANGUAGES = languages();
const AREAS = ["steps", "account", "changes", "mailed"];
const catalogue = async (name) => (await import(new URL(`words/${name}.js`, ELEMENTS))).default;
/** Those of a catalogue that stand for themselves, by their keys. */
const plain = (texts) => Object.entries(texts).filter(([, text]) => typeof text === "string" && !text.includes("{"));

for (const language of LANGUAGES) {
  for (const area of [null, ...AREAS]) {
    test(`${language} says ${area ?? "what every element says"} in its own words`, async () => {
      const words = await wordsIn(language, area ? [area] : []);
      const texts = plain(await catalogue(area ? `${language}-${area}` : language));
      assert.ok(texts.length > 3);
      for (const [key, text] of texts) assert.equal(words.text(key), text);
    });
  }
}

for (const area of [null, ...AREAS]) {
  test(`a site's own words come before ours of ${area ?? "every element"}, and leave the others`, async () => {
    const [[key], [other, text]] = plain(await catalogue(area ? `en-${area}` : "en"));
    addWords("en", { [key]: "Our own" });
    const words = await wordsIn("en");
    if (area) await words.load(area);
    assert.equal(words.text(key), "Our own");
    assert.equal(words.text(other), text);
    await words.load(...AREAS);
    assert.equal(words.text(key), "Our own");
  });
}

test("a site adds to its own words, and a language that there was not", async () => {
  addWords("nl", { "log-in": "Inloggen" });
  addWords("nl", { "log-out": "Uitloggen" });
  assert.deepEqual(languages(), [...LANGUAGES, "nl"]);
  const words = await wordsIn("nl", ["account"]);
  assert.deepEqual([words.text("log-in"), words.text("log-out")], ["Inloggen", "Uitloggen"]);
});
