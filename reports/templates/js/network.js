// Whole networks: time of one pass by implementation, and of the best mix.

/** Return bars from zero on a linear axis, each in its own look, its time beyond its interval. */
function networkChart(ordered, names, axisEnd, isCut) {
  const places = new Map(data.implementations.map((entry, place) => [entry.name, place]));
  const colours = ordered.map((total) =>
    places.has(total.name) ? rowColour(places.get(total.name)) : themeColour("ink"),
  );
  const paper = themeColour("paper");
  const isWhole = (total) => total.time_s !== null;
  const ends = ordered.map((total) => Math.min(total.filled_s, axisEnd));
  const highs = ordered.map((total, at) =>
    isCut(total) ? axisEnd : Math.max(ends[at], isWhole(total) ? (total.high_s ?? 0) : 0),
  );
  const reach = (end) =>
    ordered.map((total) =>
      isCut(total) || !isWhole(total) || total[end] === null ? 0 : Math.abs(total[end] - total.time_s),
    );
  const words = ordered.map(
    (total) =>
      seconds(total.filled_s) +
      (isCut(total) ? " (cut)" : "") +
      (total.disturbed_layers ? " disturbed" : ""),
  );
  const gap = (at, share) => ({
    type: "line",
    x0: axisEnd * share,
    x1: axisEnd * (share + 0.01),
    y0: at - 0.45,
    y1: at + 0.45,
    line: { color: paper, width: 3 },
  });
  return {
    traces: [
      ...ordered.map((total, at) => ({
        type: "bar",
        orientation: "h",
        y: [names[at]],
        x: [ends[at]],
        hoverinfo: "skip",
        marker: {
          color: isWhole(total) ? colours[at] : paper,
          line: { color: colours[at], width: 1.5 },
          pattern: { shape: isWhole(total) ? "" : "/", fgcolor: colours[at], size: 6 },
        },
      })),
      {
        type: "scatter",
        mode: "markers",
        y: names,
        x: ends,
        error_x: {
          type: "data",
          symmetric: false,
          array: reach("high_s"),
          arrayminus: reach("low_s"),
          color: themeColour("muted"),
          thickness: 1.5,
        },
        marker: {
          color: colours,
          size: 10,
          symbol: ordered.map((total) =>
            places.has(total.name) ? rowMark(places.get(total.name)) : "line-ns",
          ),
          line: { color: paper, width: 1.2 },
        },
        text: words,
        hovertemplate: "%{y}: %{text}<extra></extra>",
      },
      {
        type: "scatter",
        mode: "text",
        y: names,
        x: highs,
        text: words.map((text) => `\u2002${text}`),
        textposition: "middle right",
        cliponaxis: false,
        hoverinfo: "skip",
      },
    ],
    layout: {
      height: 130 + 34 * names.length,
      barmode: "overlay",
      showlegend: false,
      margin: { l: 20, r: 10, t: 10, b: 60 },
      shapes: ordered.flatMap((total, at) => (isCut(total) ? [gap(at, 0.94), gap(at, 0.97)] : [])),
      xaxis: fromZero("time of all convolutions in one pass", axisEnd, tickSeconds),
      yaxis: {
        title: { text: "" },
        autorange: "reversed",
        type: "category",
        categoryorder: "array",
        categoryarray: names,
        showgrid: false,
      },
    },
  };
}

function drawNetwork(place = 0) {
  const network = data.networks[place];
  if (!network) return;
  const complete = network.totals.filter((total) => total.time_s !== null);
  const partial = network.totals.filter(
    (total) => total.time_s === null && total.filled_s !== null,
  );
  const axisEnd = network.axis_s;
  const isCut = (total) => total.filled_s > axisEnd;
  const ordered = [...complete, ...partial].sort((a, b) => a.filled_s - b.filled_s);
  const names = ordered.map((total) => escaped(total.name));
  const mix = Object.entries(network.mix)
    .map(([name, layers]) => `${name} in ${layers}`)
    .join(", ");
  const options = data.networks.map((other, at) => [at, other.name]);
  fillChart("network-chart", {
    controls:
      options.length > 1
        ? [choice("Network", options, place, (value) => drawNetwork(Number(value)))]
        : [],
    build: ordered.length ? () => networkChart(ordered, names, axisEnd, isCut) : null,
    caption: [
      `${network.layers} different layers, ${network.calls} convolutions, each weighted by how often`,
      "it occurs. Filled bars passed in every layer; hatched ones where they passed, with the reference",
      "elsewhere. The best mix leaves the reference only where another is faster beyond its interval:",
      `${mix}. It is chosen on the times that it is judged by, which flatters it a little.`,
      ordered.some(isCut) ? "A bar with a gap is cut: it is longer than the axis." : "",
      network.undecided_layers
        ? `In ${network.undecided_layers} layers it is undecided who is fastest.`
        : "",
    ].join(" "),
    table: () => [
      [
        "Implementation",
        "Time of one pass",
        "95 % interval",
        "Layers passed",
        "With the reference elsewhere",
      ],
      network.totals.map((total) => [
        total.name,
        numeric(seconds(total.time_s) + (total.disturbed_layers ? " disturbed" : "")),
        numeric(total.time_s === null ? ABSENT : between(total.low_s, total.high_s, seconds)),
        numeric(`${total.passed_layers} of ${network.layers}`),
        numeric(seconds(total.filled_s)),
      ]),
    ],
  });
}
