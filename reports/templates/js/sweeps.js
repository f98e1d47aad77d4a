// Where each algorithm wins: crossover maps over kernel size and channels, and scaling lines.

const sweepState = { source: 0, scaling: 0, series: 0 };

function crossoverMap(sweep) {
  const distinct = (key) =>
    [...new Set(sweep.slots.map((slot) => slot[key]))].sort((a, b) => a - b);
  const [kernels, channelCounts] = [distinct("kernel"), distinct("channels")];
  const places = new Map(
    data.implementations.map((implementation, place) => [implementation.name, place]),
  );
  const square = (kernel, channelCount) => {
    const slot = sweep.slots.find(
      (other) => other.kernel === kernel && other.channels === channelCount,
    );
    if (!slot) return element("td", { class: "missing" }, ABSENT);
    if (slot.winner === null)
      return element("td", { class: "none" }, element("span", {}, slot.why_undecided));
    const lead = slot.margin === null ? "alone" : `${times(slot.margin)} ahead`;
    const colour = rowColour(places.get(slot.winner));
    return element(
      "td",
      { style: { borderLeftColor: colour, background: `${colour}22` } },
      element("strong", {}, rowIcon(places.get(slot.winner)), slot.winner),
      element("small", {}, lead),
    );
  };
  return element(
    "div",
    {
      class: "scroll",
      tabindex: "0",
      role: "region",
      "aria-label": "Fastest by kernel size and channels",
    },
    element(
      "table",
      { class: "heat map" },
      element(
        "thead",
        {},
        element(
          "tr",
          {},
          element("th", { scope: "col" }, "kernel size ↓ input channels →"),
          channelCounts.map((count) => element("th", { scope: "col" }, String(count))),
        ),
      ),
      element(
        "tbody",
        {},
        kernels.map((kernel) =>
          element(
            "tr",
            {},
            element("th", { scope: "row" }, `${kernel}×${kernel}`),
            channelCounts.map((count) => square(kernel, count)),
          ),
        ),
      ),
    ),
  );
}

function drawCrossover() {
  const sweep = data.sweeps[sweepState.source];
  const target = document.getElementById("crossover");
  if (!sweep.slots.length) {
    target.replaceChildren(
      element(
        "p",
        { class: "muted" },
        "No crossover map: it needs a scenario file that varies both kernel size and input channels.",
      ),
    );
    return;
  }
  target.replaceChildren(
    element("h3", {}, `Fastest by kernel size and channels: ${sweep.source || "all scenarios"}`),
    crossoverMap(sweep),
    element(
      "p",
      { class: "muted" },
      "The least geometric mean over the scenarios of a square, among those that passed in all of ",
      "them, and by how much the next one is slower.",
    ),
  );
}

/** Return the fits of a series as objects; the page holds them as rows. */
function growthsOf(chosen) {
  return chosen.growths.map((row) =>
    Object.fromEntries(data.growth_fields.map((name, place) => [name, row[place]])),
  );
}

/** Return the work and time of a fit along a series, at steps between its sizes too. */
function fittedLine(growth, scaling, shown) {
  const [x, y] = [[], []];
  for (const [at, scenario] of shown.entries()) {
    const next = shown[at + 1];
    const steps = next ? 12 : 1;
    for (let step = 0; step < steps; step++) {
      const between = (from, to) => from * ((to ?? from) / from) ** (step / steps);
      const work = between(scenario.flops, next?.flops);
      x.push(between(scaling.sizes[scenario.id], next && scaling.sizes[next.id]));
      y.push(growth.fixed_s + growth.growing_s * (work / growth.unit_flops) ** growth.power);
    }
  }
  return { x, y };
}

function scalingTraces(scaling, chosen) {
  const places = new Map(data.scenarios.map((scenario, place) => [scenario.id, place]));
  const growths = new Map(growthsOf(chosen).map((growth) => [growth.implementation, growth]));
  return data.implementations.flatMap((implementation, place) => {
    const shown = chosen.scenarios
      .map((identity) => cellAt(places.get(identity), place))
      .filter((cell) => cell?.passed);
    if (!shown.length) return [];
    const fit = growths.get(implementation.name);
    const growth = fit?.low === null ? undefined : fit; // one power does not describe it
    const size = (cell) => scaling.sizes[cell.scenario.id];
    const points = {
      ...series(place),
      type: "scatter",
      mode: growth ? "markers" : "lines+markers",
      line: { color: rowColour(place), width: 1, dash: "dot" },
      legendgroup: `series ${place}`,
      x: shown.map(size),
      y: shown.map((cell) => cell.get("time")),
      error_y: errorBars(shown, "time"),
      text: shown.map(
        (cell) => `${escaped(implementation.name)}<br>${scaling.axis} ${size(cell)}: ${cell.timeText}`,
      ),
    };
    if (!growth) return [points];
    const line = {
      type: "scatter",
      mode: "lines",
      legendgroup: `series ${place}`,
      showlegend: false,
      hoverinfo: "skip",
      line: { color: rowColour(place), width: 2 },
      ...fittedLine(
        growth,
        scaling,
        shown.map((cell) => cell.scenario),
      ),
    };
    return [line, points];
  });
}

const exponent = (growth) =>
  `${growth.power.toFixed(2)} (${growth.low.toFixed(2)} to ${growth.high.toFixed(2)})`;

function turnText(turn, axisName) {
  const cache = turn.cache ? `, near ${turn.cache}` : "";
  return (
    `from ${turn.before.toFixed(2)} to ${turn.after.toFixed(2)} at ${axisName} ` +
    `${digits(turn.size)} (${bytes(turn.tensor_bytes)} of tensors${cache})`
  );
}

function crossingText(crossing, axisName) {
  const fits =
    crossing.predicted === null
      ? "the fits do not say where"
      : `by the fits at ${digits(crossing.predicted)} ` +
        `(${digits(crossing.predicted_low)} to ${digits(crossing.predicted_high)})`;
  return crossing.between === null
    ? `${crossing.after} should overtake ${crossing.before} at ${axisName} ` +
        `${digits(crossing.predicted)} (${digits(crossing.predicted_low)} to ` +
        `${digits(crossing.predicted_high)}) by the fits; not seen in what was measured.`
    : `${crossing.after} overtakes ${crossing.before} between ${axisName} ` +
        `${crossing.between.join(" and ")}; ${fits}.`;
}

const MOST_CROSSINGS = 6;

function scalingCaption(scaling, chosen) {
  const told = growthsOf(chosen)
    .filter((growth) => growth.low !== null)
    .map((growth) => `${growth.implementation} ${exponent(growth)}`);
  const turns = growthsOf(chosen)
    .filter((growth) => growth.turn)
    .map((growth) => `${growth.implementation} turns ${turnText(growth.turn, scaling.axis)}.`);
  const crossings = chosen.crossings
    .slice(0, MOST_CROSSINGS)
    .map((crossing) => crossingText(crossing, scaling.axis));
  return element(
    "div",
    {},
    element(
      "p",
      {},
      "Lines are fits of time = a + b·work^p, work being the direct sum's operations. ",
      told.length ? `Exponent p with its 95 % interval: ${told.join(", ")}. ` : "",
      chosen.unknown.length
        ? `Dotted, as no fit says p to ±0.25: ${chosen.unknown.join(", ")}. `
        : "",
      scaling.left_out ? `${scaling.left_out} more series are left out. ` : "",
    ),
    element(
      "ul",
      {},
      [...crossings, ...turns].map((sentence) => element("li", {}, sentence)),
    ),
  );
}

function scalingTable(scaling, chosen) {
  return [
    ["Implementation", "a", "b", "p", "95 % interval of p", "Points", "Deviation", "Turns"],
    growthsOf(chosen).map((growth) => [
      growth.implementation,
      numeric(seconds(growth.fixed_s)),
      numeric(`${seconds(growth.growing_s)} at ${digits(growth.unit_flops / 1e9)} GFLOP`),
      numeric(growth.low === null ? ABSENT : growth.power.toFixed(2)),
      numeric(
        growth.low === null
          ? "no one power"
          : `${growth.low.toFixed(2)} to ${growth.high.toFixed(2)}`,
      ),
      numeric(String(growth.points)),
      numeric(percent(growth.error)),
      growth.turn ? turnText(growth.turn, scaling.axis) : "no",
    ]),
  ];
}

function drawScaling() {
  const sweep = data.sweeps[sweepState.source];
  const sources = data.sweeps.map((other, place) => [place, other.source || "all scenarios"]);
  const redraw = (key, rest) => (value) => {
    Object.assign(sweepState, rest, { [key]: Number(value) });
    drawCrossover();
    drawScaling();
  };
  const controls =
    sources.length > 1
      ? [choice("File", sources, sweepState.source, redraw("source", { scaling: 0, series: 0 }))]
      : [];
  const scaling = sweep.scalings[sweepState.scaling];
  if (!scaling) {
    fillChart("scaling-chart", {
      controls,
      build: null,
      caption:
        "No scaling lines: they need at least three scenarios that differ in one size alone.",
      table: null,
    });
    return;
  }
  const chosen = scaling.series[sweepState.series];
  const sizes = [...new Set(chosen.scenarios.map((identity) => scaling.sizes[identity]))];
  const places = new Map(data.scenarios.map((scenario, place) => [scenario.id, place]));
  const shown = chosen.scenarios
    .flatMap((identity) => cellsOf(places.get(identity)))
    .filter((cell) => cell.passed);
  const shapes = new Map(data.scenarios.map((scenario) => [scenario.id, scenario.shape]));
  controls.push(
    choice(
      "Grows",
      sweep.scalings.map((other, place) => [place, other.axis]),
      sweepState.scaling,
      redraw("scaling", { series: 0 }),
    ),
    choice(
      "Starting from",
      scaling.series.map((other, place) => [place, shapes.get(other.scenarios[0])]),
      sweepState.series,
      redraw("series", {}),
    ),
  );
  fillChart("scaling-chart", {
    controls,
    build: () => ({
      traces: scalingTraces(scaling, chosen),
      layout: {
        ...withLegend(460),
        xaxis: logAxis(`${scaling.axis} (logarithmic)`, { tickvals: sizes, dtick: null }),
        yaxis: secondsAxis("time per call (seconds, logarithmic)", timeRange(shown)),
      },
    }),
    caption: scalingCaption(scaling, chosen),
    table: () => scalingTable(scaling, chosen),
  });
}
