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
      return element("td", { class: "none" }, element("span", {}, "none passed all"));
    const lead = slot.margin === null ? "alone" : `${times(slot.margin)} ahead`;
    const colour = seriesColour(places.get(slot.winner));
    return element(
      "td",
      { style: { borderLeftColor: colour, background: `${colour}22` } },
      element("strong", {}, slot.winner),
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

function scalingTraces(scaling, identities) {
  const places = new Map(data.scenarios.map((scenario, place) => [scenario.id, place]));
  return data.implementations.flatMap((implementation, place) => {
    const shown = identities
      .map((identity) => cellAt(places.get(identity), place))
      .filter((cell) => cell?.passed);
    if (!shown.length) return [];
    return [
      {
        ...series(place),
        type: "scatter",
        mode: "lines+markers",
        line: { color: seriesColour(place), width: 2 },
        x: shown.map((cell) => scaling.sizes[cell.scenario.id]),
        y: shown.map((cell) => cell.get("time")),
        error_y: errorBars(shown, "time"),
        text: shown.map(
          (cell) =>
            `${escaped(cell.implementation.name)}<br>${scaling.axis} ${scaling.sizes[cell.scenario.id]}: ${cell.timeText}`,
        ),
      },
    ];
  });
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
  const sizes = [...new Set(Object.values(scaling.sizes))].sort((a, b) => a - b);
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
      scaling.series.map((identities, place) => [place, shapes.get(identities[0])]),
      sweepState.series,
      redraw("series", {}),
    ),
  );
  fillChart("scaling-chart", {
    controls,
    build: () => ({
      traces: scalingTraces(scaling, scaling.series[sweepState.series]),
      layout: {
        height: 460,
        ...sideLegend(),
        xaxis: logAxis(`${scaling.axis} (logarithmic)`, { tickvals: sizes, dtick: null }),
        yaxis: secondsAxis("time per call (seconds, logarithmic)"),
      },
    }),
    caption: [
      `Time ∝ size^exponent; exponents over all ${scaling.series.length} series of this file:`,
      `${scaling.exponents.map((fit) => `${fit.implementation} ${exponent(fit)}`).join(", ")}.`,
    ].join(" "),
    table: () => [
      ["Implementation", "Exponent", "95 % interval", "Points"],
      scaling.exponents.map((fit) => [
        fit.implementation,
        numeric(fit.value.toFixed(2)),
        numeric(
          fit.low === null ? "too few points" : `${fit.low.toFixed(2)} to ${fit.high.toFixed(2)}`,
        ),
        numeric(String(fit.points)),
      ]),
    ],
  });
}

function exponent(fit) {
  return fit.low === null
    ? fit.value.toFixed(2)
    : `${fit.value.toFixed(2)} ±${((fit.high - fit.low) / 2).toFixed(2)}`;
}
