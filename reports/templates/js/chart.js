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
const secondsAxis = (title) =>
  logAxis(title, { ticksuffix: "s", exponentformat: "SI", minexponent: 0 });

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

// More names beside their marks, or in a row above, would cover the chart.
const isCrowded = data.implementations.length > 12;

/** Return the layout of a legend at the side, for charts with a mark per implementation. */
function sideLegend() {
  return isCrowded ? { legend: { orientation: "v", x: 1.02, xanchor: "left", y: 1 } } : {};
}

/** Draw a chart, or draw it anew; `build` returns {traces, layout} in the colours of the moment. */
function drawChart(target, build) {
  if (!target.isConnected) return;
  const { traces, layout } = build();
  const base = baseLayout();
  for (const name of Object.keys(layout)) {
    if (/^[xy]axis$/.test(name)) layout[name] = axis(layout[name].title?.text ?? "", layout[name]);
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
    marker: { color: seriesColour(place), symbol: seriesMark(place), size: 10, ...more },
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
  figure.querySelector("figcaption").replaceChildren(caption);
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
