// Memory of a call, and what preparing the weight costs.

/** Return a sentence on every implementation that prepares its weight. */
function preparationText(shown) {
  const prepared = shown.filter((cell) => cell.get("prepare") !== null);
  const one = (cell) =>
    `${cell.implementation.name}: ${seconds(cell.get("prepare"))}, ${pays(cell)}`;
  return prepared.length
    ? `Prepared once per weight: ${prepared.map(one).join("; ")}.`
    : "Nothing here prepares its weight.";
}

/** Return bars of peak and workspace by row, and the tensors' own size as a line across all. */
function memoryChart(scenario, shown) {
  const names = shown.map((cell) => escaped(cell.implementation.name));
  const end = Math.max(
    scenario.bytes,
    ...shown.flatMap((cell) => [cell.get("peak") ?? 0, cell.get("workspace") ?? 0]),
  );
  const bar = (name, column, colour, shape) => ({
    type: "bar",
    orientation: "h",
    name,
    y: names,
    x: shown.map((cell) => cell.get(column)),
    text: shown.map((cell) => (cell.get(column) === null ? "" : bytes(cell.get(column)))),
    textposition: "outside",
    textangle: 0,
    constraintext: "none",
    textfont: { size: 11 },
    cliponaxis: false,
    marker: {
      color: colour,
      pattern: { shape, bgcolor: colour, fgcolor: themeColour("paper"), size: 7, solidity: 0.25 },
    },
    hovertemplate: `%{y}<br>${name}: %{text}<extra></extra>`,
  });
  const size = bytes(scenario.bytes);
  return {
    traces: [
      bar("peak of a call, measured", "peak", partColour(0), ""),
      bar("workspace by formula", "workspace", partColour(4), "/"),
      {
        type: "scatter",
        mode: "lines",
        name: `tensors: input, weight, output (${size})`,
        y: [names[0], names.at(-1)],
        x: [scenario.bytes, scenario.bytes],
        line: { color: themeColour("ink"), dash: "dash", width: 1.5 },
        hovertemplate: `input, weight and output: ${size}<extra></extra>`,
      },
    ],
    layout: {
      height: 150 + 44 * shown.length,
      barmode: "group",
      margin: { l: 20, r: 10, t: 10, b: 60 },
      xaxis: fromZero("bytes of one call", end, tickBytes, 1024),
      yaxis: {
        title: { text: "" },
        autorange: "reversed",
        type: "category",
        showgrid: false,
      },
    },
  };
}

function drawMemory(place = fullestScenario()) {
  const scenario = data.scenarios[place];
  const shown = cellsOf(place).filter((cell) => cell.passed);
  fillChart("memory-chart", {
    controls: [scenarioChoice(place, drawMemory)],
    build: shown.length ? () => memoryChart(scenario, shown) : null,
    caption: [
      `${scenario.shape}. Peak is what one call adds at its high-water mark, output included.`,
      preparationText(shown),
    ].join(" "),
    table: () => [
      [
        "Implementation",
        "Tensors",
        "Workspace by formula",
        "Peak of a call",
        "Preparation",
        "Pays after",
      ],
      shown.map((cell) => [
        cell.implementation.name,
        numeric(bytes(scenario.bytes)),
        numeric(bytes(cell.get("workspace"))),
        numeric(bytes(cell.get("peak"))),
        numeric(seconds(cell.get("prepare"))),
        numeric(
          cell.get("prepare") === null
            ? "nothing to prepare"
            : cell.get("break_even") === null
              ? "never"
              : calls(cell.get("break_even")),
        ),
      ]),
    ],
  });
}
