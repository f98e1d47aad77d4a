// The heat map: a real table with one cell a square, so it is its own table twin.

const heat = {
  metric: isComparison ? "change" : "speedup",
  layer: "",
  kernel: "",
  family: "",
  status: "",
  sortBy: null, // place of an implementation; null: the run's order
  descending: true,
};

function shownScenarios() {
  const places = data.scenarios
    .map((_, place) => place)
    .filter((place) => {
      const scenario = data.scenarios[place];
      if (heat.layer && scenario.layer !== heat.layer) return false;
      if (heat.kernel && scenario.kernel !== heat.kernel) return false;
      return !heat.status || cellsOf(place).some((cell) => cell.status === heat.status);
    });
  if (heat.sortBy === null) return places;
  const metric = METRICS[heat.metric];
  const key = (place) => metricValue(cellAt(place, heat.sortBy), metric);
  const sign = heat.descending ? -1 : 1;
  return places.sort((a, b) => {
    const [left, right] = [key(a), key(b)];
    if (left === null || right === null) return (left === null) - (right === null); // last
    return sign * (left - right);
  });
}

/** Places of the implementations; those that cover nothing here come last. */
const byUse = (() => {
  const useful = new Set(
    cells
      .filter((cell) => cell.status !== "unsupported")
      .map((cell) => columns.implementation[cell.index]),
  );
  const places = data.implementations.map((_, place) => place);
  return [...places.filter((place) => useful.has(place)), ...places.filter((p) => !useful.has(p))];
})();

function shownImplementations() {
  return byUse.filter(
    (place) => !heat.family || data.implementations[place].family === heat.family,
  );
}

function heatHeader(places) {
  const sortable = (label, small, place) => {
    const icon = place === null ? null : rowIcon(place);
    const isSorted = heat.sortBy === place && place !== null;
    const sort = isSorted ? (heat.descending ? "descending" : "ascending") : null;
    const arrow = isSorted ? (heat.descending ? " ↓" : " ↑") : "";
    const press = () => {
      if (place === null) heat.sortBy = null;
      else if (heat.sortBy !== place) [heat.sortBy, heat.descending] = [place, true];
      else heat.descending = !heat.descending;
      drawHeatMap();
      document.querySelector(`.heat [data-place="${place}"]`).focus();
    };
    return element(
      "th",
      { scope: "col", "aria-sort": sort },
      element(
        "button",
        { type: "button", onclick: press, "data-place": String(place) },
        icon,
        breakable(label),
        arrow,
        element("small", {}, small),
      ),
    );
  };
  return element(
    "tr",
    {},
    sortable("Scenario", "in the run's order", null),
    places.map((place) =>
      sortable(data.implementations[place].name, data.implementations[place].family, place),
    ),
  );
}

/** Return one square; `row` holds the values of its scenario, `colour` gives it its place on a scale. */
function heatCell(cell, value, row, metric, colour) {
  if (!cell) return element("td", { class: "missing", role: "gridcell" }, ABSENT);
  const attributes = { role: "gridcell", tabindex: "-1", "data-cell": cell.index };
  if (value === null) {
    const text = cell.passed ? (metric.absent ?? "not known") : words(cell.status);
    const hasFailed = !cell.passed && cell.status !== "unsupported";
    return element(
      "td",
      { ...attributes, class: hasFailed ? "none failed" : "none" },
      element("span", {}, text),
    );
  }
  const rgb = colourAt(...colour(value, row));
  const style = { background: `rgb(${rgb.join(" ")})`, color: textOn(rgb) };
  const framed = isFramed(cell, value, row, metric) ? "framed" : null;
  return element("td", { ...attributes, class: framed, style }, metric.format(value) + (metric.won ? mark(cell) : ""));
}

/** Return why nobody won a scenario, where the frame would say who did. */
function undecided(scenario, metric) {
  const why = metric.won && data.scenarios[scenario].undecided;
  return why ? element("small", {}, why) : null;
}

function heatRow(scenario, implementations, metric, colour) {
  const shown = implementations.map((implementation) => cellAt(scenario, implementation));
  const row = shown.map((cell) => metricValue(cell, metric));
  const { id, shape } = data.scenarios[scenario];
  return element(
    "tr",
    {},
    element(
      "th",
      { scope: "row" },
      breakable(id),
      element("small", { class: "shape" }, shape),
      undecided(scenario, metric),
    ),
    shown.map((cell, at) => heatCell(cell, row[at], row, metric, colour)),
  );
}

function drawHeatMap() {
  const metric = METRICS[heat.metric];
  const [scenarios, implementations] = [shownScenarios(), shownImplementations()];
  const colour = colouring(metric, scenarios, implementations);
  const rows = scenarios.map((scenario) => heatRow(scenario, implementations, metric, colour));
  const table = element(
    "table",
    { class: "heat", role: "grid", "aria-label": `${metric.label} by scenario and implementation` },
    element("thead", {}, heatHeader(implementations)),
    element("tbody", {}, rows),
  );
  table.querySelector("td[tabindex]")?.setAttribute("tabindex", "0");
  document.getElementById("heat-scroll").replaceChildren(table);
  drawHeatLegend(metric, scenarios.length);
}

/** Return what the orange and the blue end of a diverging scale stand for. */
function ends({ limit, slower }) {
  return slower === "high"
    ? [`slower: ${limit}× or more`, `faster: 1/${limit}× or less; 1× is the middle`]
    : [`1/${limit}× or less`, `${limit}× or more; 1× is the middle`];
}

function drawHeatLegend(metric, count) {
  const scale = metric.scale === "diverging" ? DIVERGING : SEQUENTIAL;
  const [low, high] = {
    diverging: ends(metric),
    row: [`${metric.limit}× slower or more`, "least of the row"],
    log: ["least", "most"],
  }[metric.scale];
  document
    .getElementById("heat-legend")
    .replaceChildren(
      element(
        "span",
        { class: "scale" },
        low,
        element("span", { class: "ramp", style: { background: ramp(scale) } }),
        high,
      ),
      element("span", {}, `${metric.unit}, logarithmic`),
      element(
        "span",
        {},
        element("span", { class: "swatch framed" }),
        metric.frame ?? "best of the row",
      ),
      element("span", {}, element("span", { class: "swatch hatched" }), "no valid value"),
      element(
        "span",
        {},
        `${count.toLocaleString("en")} of ${data.scenarios.length.toLocaleString("en")} scenarios`,
      ),
    );
}

function heatControls() {
  const distinct = (values) => [...new Set(values)].map((value) => [value, words(value)]);
  const filter = (label, key, values) =>
    choice(label, [["", "all"], ...distinct(values)], "", (value) => {
      heat[key] = value;
      drawHeatMap();
    });
  const metrics = Object.entries(METRICS).map(([key, metric]) => [key, metric.label]);
  document.getElementById("heat-controls").replaceChildren(
    choice("Show", metrics, heat.metric, (value) => {
      heat.metric = value;
      drawHeatMap();
    }),
    filter(
      "Layer",
      "layer",
      data.scenarios.map((scenario) => scenario.layer),
    ),
    filter(
      "Kernel",
      "kernel",
      data.scenarios.map((scenario) => scenario.kernel),
    ),
    filter(
      "Family",
      "family",
      data.implementations.map((implementation) => implementation.family),
    ),
    filter(
      "Has a cell that is",
      "status",
      cells.map((cell) => cell.status),
    ),
  );
}
