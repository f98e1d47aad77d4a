// Error against time, one scenario at a time, with the Pareto front.

/** Return the cells that no other beats in both time and error, from fast to slow. */
function paretoFront(shown) {
  const front = [];
  for (const cell of [...shown].sort((a, b) => a.get("time") - b.get("time"))) {
    if (!front.length || cell.get("error") < front.at(-1).get("error")) front.push(cell);
  }
  return front;
}

function drawErrorChart(place = fullestScenario()) {
  const scenario = data.scenarios[place];
  const all = cellsOf(place).filter((cell) => cell.passed && typeof cell.get("error") === "number");
  const shown = all.filter((cell) => cell.get("error") > 0);
  const front = paretoFront(shown);
  const label = (cell) =>
    isCrowded && !front.includes(cell) ? "" : escaped(cell.implementation.name);
  const build = () => ({
    traces: [
      ...shown.map((cell) => ({
        ...series(columns.implementation[cell.index], {
          size: front.includes(cell) ? 15 : 10,
          line: { width: front.includes(cell) ? 2 : 0, color: themeColour("ink") },
        }),
        type: "scatter",
        mode: "markers+text",
        x: [cell.get("time")],
        y: [cell.get("error")],
        error_x: errorBars([cell], "time"),
        showlegend: isCrowded,
        text: [label(cell)],
        textposition: "middle right",
        cliponaxis: false,
        hovertemplate: "%{customdata}<extra></extra>",
        customdata: [
          [
            escaped(cell.implementation.name),
            cell.timeText,
            `error ${scientific(cell.get("error"))}`,
          ].join("<br>"),
        ],
      })),
      {
        type: "scatter",
        mode: "lines",
        name: "Pareto front",
        hoverinfo: "skip",
        x: front.map((cell) => cell.get("time")),
        y: front.map((cell) => cell.get("error")),
        line: { color: themeColour("ink"), width: 1.5, dash: "dash" },
      },
    ],
    layout: {
      margin: { l: 70, r: 110, t: 10, b: 60 },
      ...sideLegend(),
      xaxis: secondsAxis("time per call (seconds, logarithmic; left is faster)"),
      yaxis: logAxis("relative L2 error (logarithmic; lower is better)", { exponentformat: "e" }),
    },
  });
  const exact = all.length - shown.length;
  fillChart("error-chart", {
    controls: [scenarioChoice(place, drawErrorChart)],
    build: shown.length ? build : null,
    caption: [
      `${scenario.shape}. Large framed marks are on the Pareto front: nothing here is both faster`,
      "and more accurate. Bars are 95 % intervals.",
      exact ? `${exact} with no error at all: in the table only, as the axis has no zero.` : "",
    ].join(" "),
    table: () => [
      [
        "Implementation",
        "Time per call",
        "95 % interval",
        "Relative L2 error",
        "Error / bound",
        "On the front",
      ],
      all.map((cell) => [
        cell.implementation.name,
        numeric(seconds(cell.get("time"))),
        numeric(cell.interval("time", seconds)),
        numeric(scientific(cell.get("error"))),
        numeric(plain(cell.get("worst_ratio"))),
        front.includes(cell) ? "yes" : "no",
      ]),
    ],
  });
}
