/** The page speaks its reader's language, before its elements ask which that is. */

import { languageOf, Words } from "./elements/core/languages.js";

const root = document.documentElement;

// What is in no document has no language of its own.
root.lang = languageOf(document.createElement("p"));
root.dir = new Words(root.lang).direction;
