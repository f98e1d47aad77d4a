// Where the time goes, by phase; which cell's details are shown below.

const PHASE_COLOURS = [4, 0, 1, 2, 3]; // of the series, in the order of data.profiles.phases
const PHASE_SHAPES = [".", "", "/", "\\", "x"];
const UNMARKED = { colour: 6, shape: "" };

/** Return the scenarios that have a profile, as [place, id] pairs. */
function profiledScenarios() {
  const places = [...new Set(data.profiles.cells.map((profile) => profile.scenario))];
  return places.map((place) => [place, data.scenarios[place].id]);
}

const profileName = (profile) => data.implementations[profile.implementation].name;

/** Return a stacked bar's trace: the share of one phase in every cell. */
function phaseTrace(name, colour, shape, shown, share) {
  const values = shown.map(share);
  return {
    type: "bar",
    orientation: "h",
    name,
    y: shown.map((profile) => escaped(profileName(profile))),
    x: values,
    text: values.map((value) => (value > 0.06 ? percent(value) : "")),
    textposition: "inside",
    insidetextanchor: "middle",
    textangle: 0,
    textfont: { color: textOn(channels(partColour(colour))) },
    marker: {
      color: partColour(colour),
      line: { color: themeColour("paper"), width: 1 },
      pattern: {
        shape,
        bgcolor: partColour(colour),
        fgcolor: themeColour("paper"),
        size: 8,
        solidity: 0.12,
      },
    },
    hovertemplate: `%{y}<br>${name}: %{x:.1%}<extra></extra>`,
  };
}

function phaseTraces(shown) {
  const named = data.profiles.phases.map((name, place) =>
    phaseTrace(
      name,
      PHASE_COLOURS[place],
      PHASE_SHAPES[place],
      shown,
      (profile) => profile.phases.shares[name] ?? null,
    ),
  );
  const used = named.filter((trace) => trace.x.some((value) => value !== null));
  return [
    ...used,
    phaseTrace(
      "unmarked",
      UNMARKED.colour,
      UNMARKED.shape,
      shown,
      (profile) => profile.phases.unmarked,
    ),
  ];
}

function phaseTable(shown) {
  const { phases } = data.profiles;
  return [
    ["Implementation", ...phases, "unmarked", "sum", "unprofiled time", "calls"],
    shown.map((profile) => [
      profileName(profile),
      ...phases.map((name) => numeric(percent(profile.phases.shares[name]))),
      numeric(percent(profile.phases.unmarked)),
      numeric(percent(profile.phases.total)),
      numeric(seconds(profile.phases.unprofiled)),
      numeric(String(profile.phases.calls)),
    ]),
  ];
}

function drawProfiles(place = null) {
  if (!data.profiles) return;
  const options = profiledScenarios();
  const scenario = place ?? options[0][0];
  const own = data.profiles.cells.filter((profile) => profile.scenario === scenario);
  const isMarked = (profile) => Object.keys(profile.phases.shares).length > 0;
  const shown = own.filter((profile) => profile.phases && isMarked(profile));
  const bare = own.filter((profile) => profile.phases && !isMarked(profile)).map(profileName);
  fillChart("phase-chart", {
    controls: [
      choice("Scenario", options, scenario, (value) => drawProfiles(Number(value))),
    ],
    build: shown.length
      ? () => ({
          traces: phaseTraces(shown),
          layout: {
            height: (narrow() ? 250 : 150) + 34 * shown.length,
            barmode: "stack",
            legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0, traceorder: "normal" },
            margin: { l: 150, r: 30, t: 10, b: 60 },
            xaxis: {
              title: { text: "share of the unprofiled time of a call (%)" },
              tickformat: ".0%",
              rangemode: "tozero",
            },
            yaxis: {
              title: { text: "" },
              autorange: "reversed",
              type: "category",
              showgrid: false,
            },
          },
        })
      : null,
    caption: [
      `${data.scenarios[scenario].shape}.`,
      shown.length
        ? "Calls with and without a listener took turns; the phases and what lies between them are " +
          "shares of the time without one, so that they add up to 100 % but for noise."
        : "",
      bare.length
        ? `${bare.join(", ")}: no phase is marked; the operators below tell where the time goes.`
        : "",
    ].join(" "),
    table: shown.length ? () => phaseTable(shown) : null,
  });
  document
    .getElementById("profile-cells")
    .replaceChildren(...own.map((profile) => profileDetails(profile)));
}
