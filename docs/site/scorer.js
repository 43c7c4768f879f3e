// How the search ranks what it has found: as Sphinx does, but the guides before what only explains how they came about.

const HISTORY = /^(decisions\/|changelog$)/;

// Sphinx declares it once more, with `var`.
var Scorer = {
  // Greater than what Sphinx gives to any page.
  score: ([page, , , , score]) => (HISTORY.test(page) ? score - 1000 : score),
  // Sphinx's own.
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
