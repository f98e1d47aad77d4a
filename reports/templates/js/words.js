// Words that newcomers do not know: their meaning under the pointer, the focus or a finger.

const meanings = new Map(Object.entries(data.glossary).map(([word, text]) => [word.toLowerCase(), text]));
const WORDS = new RegExp(
  `(?<!\\w)(${Object.keys(data.glossary)
    .sort((a, b) => b.length - a.length)
    .map((word) => word.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&"))
    .join("|")})(?!\\w)`,
  "gi",
);

/** Return a text as nodes in which each word of the glossary can be asked for its meaning. */
function explained(text) {
  return String(text)
    .split(WORDS)
    .map((piece, place) =>
      place % 2
        ? element("button", { type: "button", class: "term", "aria-describedby": "tip" }, piece)
        : piece,
    )
    .filter((piece) => piece !== "");
}

/** Return the words of these texts that have a meaning, each once. */
function wordsIn(texts) {
  const found = texts.flatMap((text) => [...String(text).matchAll(WORDS)].map((match) => match[0]));
  return [...new Set(found.map((word) => word.toLowerCase()))];
}

/** Return the lines below a table: what its words mean; null where it has none. */
function wordLines(texts) {
  const found = wordsIn(texts);
  if (!found.length) return null;
  return element(
    "p",
    { class: "words" },
    found.flatMap((word, place) => [
      ...(place ? [element("br")] : []),
      element("strong", {}, word),
      `: ${meanings.get(word)}`,
    ]),
  );
}

function listenToWords() {
  const show = (event) => {
    const term = event.target.closest?.(".term");
    if (term) showTip(term, `${term.textContent}: ${meanings.get(term.textContent.toLowerCase())}`);
  };
  const hide = (event) => event.target.closest?.(".term") && hideTip();
  for (const kind of ["mouseover", "focusin", "click"]) document.addEventListener(kind, show);
  for (const kind of ["mouseout", "focusout"]) document.addEventListener(kind, hide);
  document.addEventListener("keydown", (event) => event.key === "Escape" && hideTip());
  for (const place of document.querySelectorAll("[data-explain]"))
    place.replaceChildren(...explained(place.textContent));
}
