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

function drawMemory(place = fullestScenario()) {
  const scenario = data.scenarios[place];
  const shown = cellsOf(place).filter((cell) => cell.passed);
  const names = shown.map((cell) => escaped(cell.implementation.name));
  const bar = (name, value, colour, shape) => ({
    type: "bar",
    name,
    x: names,
    y: shown.map((cell) => (value(cell) === null ? null : value(cell) / 2 ** 20)),
    customdata: shown.map((cell) => bytes(value(cell))),
    text: shown.map((cell) => (value(cell) ? digits(value(cell) / 2 ** 20) : "")),
    textposition: shown.length > 8 ? "none" : "outside",
    textangle: 0,
    constraintext: "none",
    textfont: { size: 11 },
    cliponaxis: false,
    marker: {
      color: colour,
      pattern: { shape, bgcolor: colour, fgcolor: themeColour("paper"), size: 7, solidity: 0.25 },
    },
    hovertemplate: `%{x}<br>${name}: %{customdata}<extra></extra>`,
  });
  fillChart("memory-chart", {
    controls: [scenarioChoice(place, drawMemory)],
    build: shown.length
      ? () => ({
          traces: [
            bar("tensors: input, weight, output", () => scenario.bytes, seriesColour(6), ""),
            bar("workspace by formula", (cell) => cell.get("workspace"), seriesColour(4), "/"),
            bar("peak of a call, measured", (cell) => cell.get("peak"), seriesColour(0), "."),
          ],
          layout: {
            height: 400,
            barmode: "group",
            xaxis: { title: { text: "implementation" }, type: "category", showgrid: false },
            yaxis: { title: { text: "MiB" }, rangemode: "tozero" },
          },
        })
      : null,
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
