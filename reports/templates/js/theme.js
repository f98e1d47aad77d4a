// Colours: the page's own from the style sheet, the scales of the heat map here.

const darkScreen = matchMedia("(prefers-color-scheme: dark)");
let isDark = darkScreen.matches; // asked for in every square: the query itself is slow

function chooseTheme(isPrinting) {
  isDark = darkScreen.matches && !isPrinting;
  document.documentElement.classList.toggle("dark", isDark); // DataTables' own switch
}

function themeColour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

// Orange against blue around a neutral middle, darker or, on a dark page, brighter to the ends.
const DIVERGING = {
  light: [
    "#9c4a00",
    "#e08214",
    "#fdb863",
    "#fee0b6",
    "#f3f3f3",
    "#d1e5f0",
    "#92c5de",
    "#4393c3",
    "#1c5a9c",
  ],
  dark: [
    "#ffb35c",
    "#d9822b",
    "#9a5a1c",
    "#5b3c1e",
    "#262c34",
    "#1d3c55",
    "#22608f",
    "#3b8fd0",
    "#8ecbff",
  ],
};
const SEQUENTIAL = {
  light: ["#eef4fa", "#c6dbef", "#85b7de", "#4a90c8", "#1c5a9c"],
  dark: ["#1c2530", "#1d3c55", "#22608f", "#3b8fd0", "#8ecbff"],
};

const channels = (hex) => [1, 3, 5].map((start) => parseInt(hex.slice(start, start + 2), 16));

/** Return the colour at `place`, 0 to 1, of a scale of evenly spaced stops. */
function colourAt(scale, place) {
  const stops = scale[isDark ? "dark" : "light"];
  const at = Math.min(Math.max(place, 0), 1) * (stops.length - 1);
  const below = Math.min(Math.floor(at), stops.length - 2);
  const [from, to] = [channels(stops[below]), channels(stops[below + 1])];
  return from.map((value, channel) => Math.round(value + (at - below) * (to[channel] - value)));
}

function luminance(rgb) {
  const [r, g, b] = rgb.map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** Return black or white, whichever reads better on `rgb` (WCAG's contrast ratio). */
function textOn(rgb) {
  const light = luminance(rgb);
  return 1.05 / (light + 0.05) > (light + 0.05) / 0.05 ? "#ffffff" : "#000000";
}

function ramp(scale) {
  const stops = scale[isDark ? "dark" : "light"];
  return `linear-gradient(90deg, ${stops.join(", ")})`;
}

/** Colour and mark of an implementation: the same in every chart and beside its name. */
function rowColour(place) {
  return data.implementations[place].look[isDark ? "dark" : "light"];
}
const rowMark = (place) => data.implementations[place].look.symbol;

/** Return the mark of an implementation as a small drawing, for beside its name. */
function rowIcon(place) {
  const namespace = "http://www.w3.org/2000/svg";
  const drawing = document.createElementNS(namespace, "svg");
  const shape = document.createElementNS(namespace, "path");
  for (const [name, value] of Object.entries({ class: "icon", viewBox: "0 0 20 20", "aria-hidden": "true" }))
    drawing.setAttribute(name, value);
  shape.setAttribute("d", data.implementations[place].look.path);
  shape.setAttribute("fill", rowColour(place));
  drawing.append(shape);
  return drawing;
}

/** Colour of what is no implementation: a phase, a kind of memory, a frame. */
function partColour(place) {
  return data.parts[isDark ? "dark" : "light"][place];
}
