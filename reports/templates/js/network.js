// Whole networks: time of one pass by implementation, and of the best mix.

function drawNetwork(place = 0) {
  const network = data.networks[place];
  if (!network) return;
  const complete = network.totals.filter((total) => total.time_s !== null);
  const partial = network.totals.filter(
    (total) => total.time_s === null && total.filled_s !== null,
  );
  const bar = (members, key, more) => ({
    type: "bar",
    orientation: "h",
    y: members.map((total) => escaped(total.name)),
    x: members.map((total) => total[key]),
    text: members.map((total) => ` ${seconds(total[key])}`),
    textposition: "outside",
    cliponaxis: false,
    hovertemplate: "%{y}: %{text}<extra></extra>",
    ...more,
  });
  const ends = (end, sign) =>
    complete.map((total) => (total[end] === null ? 0 : sign * (total[end] - total.time_s)));
  const mix = Object.entries(network.mix)
    .map(([name, layers]) => `${name} in ${layers}`)
    .join(", ");
  const options = data.networks.map((other, at) => [at, other.name]);
  const byTime = [...complete, ...partial]
    .sort((a, b) => a.filled_s - b.filled_s)
    .map((total) => escaped(total.name));
  fillChart("network-chart", {
    controls:
      options.length > 1
        ? [choice("Network", options, place, (value) => drawNetwork(Number(value)))]
        : [],
    build: () => ({
      traces: [
        bar(complete, "time_s", {
          name: "every layer",
          marker: { color: seriesColour(0) },
          error_x: {
            type: "data",
            symmetric: false,
            array: ends("high_s", 1),
            arrayminus: ends("low_s", -1),
            color: themeColour("ink"),
            thickness: 1.3,
          },
        }),
        bar(partial, "filled_s", {
          name: "where it passed, the reference elsewhere",
          marker: {
            color: themeColour("paper"),
            line: { color: seriesColour(0), width: 1.5 },
            pattern: { shape: "/", fgcolor: seriesColour(0), size: 6 },
          },
        }),
      ],
      layout: {
        height: 150 + 34 * byTime.length,
        barmode: "overlay",
        margin: { l: 150, r: 90, t: 10, b: 60 },
        xaxis: secondsAxis("time of all convolutions in one pass (seconds, logarithmic)"),
        yaxis: {
          title: { text: "" },
          autorange: "reversed",
          type: "category",
          categoryorder: "array",
          categoryarray: byTime,
          showgrid: false,
        },
      },
    }),
    caption: [
      `${network.layers} different layers, ${network.calls} convolutions, each weighted by how often`,
      `it occurs. The best mix takes the least time per layer: ${mix}. It is chosen on the times that`,
      "it is judged by, which flatters it a little.",
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
