// The heat map: a real table with one cell a square, so it is its own table twin.

const METRICS = {
  speedup: { label: "Speed-up", column: "speedup", format: times, unit: "reference time / own time", best: "high", scale: "diverging" },
  time: { label: "Time per call", column: "time", format: seconds, unit: "seconds per call; colour against the fastest of the row", best: "low", scale: "row" },
  gflops: { label: "GFLOP/s", column: "gflops", format: plain, unit: "GFLOP/s by the direct sum's operations", best: "high", scale: "log" },
  roof: { label: "Fraction of the ceiling", column: "roof", format: percent, unit: "time at the measured ceilings / own time", best: "high", scale: "log" },
  peak: { label: "Peak memory", column: "peak", format: bytes, unit: "bytes of one call at its high-water mark", best: "low", scale: "log" },
  error: { label: "Error", column: "error", format: scientific, unit: "relative L2 error against float64", best: "low", scale: "log" },
};
if (isComparison) {
  METRICS.change = { label: "Change", column: "change", format: times, unit: "base time / time of this run", best: "high", scale: "diverging", invert: true };
}

const heat = {
  metric: isComparison ? "change" : "speedup",
  layer: "", kernel: "", family: "", status: "",
  sortBy: null, // place of an implementation; null: the run's order
  descending: true,
};

const LIMIT = 8; // beyond 8 times slower or faster the colour says no more

function metricValue(cell, metric) {
  if (!cell) return null;
  const value = cell.get(metric.column);
  if (typeof value !== "number") return null;
  return metric.invert ? 1 / value : value;
}

function shownScenarios() {
  const places = data.scenarios.map((_, place) => place).filter((place) => {
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

function shownImplementations() {
  const places = data.implementations.map((_, place) => place);
  return places.filter((place) => !heat.family || data.implementations[place].family === heat.family);
}

/** Return a function from a row's values to a place on the colour scale, 0 to 1, or null. */
function colouring(metric, scenarios, implementations) {
  if (metric.scale === "diverging") {
    return (value) => [DIVERGING, (Math.log(value) / Math.log(LIMIT) + 1) / 2];
  }
  if (metric.scale === "row") {
    return (value, row) => {
      const best = Math.min(...row.filter((other) => other !== null));
      return [SEQUENTIAL, 1 - Math.log(value / best) / Math.log(LIMIT)];
    };
  }
  let [low, high] = [Infinity, -Infinity];
  for (const scenario of scenarios) {
    for (const implementation of implementations) {
      const value = metricValue(cellAt(scenario, implementation), metric);
      if (value > 0) [low, high] = [Math.min(low, value), Math.max(high, value)];
    }
  }
  return (value) => [SEQUENTIAL, value > 0 ? Math.log(value / low) / (Math.log(high / low) || 1) : 0];
}

function bestOf(row, metric) {
  const values = row.filter((value) => value !== null);
  if (!values.length) return null;
  return metric.best === "high" ? Math.max(...values) : Math.min(...values);
}

function heatHeader(places) {
  const sortable = (label, small, place) => {
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
    return element("th", { scope: "col", "aria-sort": sort },
      element("button", { type: "button", onclick: press, "data-place": String(place) },
        `${label}${arrow}`, element("small", {}, small)));
  };
  return element("tr", {},
    sortable("Scenario", "in the run's order", null),
    places.map((place) => sortable(data.implementations[place].name, data.implementations[place].family, place)));
}

function heatCell(cell, value, isBest, colour) {
  if (!cell) return element("td", { class: "missing", role: "gridcell" }, ABSENT);
  const attributes = { role: "gridcell", tabindex: "-1", "data-cell": cell.index };
  if (value === null) {
    const text = cell.passed ? "not known" : words(cell.status);
    return element("td", { ...attributes, class: "none" }, element("span", {}, text));
  }
  const rgb = colourAt(...colour);
  const style = { background: `rgb(${rgb.join(" ")})`, color: textOn(rgb) };
  return element("td", { ...attributes, class: isBest ? "best" : null, style }, METRICS[heat.metric].format(value));
}

function drawHeatMap() {
  const metric = METRICS[heat.metric];
  const [scenarios, implementations] = [shownScenarios(), shownImplementations()];
  const place = colouring(metric, scenarios, implementations);
  const rows = scenarios.map((scenario) => {
    const values = implementations.map((other) => metricValue(cellAt(scenario, other), metric));
    const best = bestOf(values, metric);
    const squares = implementations.map((implementation, at) =>
      heatCell(cellAt(scenario, implementation), values[at], values[at] === best, values[at] === null ? null : place(values[at], values)));
    const { id, shape } = data.scenarios[scenario];
    return element("tr", {}, element("th", { scope: "row" }, id, element("small", {}, shape)), squares);
  });
  const table = element("table", { class: "heat", role: "grid", "aria-label": `${metric.label} by scenario and implementation` },
    element("thead", {}, heatHeader(implementations)),
    element("tbody", {}, rows));
  table.querySelector("td[tabindex]")?.setAttribute("tabindex", "0");
  document.getElementById("heat-scroll").replaceChildren(table);
  drawHeatLegend(metric, scenarios.length);
}

function drawHeatLegend(metric, count) {
  const scale = metric.scale === "diverging" ? DIVERGING : SEQUENTIAL;
  const [low, high] = { diverging: ["⅛× or less", "8× or more; 1× is the middle"], row: ["≥ 8× slower", "fastest of the row"], log: ["least", "most"] }[metric.scale];
  document.getElementById("heat-legend").replaceChildren(
    element("span", { class: "scale" }, low, element("span", { class: "ramp", style: { background: ramp(scale) } }), high),
    element("span", {}, `${metric.unit}, logarithmic`),
    element("span", {}, element("span", { class: "swatch framed" }), "best of the row"),
    element("span", {}, element("span", { class: "swatch hatched" }), "no valid value"),
    element("span", {}, `${count.toLocaleString("en")} of ${data.scenarios.length.toLocaleString("en")} scenarios`),
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
    choice("Show", metrics, heat.metric, (value) => { heat.metric = value; drawHeatMap(); }),
    filter("Layer", "layer", data.scenarios.map((scenario) => scenario.layer)),
    filter("Kernel", "kernel", data.scenarios.map((scenario) => scenario.kernel)),
    filter("Family", "family", data.implementations.map((implementation) => implementation.family)),
    filter("Has a cell that is", "status", cells.map((cell) => cell.status)),
  );
}

function tipText(cell) {
  const lines = [cell.name, cell.scenario.shape];
  if (cell.passed) {
    lines.push(`${seconds(cell.get("time"))} ${spread(cell.get("time_low"), cell.get("time_high"))}`);
    if (cell.get("speedup") !== null) lines.push(`${times(cell.get("speedup"))} as fast as ${cell.get("reference")} (95 %: ${between(cell.get("speedup_low"), cell.get("speedup_high"), times)})`);
  } else lines.push(`${words(cell.status)}: ${cell.get("reason")}`);
  if (isComparison) lines.push(columns.texts[cell.get("change_note")]);
  return lines.filter(Boolean).join("\n");
}

function showTip(square) {
  const tip = document.getElementById("tip");
  const box = square.getBoundingClientRect();
  tip.textContent = tipText(cells[square.dataset.cell]);
  tip.hidden = false;
  tip.style.left = `${Math.max(8, Math.min(box.left, innerWidth - tip.offsetWidth - 8))}px`;
  const above = box.top - tip.offsetHeight - 6;
  tip.style.top = `${above > 0 ? above : box.bottom + 6}px`;
}

function hideTip() {
  document.getElementById("tip").hidden = true;
}

/** Move the focus by arrow keys, as a grid does; Enter or space opens the cell. */
function heatKeys(event) {
  const square = event.target.closest("td[data-cell]");
  if (!square) return;
  if (event.key === "Escape") hideTip();
  if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    openCell(cells[square.dataset.cell]);
  }
  const row = square.parentElement;
  const next = {
    ArrowLeft: () => square.previousElementSibling,
    ArrowRight: () => square.nextElementSibling,
    ArrowUp: () => row.previousElementSibling?.cells[square.cellIndex],
    ArrowDown: () => row.nextElementSibling?.cells[square.cellIndex],
  }[event.key]?.();
  if (next?.matches("td[data-cell]")) {
    event.preventDefault();
    square.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }
}

function listenToHeatMap() {
  const scroll = document.getElementById("heat-scroll");
  const over = (event) => {
    const square = event.target.closest("td[data-cell]");
    if (square) showTip(square);
    else hideTip();
  };
  scroll.addEventListener("mouseover", over);
  scroll.addEventListener("mouseleave", hideTip);
  scroll.addEventListener("focusin", over);
  scroll.addEventListener("focusout", hideTip);
  scroll.addEventListener("scroll", hideTip, { passive: true });
  scroll.addEventListener("keydown", heatKeys);
  scroll.addEventListener("click", (event) => {
    const square = event.target.closest("td[data-cell]");
    if (square) openCell(cells[square.dataset.cell]);
  });
}
