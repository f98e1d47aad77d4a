// One cell in full: samples by block, interval, residuals, reason, and how to measure it again.

function residualFacts(cell) {
  const worst = cell.get("worst");
  return [
    ["Relative L2 error", cell.known("error", scientific)],
    ["Error / bound", cell.known("worst_ratio", plain)],
    ["Worst element", worst && worstText(...worst)],
    ["Error factor", cell.known("error_factor", (factor) => `${factor} (units of √K·u·S)`)],
    ["Computes in", cell.get("precision")],
    ["Same result every time", cell.known("deterministic", (same) => (same ? "yes" : "no"))],
  ];
}

function worstText(index, got, expected, bound) {
  // A bound of zero is kept as the least number there is, about 2e-308.
  const allowed = bound < 1e-300 ? "allowed error 0: it has to be exact" : `allowed error ±${bound}`;
  return `(${index.join(", ")}): got ${got}, expected ${expected}, ${allowed}`;
}

function timeFacts(cell) {
  if (!cell.passed) return [];
  return [
    ["Time per call", cell.withInterval("time", seconds)],
    ["Least sample", cell.known("min", seconds)],
    [`Speed-up over ${cell.get("reference")}${mark(cell)}`, cell.withInterval("speedup", times)],
    ["Direct-equivalent", cell.known("gflops", (rate) => `${plain(rate)} GFLOP/s`)],
    ["Executed", cell.known("executed", (rate) => `${plain(rate)} GFLOP/s`)],
    ["Of the machine's ceiling", cell.known("roof", percent)],
    ["Preparation", cell.known("prepare", (prepare) => `${seconds(prepare)}, ${pays(cell)}`)],
    ["Blocks, samples", `${cell.get("blocks")}, ${cell.get("samples")}`],
    ["Seed of the first block", cell.get("seed")],
  ];
}

const pays = (cell) =>
  cell.known("break_even", (count) => `pays after ${calls(count)}`) ?? "never pays";

function conditionFacts(cell) {
  const { scenario } = cell;
  return [
    ["Status", cell.statusText],
    ["Others' use of the cores", cell.known("others", (share) => `${plain(share)} cores`)],
    ["Reason", cell.get("reason")],
    ["Notes", cell.notes.join("; ")],
    ["Problem", scenario.shape],
    [
      "Conditions",
      [
        scenario.device,
        scenario.dtype,
        words(scenario.memory_format),
        words(scenario.direction),
        `${scenario.cache} caches`,
        scenario.values,
        cell.known("threads", (count) => `${count} threads`),
      ]
        .filter(Boolean)
        .join(", "),
    ],
    ["Peak memory of a call, output included", cell.known("peak", bytes)],
    ["Workspace by formula, output apart", cell.known("workspace", bytes)],
    [
      "Implementation",
      [cell.implementation.summary, cell.implementation.source].filter(Boolean).join(" "),
    ],
  ];
}

function commandLine(cell) {
  const text = reproduce(cell);
  const code = element("code", {}, text);
  const button = element("button", { type: "button" }, "Copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(code); // refused: leave it selected for Ctrl-C
    }
  });
  return element("div", { class: "command wide" }, code, button);
}

/** Return what a row of the table or the dialog shows of a cell. */
function details(cell) {
  const plot = cell.passed ? element("div", { class: "plot wide" }) : null;
  const twin = cell.passed ? blockTable(cell) : null;
  const made = element(
    "div",
    { class: "details" },
    facts([...timeFacts(cell), ...comparisonFacts(cell)]),
    facts([...conditionFacts(cell), ...residualFacts(cell)]),
    plot,
    twin,
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
    ["Time over base time", cell.withInterval("change", times)],
    ["Comparison", note],
  ];
}

/** Return the violins' table twin: what was drawn of each block. */
function blockTable(cell) {
  const rows = cell.blocks.map((block, place) => {
    const ranked = [...block].sort((a, b) => a - b);
    const middle = (ranked[(ranked.length - 1) >> 1] + ranked[ranked.length >> 1]) / 2;
    const shown = [ranked[0], middle, ranked.at(-1)].map((time) => numeric(seconds(time)));
    return [`block ${place + 1}`, numeric(String(block.length)), ...shown];
  });
  const headers = ["Block", "Samples drawn", "Least", "Median", "Largest"];
  return element(
    "details",
    { class: "twin wide" },
    element("summary", {}, "The same as a table"),
    plainTable("Samples by block", headers, rows),
  );
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
      type: "rect",
      xref: "paper",
      x0: 0,
      x1: 1,
      yref: "y",
      y0: cell.get("time_low"),
      y1: cell.get("time_high"),
      fillcolor: themeColour("muted"),
      opacity: 0.22,
      line: { width: 0 },
      layer: "below",
    });
  }
  const count = cell.blocks.reduce((sum, block) => sum + block.length, 0);
  const thinned =
    count < cell.get("samples") ? `; ${count} of ${cell.get("samples")} samples drawn` : "";
  return {
    traces,
    layout: {
      height: 320,
      shapes: band,
      xaxis: axis(`blocks: fresh processes and data (grey: 95 % interval of the time)${thinned}`, {
        type: "category",
      }),
      yaxis: axis("time per call (seconds)", {
        ticksuffix: "s",
        exponentformat: "SI",
        minexponent: 0,
      }),
    },
  };
}

/** Open the dialog with a cell's details. */
function openCell(cell) {
  const dialog = document.getElementById("cell-dialog");
  const close = element(
    "button",
    { type: "button", class: "close", onclick: () => dialog.close() },
    "Close",
  );
  const title = element("h2", { id: "cell-dialog-title" }, cell.name);
  dialog.replaceChildren(close, title, details(cell));
  dialog.showModal();
}
