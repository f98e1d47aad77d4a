// Error against time, one scenario at a time, with the Pareto front.

/** Return the cells that no other beats in both time and error, from fast to slow. */
function paretoFront(shown) {
  const front = [];
  for (const cell of [...shown].sort((a, b) => a.get("time") - b.get("time"))) {
    if (!front.length || cell.get("error") < front.at(-1).get("error")) front.push(cell);
  }
  return front;
}

const PLACES = ["top center", "bottom center", "top right", "bottom right", "top left", "bottom left"];

/**
 * Return where the name of each cell stands so that names cover neither marks nor each other;
 * `box` is the plot's size in pixels, `x` and `y` the ranges of its axes.
 */
function labelPlaces(labelled, x, y, box) {
  const along = (value, [low, high], length) =>
    ((Math.log10(value) - low) / (high - low)) * length;
  const points = labelled.map((cell) => ({
    cell,
    x: along(cell.get("time"), x.range, box.width),
    y: along(cell.get("error"), y.range, box.height),
  }));
  const taken = points.map((point) => [point.x - 8, point.x + 8, point.y - 8, point.y + 8]);
  const overlap = (a, b) =>
    Math.max(0, Math.min(a[1], b[1]) - Math.max(a[0], b[0])) *
    Math.max(0, Math.min(a[3], b[3]) - Math.max(a[2], b[2]));
  const places = new Map();
  for (const point of points) {
    const width = 8 * point.cell.implementation.name.length;
    const boxes = PLACES.map((place) => {
      const middle = { center: 0, right: width / 2 + 4, left: -width / 2 - 4 }[place.split(" ")[1]];
      const above = place.startsWith("top") ? 18 : -18;
      const [at, level] = [point.x + middle, point.y + above];
      return [at - width / 2, at + width / 2, level - 8, level + 8];
    });
    const covered = boxes.map((own) => taken.reduce((sum, other) => sum + overlap(own, other), 0));
    const best = covered.indexOf(Math.min(...covered));
    places.set(point.cell, PLACES[best]);
    taken.push(boxes[best]);
  }
  return places;
}

function drawErrorChart(place = fullestScenario()) {
  const scenario = data.scenarios[place];
  const all = cellsOf(place).filter((cell) => cell.passed && typeof cell.get("error") === "number");
  const shown = all.filter((cell) => cell.get("error") > 0);
  const front = paretoFront(shown);
  const label = (cell) =>
    isCrowded && !front.includes(cell) ? "" : escaped(cell.implementation.name);
  const errors = shown.map((cell) => cell.get("error"));
  const [across, up] = [timeRange(shown), logRange(errors, (value) => value.toExponential())];
  const box = { width: document.querySelector("#error-chart .plot").clientWidth - 100, height: 350 };
  const places = labelPlaces(
    shown.filter((cell) => label(cell)),
    across,
    up,
    box,
  );
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
        textposition: places.get(cell) ?? "top center",
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
      margin: { l: 70, r: 30, t: 10, b: 60 },
      ...(isCrowded ? withLegend(420) : {}),
      xaxis: secondsAxis("time per call (seconds, logarithmic; left is faster)", across),
      yaxis: logAxis("relative L2 error (logarithmic; lower is better)", up),
    },
  });
  const exact = all.length - shown.length;
  fillChart("error-chart", {
    controls: [scenarioChoice(place, drawErrorChart)],
    build: shown.length ? build : null,
    caption: [
      `${scenario.shape}. Large framed marks are on the Pareto front: nothing here was both faster`,
      "and more accurate. Bars are 95 % intervals; those that overlap may change places.",
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
