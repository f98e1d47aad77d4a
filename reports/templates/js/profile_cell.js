// One profiled cell: bound, operators, stacks, memory over time, threads, Python, files.

/** Return a collapsed cell; what is inside is made when it is opened. */
function profileDetails(profile) {
  const name = profileName(profile);
  const summary = element(
    "summary",
    {},
    element("strong", {}, name),
    ` ${profile.bound ? profile.bound.sentence : "no bound is known"}`,
  );
  const made = element("details", { class: "profiled" }, summary);
  made.addEventListener("toggle", () => {
    if (made.open && made.childElementCount === 1) made.append(...profileParts(profile, name));
  });
  return made;
}

function profileParts(profile, name) {
  return [
    facts(profileFacts(profile)),
    ...(profile.operators ? operatorParts(profile, name) : []),
    ...(profile.memory ? [memoryPart(profile, name)] : []),
    ...(profile.threads.length ? [threadPart(profile, name)] : []),
    ...(profile.python.length ? [pythonPart(profile, name)] : []),
    filesPart(profile),
  ].filter(Boolean);
}

function profileFacts(profile) {
  const { bound, operators, memory_words: memoryWords } = profile;
  const counts = operators?.counts;
  const of = (value, format) => (value === null || value === undefined ? null : format(value));
  const rate = (value) => `${plain(value / 1e9)} GFLOP/s`;
  const limits = bound && Object.entries(bound.shares);
  return [
    ["Bound by", bound?.by],
    ["Time at each limit", limits?.map(([name, share]) => `${name} ${percent(share)}`).join(", ")],
    ["Executed operations", of(counts?.executed_flops, (n) => `${plain(n / 1e6)} MFLOP`)],
    ["From", counts?.flops_source],
    ["By torch's counter", of(counts?.counted_flops, (n) => `${plain(n / 1e6)} MFLOP`)],
    ["Both counts", counts?.note],
    ["Bytes moved", of(counts?.moved_bytes, (n) => `${bytes(n)}, from ${counts.bytes_source}`)],
    ["Arithmetic intensity", of(bound?.intensity, (n) => `${plain(n)} FLOP/byte`)],
    ["Executed", of(bound?.flops_per_s, rate)],
    ["Roof at that intensity", of(bound?.roof_flops_per_s, rate)],
    ["Operators of a call", of(operators?.count, plain)],
    ["A call costs at least", of(operators?.overhead, seconds)],
    ["Memory at the peak of a call, output included", of(memoryWords?.peak_bytes, bytes)],
    ...(memoryWords?.remarks ?? []).map((remark) => ["Other figures of memory", remark]),
    [
      "Threads",
      profile.one_thread_of && `runs on one thread, with ${profile.one_thread_of} given`,
    ],
    ["Parallel efficiency", profile.one_thread_of ? null : of(profile.efficiency, percent)],
    [
      "Instructions of a call",
      of(profile.instructions, (n) => `${plain(n)} (${profile.instructions_path}, one thread)`),
    ],
    ["Hardware counters a call", counterText(profile.counters)],
    ...Object.entries(profile.missing).map(([part, why]) => [`No ${part}, or not all`, why]),
  ];
}

function counterText(counters) {
  if (!counters) return null;
  const told = Object.entries(counters).map(([name, value]) => `${name} ${plain(value)}`);
  if (counters.cycles && counters.instructions)
    told.push(`${plain(counters.instructions / counters.cycles)} instructions a cycle`);
  return told.join(", ");
}

/** Return a small chart with a title, a caption and its table twin. */
function smallChart(title, build, caption, table) {
  const plot = element("div", { class: "plot wide" });
  const twin = element(
    "details",
    { class: "twin" },
    element("summary", {}, "The same as a table"),
    plainTable(title, ...table),
  );
  requestAnimationFrame(() => drawChart(plot, build));
  return element(
    "figure",
    { class: "chart", "aria-label": title },
    element("h4", {}, title),
    plot,
    element("figcaption", {}, explained(caption)),
    twin,
  );
}

function operatorParts(profile, name) {
  const { rows, call } = profile.operators;
  const onDevice = rows.some((row) => row.device_s !== null);
  const parts = [
    element("h4", {}, "Operators"),
    plainTable(
      `Operators of ${name}`,
      [
        ...["Operator", "Calls", "Own time", "Of the call", "With those it called", "Allocates"],
        ...(onDevice ? ["Own time on the GPU"] : []),
      ],
      rows.map((row) => [
        row.name,
        numeric(plain(row.calls)),
        numeric(seconds(row.self_s)),
        numeric(percent(row.self_s / call)),
        numeric(seconds(row.total_s)),
        numeric(bytes(row.allocated_bytes)),
        ...(onDevice ? [numeric(seconds(row.device_s))] : []),
      ]),
    ),
  ];
  if (!rows.length) parts.splice(1, 1, element("p", { class: "muted" }, "It runs none."));
  if (profile.stacks?.ns.length) parts.push(stackPart(profile.stacks, name));
  return parts;
}

function stackPart(stacks, name) {
  const depths = [];
  stacks.parents.forEach((parent) => depths.push(parent === null ? 0 : depths[parent] + 1));
  const colour = (text) =>
    text.startsWith("phase: ")
      ? partColour(5)
      : text.startsWith("aten::")
        ? partColour(4)
        : partColour(2);
  const whole = stacks.ns.reduce(
    (sum, ns, place) => (stacks.parents[place] === null ? sum + ns : sum),
    0,
  );
  const shown = (place) => seconds(stacks.ns[place] * 1e-9);
  return smallChart(
    `Flame graph of ${name}`,
    () => ({
      traces: [
        {
          type: "icicle",
          ids: stacks.names.map((_, place) => String(place + 1)),
          labels: stacks.names.map(escaped),
          parents: stacks.parents.map((parent) => (parent === null ? "" : String(parent + 1))),
          values: stacks.ns,
          branchvalues: "total",
          sort: false,
          tiling: { orientation: "v" },
          text: stacks.names.map((_, place) => shown(place)),
          textinfo: "label+text",
          hovertemplate: "%{label}<br>%{text}, %{percentRoot} of the call<extra></extra>",
          marker: {
            colors: stacks.names.map(colour),
            line: { color: themeColour("paper"), width: 1 },
          },
          textfont: { color: "#000000" },
          pathbar: { visible: false },
          leaf: { opacity: 1 },
        },
      ],
      layout: {
        height: 90 + 26 * (Math.max(...depths) + 2),
        margin: { l: 4, r: 4, t: 4, b: 4 },
      },
    }),
    "Each box is as wide as its time: phases orange, Python's functions green, torch's operators blue. Recording Python's frames slows a call down.",
    [
      ["Within the call", "Time", "Of the call"],
      stacks.names.map((text, place) => [
        `${"· ".repeat(depths[place])}${text}`,
        numeric(shown(place)),
        numeric(percent(stacks.ns[place] / whole)),
      ]),
    ],
  );
}

function memoryPart(profile, name) {
  const { timeline } = profile.memory;
  const kinds = [
    ["input", 6],
    ["weight", 3],
    ["output", 0],
    ["workspace", 4],
  ];
  return smallChart(
    `Live memory of ${name} during a call`,
    () => ({
      traces: kinds.map(([kind, place]) => ({
        type: "scatter",
        mode: "lines",
        name: kind,
        stackgroup: "live",
        line: { shape: "hv", width: 1, color: partColour(place) },
        fillcolor: `${partColour(place)}99`,
        x: timeline.at_s.map((at) => at * 1e3),
        y: timeline[kind].map((size) => size / 2 ** 20),
        hovertemplate: `${kind}: %{y:.3~g} MiB<extra></extra>`,
      })),
      layout: {
        height: 280,
        xaxis: axis("time within a call under the profiler (ms)"),
        yaxis: axis("live memory (MiB)", { rangemode: "tozero" }),
      },
    }),
    [
      `At its highest ${bytes(profile.memory_words.peak_bytes)} of output and workspace`,
      ...profile.memory_words.remarks,
    ].join("; ") + ".",
    [
      ["Time", ...kinds.map(([kind]) => kind)],
      timeline.at_s.map((at, step) => [
        seconds(at),
        ...kinds.map(([kind]) => numeric(bytes(timeline[kind][step]))),
      ]),
    ],
  );
}

function threadPart(profile, name) {
  const counts = profile.threads.map(([count]) => count);
  const timesTaken = profile.threads.map(([, time]) => time);
  const efficiency = (place) => timesTaken[0] / (counts[place] * timesTaken[place]);
  return smallChart(
    `Threads of ${name}`,
    () => ({
      traces: [
        {
          type: "scatter",
          mode: "lines+markers",
          name: "measured",
          x: counts,
          y: timesTaken.map((time) => time * 1e3),
          text: counts.map((_, place) => `${percent(efficiency(place))} efficient`),
          hovertemplate: "%{x} threads: %{y:.3~g} ms, %{text}<extra></extra>",
          line: { color: partColour(0) },
          marker: { size: 9 },
        },
        {
          type: "scatter",
          mode: "lines",
          name: "ideal",
          x: counts,
          y: counts.map((count) => (timesTaken[0] * 1e3) / count),
          hoverinfo: "skip",
          line: { color: themeColour("ink"), dash: "dot", width: 1.5 },
        },
      ],
      layout: {
        height: 280,
        xaxis: axis("threads", { tickvals: counts }),
        yaxis: axis("time per call (ms)", { rangemode: "tozero" }),
      },
    }),
    profile.one_thread_of
      ? "It runs on one thread, however many it is given."
      : "Efficiency is the time on one thread over n times that on n.",
    [
      ["Threads", "Time per call", "Parallel efficiency"],
      counts.map((count, place) => [
        String(count),
        numeric(seconds(timesTaken[place])),
        numeric(percent(efficiency(place))),
      ]),
    ],
  );
}

function pythonPart(profile, name) {
  return element(
    "div",
    {},
    element("h4", {}, "Python, by samples of the stack"),
    plainTable(
      `Python functions of ${name}`,
      ["Function", "Place", "Of the samples"],
      profile.python.map((entry) => [entry.name, entry.place, numeric(percent(entry.share))]),
    ),
  );
}

const FILE_MEANINGS = {
  "trace.json.gz": "trace for ui.perfetto.dev or chrome://tracing",
  "operators.txt": "torch.profiler's table",
  "python.html": "Python's stacks by pyinstrument",
  "callgrind.out": "for KCachegrind",
};

/** Return links to what lies beside the page in the run's folder. */
function filesPart(profile) {
  const links = Object.entries(profile.files).map(([file, path]) =>
    element(
      "li",
      {},
      element("a", { href: encodeURI(path) }, file),
      `: ${FILE_MEANINGS[file] ?? "a file"}`,
    ),
  );
  return links.length ? element("ul", { class: "doubts" }, links) : null;
}
