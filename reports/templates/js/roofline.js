// The roofline: every passed cell under the machine's measured ceilings.

const MOST_POINTS = 4000; // an SVG with more answers slowly

function rooflineCells(kind) {
  const known = cells.filter(
    (cell) => cell.passed && cell.scenario.bytes > 0 && columns.ceiling.of[cell.index] === kind,
  );
  return known.slice(0, MOST_POINTS);
}

const intensity = (cell) => cell.scenario.flops / cell.scenario.bytes;

function roofTraces(ceiling, shown) {
  const peak = ceiling.peak_flops_per_s / 1e9;
  const knee = (bytesPerS) => ceiling.peak_flops_per_s / bytesPerS;
  const left = Math.min(...shown.map(intensity), knee(ceiling.memory_bytes_per_s)) / 3;
  const right = Math.max(...shown.map(intensity), knee(ceiling.memory_bytes_per_s) * 4) * 1.5;
  const roof = (name, bytesPerS, dash) => ({
    type: "scatter",
    mode: "lines",
    name: `${name} ${digits(bytesPerS / 1e9)} GB/s`,
    hoverinfo: "name",
    x: [left, Math.max(left, knee(bytesPerS)), right],
    y: [Math.min(peak, (left * bytesPerS) / 1e9), peak, peak],
    line: { color: themeColour("ink"), width: 1.6, dash },
  });
  return [
    roof("memory", ceiling.memory_bytes_per_s, "solid"),
    roof("caches", ceiling.cache_bytes_per_s, "dot"),
  ];
}

function rooflinePoints(shown) {
  return data.implementations.flatMap((implementation, place) => {
    const own = shown.filter((cell) => columns.implementation[cell.index] === place);
    if (!own.length) return [];
    const label = (cell, column) =>
      `${escaped(cell.name)}<br>${plain(cell.get(column))} GFLOP/s, ${cell.timeText}`;
    const trace = (members, column, symbol, more) => ({
      ...series(place, { symbol, size: 8 }),
      type: "scatter",
      mode: "markers",
      legendgroup: `series ${place}`,
      x: members.map(intensity),
      y: members.map((cell) => cell.get(column)),
      text: members.map((cell) => label(cell, column)),
      ...more,
    });
    const counted = own.filter(
      (cell) =>
        cell.get("executed") !== null &&
        Math.abs(cell.get("executed") / cell.get("gflops") - 1) > 0.02,
    );
    return [
      trace(own, "gflops", rowMark(place), {}),
      ...(counted.length
        ? [trace(counted, "executed", `${rowMark(place)}-open`, { showlegend: false })]
        : []),
    ];
  });
}

function drawRoofline(kind = 0) {
  const ceiling = columns.ceiling.kinds[kind];
  const shown = rooflineCells(kind);
  if (!ceiling || !shown.length) {
    fillChart("roofline-chart", {
      build: null,
      caption: "No passed cell knows the machine's ceilings.",
      table: null,
    });
    return;
  }
  const kinds = columns.ceiling.kinds.map((other, place) => [
    place,
    `${digits(other.peak_flops_per_s / 1e9)} GFLOP/s, ${digits(other.memory_bytes_per_s / 1e9)} GB/s`,
  ]);
  fillChart("roofline-chart", {
    controls:
      kinds.length > 1
        ? [choice("Ceilings", kinds, kind, (value) => drawRoofline(Number(value)))]
        : [],
    build: () => ({
      traces: [...roofTraces(ceiling, shown), ...rooflinePoints(shown)],
      layout: {
        ...withLegend(500),
        xaxis: logAxis(
          "operations of the direct sum per byte that must move (FLOP/byte, logarithmic)",
        ),
        yaxis: logAxis("GFLOP/s (logarithmic)"),
      },
    }),
    caption: [
      "Filled marks count the direct sum's operations, hollow ones what the algorithm executes.",
      "Filled marks above the roof need fewer operations; a hollow one above it is a wrong count.",
      `The flat part is what a large product reaches, ${digits(ceiling.peak_flops_per_s / 1e9)} GFLOP/s;`,
      "the slopes are copies.",
      shown.length === MOST_POINTS ? `The first ${MOST_POINTS} cells are drawn.` : "",
    ].join(" "),
    table: () => [
      [
        "Scenario",
        "Implementation",
        "FLOP/byte",
        "Direct-equivalent GFLOP/s",
        "Executed GFLOP/s",
        "Time",
        "95 % interval",
        "Of the ceiling",
      ],
      shown.map((cell) => [
        cell.scenario.id,
        cell.implementation.name,
        numeric(plain(intensity(cell))),
        numeric(plain(cell.get("gflops"))),
        numeric(plain(cell.get("executed"))),
        numeric(seconds(cell.get("time"))),
        numeric(cell.interval("time", seconds)),
        numeric(percent(cell.get("roof"))),
      ]),
    ],
  });
}
