// Error against time, roofline, networks, memory.

const sortNumber = (text) => ({ text });

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
  const label = (cell) => (isCrowded && !front.includes(cell) ? "" : escaped(cell.implementation.name));
  const build = () => ({
    traces: [
      ...shown.map((cell) => ({
        ...series(columns.implementation[cell.index], { size: front.includes(cell) ? 15 : 10, line: { width: front.includes(cell) ? 2 : 0, color: themeColour("ink") } }),
        type: "scatter", mode: "markers+text", x: [cell.get("time")], y: [cell.get("error")],
        error_x: errorBars([cell], "time"), showlegend: isCrowded,
        text: [label(cell)], textposition: "middle right", cliponaxis: false,
        hovertemplate: "%{customdata}<extra></extra>",
        customdata: [`${escaped(cell.implementation.name)}<br>${seconds(cell.get("time"))} ${spread(cell.get("time_low"), cell.get("time_high"))}<br>error ${scientific(cell.get("error"))}`],
      })),
      {
        type: "scatter", mode: "lines", name: "Pareto front", hoverinfo: "skip",
        x: front.map((cell) => cell.get("time")), y: front.map((cell) => cell.get("error")),
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
    caption: `${scenario.shape}. Large framed marks are on the Pareto front: nothing here is both faster and more accurate. Bars are 95 % intervals.${exact ? ` ${exact} with no error at all: in the table only, as the axis has no zero.` : ""}`,
    table: () => [
      ["Implementation", "Time per call", "95 % interval", "Relative L2 error", "Error / bound", "On the front"],
      all.map((cell) => [cell.implementation.name, sortNumber(seconds(cell.get("time"))), sortNumber(between(cell.get("time_low"), cell.get("time_high"), seconds)), sortNumber(scientific(cell.get("error"))), sortNumber(plain(cell.get("worst_ratio"))), front.includes(cell) ? "yes" : "no"]),
    ],
  });
}

const MOST_POINTS = 4000; // an SVG with more answers slowly

function rooflineCells(kind) {
  const known = cells.filter((cell) => cell.passed && cell.scenario.bytes > 0 && columns.ceiling.of[cell.index] === kind);
  return known.slice(0, MOST_POINTS);
}

const intensity = (cell) => cell.scenario.flops / cell.scenario.bytes;

function roofTraces(ceiling, shown) {
  const peak = ceiling.peak_flops_per_s / 1e9;
  const knee = (bytesPerS) => ceiling.peak_flops_per_s / bytesPerS;
  const left = Math.min(...shown.map(intensity), knee(ceiling.cache_bytes_per_s) / 4) / 1.5;
  const right = Math.max(...shown.map(intensity), knee(ceiling.memory_bytes_per_s) * 4) * 1.5;
  const roof = (name, bytesPerS, dash) => ({
    type: "scatter", mode: "lines", name: `${name} ${digits(bytesPerS / 1e9)} GB/s`, hoverinfo: "name",
    x: [left, knee(bytesPerS), right], y: [(left * bytesPerS) / 1e9, peak, peak],
    line: { color: themeColour("ink"), width: 1.6, dash },
  });
  return [roof("memory", ceiling.memory_bytes_per_s, "solid"), roof("caches", ceiling.cache_bytes_per_s, "dot")];
}

function rooflinePoints(shown) {
  return data.implementations.flatMap((implementation, place) => {
    const own = shown.filter((cell) => columns.implementation[cell.index] === place);
    if (!own.length) return [];
    const label = (cell, column) => `${escaped(cell.name)}<br>${plain(cell.get(column))} GFLOP/s, ${seconds(cell.get("time"))} ${spread(cell.get("time_low"), cell.get("time_high"))}`;
    const trace = (members, column, symbol, more) => ({
      ...series(place, { symbol, size: 8 }), type: "scatter", mode: "markers", legendgroup: `series ${place}`,
      x: members.map(intensity), y: members.map((cell) => cell.get(column)), text: members.map((cell) => label(cell, column)), ...more,
    });
    const counted = own.filter((cell) => cell.get("executed") !== null && Math.abs(cell.get("executed") / cell.get("gflops") - 1) > 0.02);
    return [
      trace(own, "gflops", seriesMark(place), {}),
      ...(counted.length ? [trace(counted, "executed", `${seriesMark(place)}-open`, { showlegend: false })] : []),
    ];
  });
}

function drawRoofline(kind = 0) {
  const ceiling = columns.ceiling.kinds[kind];
  const shown = rooflineCells(kind);
  if (!ceiling || !shown.length) {
    fillChart("roofline-chart", { build: null, caption: "No passed cell knows the machine's ceilings.", table: null });
    return;
  }
  const kinds = columns.ceiling.kinds.map((other, place) => [place, `${digits(other.peak_flops_per_s / 1e9)} GFLOP/s, ${digits(other.memory_bytes_per_s / 1e9)} GB/s`]);
  fillChart("roofline-chart", {
    controls: kinds.length > 1 ? [choice("Ceilings", kinds, kind, (value) => drawRoofline(Number(value)))] : [],
    build: () => ({
      traces: [...roofTraces(ceiling, shown), ...rooflinePoints(shown)],
      layout: {
        height: 500,
        ...sideLegend(),
        xaxis: logAxis("operations of the direct sum per byte that must move (FLOP/byte, logarithmic)"),
        yaxis: logAxis("GFLOP/s (logarithmic)"),
      },
    }),
    caption: `Filled marks count the direct sum's operations, hollow ones what the algorithm executes. Filled marks above the roof need fewer operations; a hollow one above it is a wrong count. The flat part is a large matrix product, ${digits(ceiling.peak_flops_per_s / 1e9)} GFLOP/s; the slopes are copies.${shown.length === MOST_POINTS ? ` The first ${MOST_POINTS} cells are drawn.` : ""}`,
    table: () => [
      ["Scenario", "Implementation", "FLOP/byte", "Direct-equivalent GFLOP/s", "Executed GFLOP/s", "Time", "95 % interval", "Of the ceiling"],
      shown.map((cell) => [cell.scenario.id, cell.implementation.name, sortNumber(plain(intensity(cell))), sortNumber(plain(cell.get("gflops"))), sortNumber(plain(cell.get("executed"))), sortNumber(seconds(cell.get("time"))), sortNumber(between(cell.get("time_low"), cell.get("time_high"), seconds)), sortNumber(percent(cell.get("roof")))]),
    ],
  });
}

function drawNetwork(place = 0) {
  const network = data.networks[place];
  if (!network) return;
  const complete = network.totals.filter((total) => total.time_s !== null);
  const partial = network.totals.filter((total) => total.time_s === null && total.filled_s !== null);
  const bar = (members, key, more) => ({
    type: "bar", orientation: "h", y: members.map((total) => escaped(total.name)), x: members.map((total) => total[key]),
    text: members.map((total) => ` ${seconds(total[key])}`), textposition: "outside", cliponaxis: false,
    hovertemplate: "%{y}: %{text}<extra></extra>", ...more,
  });
  const ends = (end, sign) => complete.map((total) => (total[end] === null ? 0 : sign * (total[end] - total.time_s)));
  const mix = Object.entries(network.mix).map(([name, layers]) => `${name} in ${layers}`).join(", ");
  const options = data.networks.map((other, at) => [at, other.name]);
  const byTime = [...complete, ...partial].sort((a, b) => a.filled_s - b.filled_s).map((total) => escaped(total.name));
  fillChart("network-chart", {
    controls: options.length > 1 ? [choice("Network", options, place, (value) => drawNetwork(Number(value)))] : [],
    build: () => ({
      traces: [
        bar(complete, "time_s", {
          name: "every layer", marker: { color: seriesColour(0) },
          error_x: { type: "data", symmetric: false, array: ends("high_s", 1), arrayminus: ends("low_s", -1), color: themeColour("ink"), thickness: 1.3 },
        }),
        bar(partial, "filled_s", {
          name: "where it passed, the reference elsewhere",
          marker: { color: themeColour("paper"), line: { color: seriesColour(0), width: 1.5 }, pattern: { shape: "/", fgcolor: seriesColour(0), size: 6 } },
        }),
      ],
      layout: {
        height: 150 + 34 * byTime.length, barmode: "overlay", margin: { l: 150, r: 90, t: 10, b: 60 },
        xaxis: secondsAxis("time of all convolutions in one pass (seconds, logarithmic)"),
        yaxis: { title: { text: "" }, autorange: "reversed", type: "category", categoryorder: "array", categoryarray: byTime, showgrid: false },
      },
    }),
    caption: `${network.layers} different layers, ${network.calls} convolutions, each weighted by how often it occurs. The best mix takes the fastest per layer: ${mix}. It is chosen on the times that it is judged by, which flatters it a little.`,
    table: () => [
      ["Implementation", "Time of one pass", "95 % interval", "Layers passed", "With the reference elsewhere"],
      network.totals.map((total) => [total.name, sortNumber(seconds(total.time_s)), sortNumber(total.time_s === null ? ABSENT : between(total.low_s, total.high_s, seconds)), sortNumber(`${total.passed_layers} of ${network.layers}`), sortNumber(seconds(total.filled_s))]),
    ],
  });
}

/** Return a sentence on every implementation that prepares its weight. */
function preparationText(shown) {
  const prepared = shown.filter((cell) => cell.get("prepare") !== null);
  const one = (cell) => `${cell.implementation.name} in ${seconds(cell.get("prepare"))}, ${cell.get("break_even") === null ? "which never pays against the reference" : `paid for after ${calls(cell.get("break_even"))}`}`;
  return prepared.length ? `Prepared once per weight: ${prepared.map(one).join("; ")}.` : "Nothing here prepares its weight.";
}

function drawMemory(place = fullestScenario()) {
  const scenario = data.scenarios[place];
  const shown = cellsOf(place).filter((cell) => cell.passed);
  const names = shown.map((cell) => escaped(cell.implementation.name));
  const bar = (name, value, colour, shape) => ({
    type: "bar", name, x: names, y: shown.map((cell) => (value(cell) === null ? null : value(cell) / 2 ** 20)), text: shown.map((cell) => bytes(value(cell))), textposition: "none",
    marker: { color: colour, pattern: { shape, bgcolor: colour, fgcolor: themeColour("paper"), size: 7, solidity: 0.25 } },
    hovertemplate: `%{x}<br>${name}: %{text}<extra></extra>`,
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
            height: 400, barmode: "group",
            xaxis: { title: { text: "implementation" }, type: "category", showgrid: false },
            yaxis: { title: { text: "MiB" }, rangemode: "tozero" },
          },
        })
      : null,
    caption: `${scenario.shape}. Peak is what one call adds at its high-water mark, output included. ${preparationText(shown)}`,
    table: () => [
      ["Implementation", "Tensors", "Workspace by formula", "Peak of a call", "Preparation", "Pays after"],
      shown.map((cell) => [cell.implementation.name, sortNumber(bytes(scenario.bytes)), sortNumber(bytes(cell.get("workspace"))), sortNumber(bytes(cell.get("peak"))), sortNumber(seconds(cell.get("prepare"))), sortNumber(cell.get("prepare") === null ? "nothing to prepare" : cell.get("break_even") === null ? "never" : calls(cell.get("break_even")))]),
    ],
  });
}
