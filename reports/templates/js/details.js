// One cell in full: samples by block, interval, residuals, reason, and how to measure it again.

function residualFacts(cell) {
  const worst = cell.get("worst");
  const factor = cell.get("error_factor");
  return [
    ["Relative L2 error", cell.get("error") === null ? null : scientific(cell.get("error"))],
    ["Largest error / bound", cell.get("worst_ratio") === null ? null : plain(cell.get("worst_ratio"))],
    ["Worst element", worst && `(${worst[0].join(", ")}): got ${worst[1]}, expected ${worst[2]}, allowed ±${worst[3]}`],
    ["Error factor", factor === null ? null : `${factor} (units of √K·u·S)`],
    ["Computes in", cell.get("precision")],
    ["Same result every time", cell.get("deterministic") === null ? null : cell.get("deterministic") ? "yes" : "no"],
  ];
}

function timeFacts(cell) {
  if (!cell.passed) return [];
  const breakEven = cell.get("break_even");
  const prepare = cell.get("prepare");
  return [
    ["Time per call", `${seconds(cell.get("time"))} (95 %: ${between(cell.get("time_low"), cell.get("time_high"), seconds)})`],
    ["Least sample", seconds(cell.get("min"))],
    [`Speed-up over ${cell.get("reference")}`, cell.get("speedup") === null ? null : `${times(cell.get("speedup"))} (95 %: ${between(cell.get("speedup_low"), cell.get("speedup_high"), times)})`],
    ["Direct-equivalent", `${plain(cell.get("gflops"))} GFLOP/s`],
    ["Executed", cell.get("executed") === null ? null : `${plain(cell.get("executed"))} GFLOP/s`],
    ["Of the machine's ceiling", cell.get("roof") === null ? null : percent(cell.get("roof"))],
    ["Preparation", prepare === null ? null : `${seconds(prepare)}, ${breakEven === null ? "never pays" : `pays after ${calls(breakEven)}`}`],
    ["Blocks, samples", `${cell.get("blocks")}, ${cell.get("samples")}`],
    ["Seed of the first block", cell.get("seed")],
  ];
}

function conditionFacts(cell) {
  const { scenario } = cell;
  return [
    ["Status", words(cell.status)],
    ["Reason", cell.get("reason")],
    ["Notes", cell.notes.join("; ")],
    ["Problem", scenario.shape],
    ["Conditions", [scenario.device, scenario.dtype, words(scenario.memory_format), words(scenario.direction), `${scenario.cache} caches`, cell.get("threads") === null ? null : `${cell.get("threads")} threads`].filter(Boolean).join(", ")],
    ["Peak memory of a call", cell.get("peak") === null ? null : bytes(cell.get("peak"))],
    ["Workspace by formula", cell.get("workspace") === null ? null : bytes(cell.get("workspace"))],
    ["Implementation", [cell.implementation.summary, cell.implementation.source].filter(Boolean).join(" ")],
  ];
}

function commandLine(cell) {
  const text = reproduce(cell);
  const button = element("button", { type: "button" }, "Copy");
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  });
  return element("div", { class: "command wide" }, element("code", {}, text), button);
}

/** Return what a row of the table or the dialog shows of a cell. */
function details(cell) {
  const plot = cell.passed ? element("div", { class: "plot wide" }) : null;
  const made = element(
    "div",
    { class: "details" },
    facts([...timeFacts(cell), ...comparisonFacts(cell)]),
    facts([...conditionFacts(cell), ...residualFacts(cell)]),
    plot,
    commandLine(cell),
  );
  // The element has to be on the page before plotly.js can measure it.
  if (plot) requestAnimationFrame(() => drawChart(plot, () => samplesByBlock(cell)));
  return made;
}

/** Return what the other run of a comparison says about a cell. */
function comparisonFacts(cell) {
  if (!isComparison) return [];
  const note = columns.texts[cell.get("change_note")];
  return [
    ["Time in the base run", seconds(cell.get("base_time"))],
    ["Time over base time", cell.get("change") === null ? null : `${times(cell.get("change"))} (95 %: ${between(cell.get("change_low"), cell.get("change_high"), times)})`],
    ["Comparison", note],
  ];
}

/** Return a violin per block, with its samples as points. */
function samplesByBlock(cell) {
  const traces = cell.blocks.map((block, place) => ({
    type: "violin",
    name: `block ${place + 1}`,
    y: block,
    points: "all",
    pointpos: 0,
    jitter: 0.5,
    spanmode: "hard",
    line: { width: 1, color: themeColour("accent") },
    fillcolor: `${themeColour("accent")}33`,
    marker: { size: 4, opacity: 0.65 },
    hoveron: "points",
    showlegend: false,
  }));
  const band = [];
  if (cell.get("time_low") !== null) {
    band.push({
      type: "rect", xref: "paper", x0: 0, x1: 1, yref: "y", y0: cell.get("time_low"), y1: cell.get("time_high"),
      fillcolor: themeColour("muted"), opacity: 0.22, line: { width: 0 }, layer: "below",
    });
  }
  const count = cell.blocks.reduce((sum, block) => sum + block.length, 0);
  const thinned = count < cell.get("samples") ? `; ${count} of ${cell.get("samples")} samples drawn` : "";
  return {
    traces,
    layout: {
      height: 320,
      shapes: band,
      xaxis: axis(`blocks: fresh processes and data (grey: 95 % interval of the time)${thinned}`, { type: "category" }),
      yaxis: axis("time per call (seconds)", { ticksuffix: "s", exponentformat: "SI", minexponent: 0 }),
    },
  };
}

/** Open the dialog with a cell's details. */
function openCell(cell) {
  const dialog = document.getElementById("cell-dialog");
  const close = element("button", { type: "button", class: "close", onclick: () => dialog.close() }, "Close");
  const title = element("h2", { id: "cell-dialog-title" }, cell.name);
  dialog.replaceChildren(close, title, details(cell));
  dialog.showModal();
}
