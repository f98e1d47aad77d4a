// What all charts share: the page's colours, readable axes, a table twin, redrawing.

const drawn = new Map(); // element of a drawn chart → the function that builds it

const CONFIG = {
  displaylogo: false,
  responsive: true,
  modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
};

function axis(title, more = {}) {
  const rule = themeColour("rule");
  return {
    title: { text: title, standoff: 10 },
    gridcolor: rule,
    linecolor: rule,
    zerolinecolor: rule,
    automargin: true,
    ...more,
  };
}

const logAxis = (title, more = {}) => axis(title, { type: "log", dtick: 1, ...more });
const secondsAxis = (title, more = {}) =>
  logAxis(title, { ticksuffix: "s", exponentformat: "SI", minexponent: 0, ...more });

/**
 * Return the range of a logarithmic axis around positive values, and ticks that suit it. Intervals
 * widen it by a factor of four at most: one cell that is hardly known must not squeeze the others.
 */
function logRange(values, format, lows = [], highs = []) {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const from = Math.max(Math.min(least, ...lows), least / 4);
  const to = Math.min(Math.max(most, ...highs), most * 4);
  const room = Math.max(0.12, 0.06 * Math.log10(to / from));
  const range = [Math.log10(from) - room, Math.log10(to) + room];
  const tickvals = logTicks(...range);
  return { range, tickvals, ticktext: tickvals.map(format) };
}

/** Return round numbers between two powers of ten, few enough to be read. */
function logTicks(low, high) {
  const decades = high - low;
  const [step, factors] =
    decades > 8
      ? [2, [1]]
      : decades > 2.5
        ? [1, [1]]
        : decades > 1
          ? [1, [1, 2, 5]]
          : [1, [1, 1.5, 2, 3, 4, 5, 6, 8]];
  const ticks = [];
  for (let power = Math.floor(low); power <= high; power += step) {
    for (const factor of factors) {
      const at = power + Math.log10(factor);
      if (at >= low && at <= high) ticks.push(Number(`${factor}e${power}`));
    }
  }
  return ticks;
}

/** Return round numbers from zero up to the end of a linear axis, few enough to be read. */
function linearTicks(end, most, base) {
  const least = end / most;
  const unit = base === 10 ? 1 : base ** Math.floor(Math.log(least) / Math.log(base));
  const power = unit * 10 ** Math.floor(Math.log10(least / unit));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= least) * power;
  return Array.from({ length: Math.floor(end / step) + 1 }, (_, place) => place * step);
}

/** Return a linear axis from zero to `end`, with room for words beyond the longest bar; `base` is 1024 for bytes. */
function fromZero(title, end, format, base = 10) {
  const tickvals = linearTicks(end, narrow() ? 3 : 6, base);
  const range = [0, end * (narrow() ? 1.6 : 1.2)];
  return axis(title, { range, tickvals, ticktext: tickvals.map((value) => (value ? format(value) : "0")) });
}

/** Return a time on an axis: "2 ms", no more digits than it needs. */
function tickSeconds(value) {
  const [size, unit] = SECONDS.find(([least]) => value >= least * 0.9995) ?? SECONDS.at(-1);
  return `${Number((value / size).toPrecision(3))} ${unit}`;
}

const tickBytes = (value) => bytes(value).replace(/\.0+ /, " ");

/** Return the range of a time axis over these cells. */
function timeRange(shown) {
  const ends = (name) => shown.map((cell) => cell.get(name)).filter(Boolean);
  return logRange(ends("time"), tickSeconds, ends("time_low"), ends("time_high"));
}

function baseLayout() {
  return {
    height: 420,
    margin: { l: 70, r: 20, t: 10, b: 60 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: "system-ui, sans-serif", size: 13, color: themeColour("ink") },
    hoverlabel: {
      align: "left",
      bgcolor: themeColour("raised"),
      bordercolor: themeColour("rule"),
      font: { color: themeColour("ink") },
    },
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 },
    modebar: {
      bgcolor: "rgba(0,0,0,0)",
      color: themeColour("muted"),
      activecolor: themeColour("ink"),
    },
  };
}

const narrow = () => innerWidth < 640;

// More names beside their marks, or in a row above, would cover the chart.
const isCrowded = data.implementations.length > 12;

/** Return height and legend of a chart with a mark per implementation: at the side of many. */
function withLegend(height) {
  if (narrow()) return { height: height + 22 * Math.ceil(data.implementations.length / 2) };
  return isCrowded
    ? { height, legend: { orientation: "v", x: 1.02, xanchor: "left", y: 1 } }
    : { height };
}

const LETTER_PX = 7.2; // about the mean of a letter of an axis title

/** Return a title in as many lines as it needs beside an axis of so many pixels. */
function inLines(text, room) {
  const lines = [""];
  for (const word of text.split(" ")) {
    const longer = lines.at(-1) ? `${lines.at(-1)} ${word}` : word;
    if (lines.at(-1) && longer.length * LETTER_PX > room) lines.push(word);
    else lines[lines.length - 1] = longer;
  }
  return lines.join("<br>");
}

/** Draw a chart, or draw it anew; `build` returns {traces, layout} in the colours of the moment. */
function drawChart(target, build) {
  if (!target.isConnected) return;
  const { traces, layout } = build();
  const base = baseLayout();
  for (const name of Object.keys(layout)) {
    if (!/^[xy]axis$/.test(name)) continue;
    const own = axis(layout[name].title?.text ?? "", layout[name]);
    const isNamed = layout.yaxis?.type === "category";
    const names = isNamed ? traces.flatMap((trace) => trace.y).map((text) => text.length) : [0];
    const room =
      name === "xaxis"
        ? target.clientWidth - 110 - LETTER_PX * Math.max(...names)
        : (layout.height ?? base.height) - 100;
    layout[name] = { ...own, title: { ...own.title, text: inLines(own.title.text, room) } };
  }
  Plotly.react(target, traces, { ...base, ...layout }, CONFIG);
  drawn.set(target, build);
}

function redrawCharts() {
  for (const [target, build] of drawn) {
    if (target.isConnected) drawChart(target, build);
    else drawn.delete(target);
  }
}

/** Marker, name and colour of an implementation: the same in every chart. */
function series(place, more = {}) {
  return {
    name: escaped(data.implementations[place].name),
    marker: { color: rowColour(place), symbol: rowMark(place), size: 10, ...more },
    hovertemplate: "%{text}<extra></extra>",
  };
}

/** Return asymmetric error bars from two columns, for the cells given. */
function errorBars(shown, column) {
  const value = (cell, end) => cell.get(`${column}_${end}`) ?? cell.get(column);
  return {
    type: "data",
    symmetric: false,
    thickness: 1.3,
    width: 3,
    color: themeColour("muted"),
    array: shown.map((cell) => value(cell, "high") - cell.get(column)),
    arrayminus: shown.map((cell) => cell.get(column) - value(cell, "low")),
  };
}

/** Fill a chart's frame: controls, picture, caption, and the table when it is asked for. */
function fillChart(id, { controls = [], build, caption, table }) {
  const figure = document.getElementById(id);
  figure.querySelector(".controls").replaceChildren(...controls);
  figure
    .querySelector("figcaption")
    .replaceChildren(...(typeof caption === "string" ? explained(caption) : [caption]));
  const plot = figure.querySelector(".plot");
  plot.classList.toggle("empty", !build);
  if (build) drawChart(plot, build);
  else if (drawn.delete(plot)) Plotly.purge(plot);
  const twin = figure.querySelector(".twin");
  twin.hidden = !table;
  const fill = () => {
    if (twin.open && table)
      twin.replaceChildren(
        twin.querySelector("summary"),
        plainTable(figure.querySelector("h3").textContent, ...table()),
      );
  };
  twin.ontoggle = fill;
  fill();
}

/** Return a drop-down of all scenarios. */
function scenarioChoice(selected, onChange) {
  const options = data.scenarios.map((scenario, place) => [place, scenario.id]);
  return choice("Scenario", options, selected, (value) => onChange(Number(value)));
}
