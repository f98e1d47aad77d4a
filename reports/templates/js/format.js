// Quantities as people read them: three significant digits and a unit. Absent is "–".

const ABSENT = "–";

function digits(value) {
  if (typeof value === "string") return value; // "inf" and "nan" come by name
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 1e-4 || size >= 1e6) return value.toExponential(2);
  const places = Math.max(0, 2 - Math.floor(Math.log10(size)));
  const text = value.toFixed(places); // toLocaleString takes a hundred times as long
  return size < 1000 ? text : text.replace(/\B(?=(\d{3})+$)/g, ",");
}

function scaled(value, steps) {
  if (typeof value === "string") return value;
  const [size, unit] = steps.find(([least]) => Math.abs(value) >= least * 0.9995) ?? steps.at(-1);
  return `${digits(value / size)} ${unit}`;
}

const SECONDS = [
  [1, "s"],
  [1e-3, "ms"],
  [1e-6, "µs"],
  [1e-9, "ns"],
];
const BYTES = [
  [2 ** 40, "TiB"],
  [2 ** 30, "GiB"],
  [2 ** 20, "MiB"],
  [2 ** 10, "KiB"],
  [1, "B"],
];

const orAbsent = (format) => (value) =>
  value === null || value === undefined ? ABSENT : format(value);

const seconds = orAbsent((value) => scaled(value, SECONDS));
const bytes = orAbsent((value) => (value < 1024 ? `${value} B` : scaled(value, BYTES)));
const times = orAbsent((value) =>
  value >= 1e-4 && value < 0.1 ? `${Number(value.toPrecision(2))}×` : `${digits(value)}×`,
);
const percent = orAbsent((value) => `${digits(100 * value)} %`);
const plain = orAbsent(digits);
const scientific = orAbsent((value) =>
  typeof value === "string" ? value : value === 0 ? "0" : value.toExponential(1),
);
const calls = (value) => `${Math.ceil(value).toLocaleString("en")} call${value > 1 ? "s" : ""}`;

/** Return "1.20 to 1.30×" for the ends of an interval, or a note that there is none. */
function between(low, high, format) {
  if (low === null || high === null) return "no interval";
  const [from, to] = [format(low), format(high)];
  const unit = to.replace(/^[\d.,e+-]+/, "");
  // "618 to 637 µs": the unit once where both ends share it.
  return unit && from.endsWith(unit)
    ? `${from.slice(0, -unit.length)} to ${to}`
    : `${from} to ${to}`;
}

/** Return half an interval on the logarithmic scale as "±2.1 %" or "×÷ 3.00", or an empty text. */
function spread(low, high) {
  if (!low || !high) return "";
  const half = Math.log(high / low) / 2;
  return half > 0.5 ? `×÷ ${digits(Math.exp(half))}` : `±${(100 * half).toFixed(1)} %`;
}

/** Return a word of the run file for people: "out_of_memory" reads "out of memory". */
const words = (text) => text.replaceAll("_", " ");
