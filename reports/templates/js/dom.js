// Elements. Text is always set as text: no name in the data can become markup.

/** Return a new element; `on…` attributes are listeners, null and false ones are left out. */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "class") made.className = value;
    else if (name === "style") Object.assign(made.style, value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat(2).filter((child) => child !== null && child !== undefined));
  return made;
}

/** Return a name that may break after what parts its words: "winograd_|tile6". */
function breakable(name) {
  const pieces = name.split(/(?<=[_/.-])(?=.)/);
  return pieces.flatMap((piece, place) => (place ? [element("wbr"), piece] : [piece]));
}

/** Return a labelled drop-down; `options` are [value, text] pairs. */
function choice(label, options, selected, onChange) {
  const select = element(
    "select",
    { onchange: (event) => onChange(event.target.value) },
    options.map(([value, text]) =>
      element("option", { value, selected: String(value) === String(selected) }, text),
    ),
  );
  return element("label", { class: "choice" }, label, select);
}

/** Return a definition list of [label, value] pairs; pairs without a value are left out. */
function facts(pairs) {
  return element(
    "dl",
    { class: "facts" },
    pairs
      .filter(([, value]) => value !== null && value !== undefined && value !== "")
      .map(([label, value]) =>
        element(
          "div",
          {},
          element("dt", {}, explained(label)),
          element("dd", {}, typeof value === "string" ? explained(value) : value),
        ),
      ),
  );
}

/** Mark the text of a number, for columns that stand to the right. */
const numeric = (text) => ({ text });

/** Return a scrollable table; its columns of `numeric` texts stand to the right. */
function plainTable(caption, headers, rows) {
  const isNumber = headers.map((_, place) => rows.some((row) => typeof row[place] === "object"));
  const head = headers.map((header, place) =>
    element("th", { scope: "col", class: isNumber[place] ? "number" : null }, explained(header)),
  );
  const body = rows.map((row) =>
    element(
      "tr",
      {},
      row.map((value, place) => {
        const text = value && typeof value === "object" ? value.text : String(value ?? "–");
        if (place === 0) return element("th", { scope: "row" }, text);
        return element("td", { class: isNumber[place] ? "number" : null }, text);
      }),
    ),
  );
  const texts = rows.flat().map((value) => value?.text ?? value);
  return element(
    "div",
    {},
    element(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
      element(
        "table",
        { class: "plain" },
        element("thead", {}, element("tr", {}, head)),
        element("tbody", {}, body),
      ),
    ),
    wordLines([...headers, ...texts.filter((text) => typeof text === "string")]),
  );
}

/** Escape a text for the two libraries that take markup: plotly.js and DataTables. */
function escaped(text) {
  const entities = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  return String(text).replace(/[&<>"']/g, (character) => entities[character]);
}
