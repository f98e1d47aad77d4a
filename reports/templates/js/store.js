// The embedded data, and cells as objects over its columns.

const data = JSON.parse(document.getElementById("data").textContent);
const columns = data.cells;
const cellCount = columns.scenario.length;
const isComparison = Boolean(data.comparison);

/** One scenario × one implementation; numbers are read from the columns when asked for. */
class Cell {
  constructor(index) {
    this.index = index;
  }
  get scenario() {
    return data.scenarios[columns.scenario[this.index]];
  }
  get implementation() {
    return data.implementations[columns.implementation[this.index]];
  }
  get status() {
    return data.statuses[columns.status[this.index]];
  }
  get passed() {
    return this.status === "passed";
  }
  /** Whether others took the cores while it was timed: its times say little. */
  get disturbed() {
    return Boolean(columns.disturbed[this.index]);
  }
  get statusText() {
    return words(this.status) + (this.disturbed ? ", disturbed" : "");
  }
  /** Return a number, or a text that the data holds once for many cells. */
  get(column) {
    const value = columns[column][this.index];
    return ["reason", "reference", "precision"].includes(column) ? columns.texts[value] : value;
  }
  get notes() {
    return (columns.notes[this.index] || []).map((place) => columns.texts[place]);
  }
  get ceiling() {
    return columns.ceiling.kinds[columns.ceiling.of[this.index]] ?? null;
  }
  /** Samples in seconds, one list a block. */
  get blocks() {
    const [power, blocks] = columns.drawn[this.index];
    return blocks.map((block) => block.map((sample) => Number(`${sample}e${power}`)));
  }
  /** Time per call with half its interval: "1.20 ms ±2.1 %". */
  get timeText() {
    const half = spread(this.get("time_low"), this.get("time_high"));
    return `${seconds(this.get("time"))} ${half || `(${noInterval(this)})`}${mark(this)}`;
  }
  /** The 95 % interval of a column, as text. */
  interval(column, format) {
    const [low, high] = [this.get(`${column}_low`), this.get(`${column}_high`)];
    return low === null || high === null ? noInterval(this) : between(low, high, format);
  }
  /** A number as text, null where it is absent. */
  known(column, format) {
    return this.get(column) === null ? null : format(this.get(column));
  }
  /** A number with its 95 % interval as text, null where it is absent. */
  withInterval(column, format) {
    return this.known(
      column,
      (value) => `${format(value)} (95 %: ${this.interval(column, format)})`,
    );
  }
  get name() {
    return `${this.scenario.id} × ${this.implementation.name}`;
  }
}

/** Return what has to stand beside a time or speed-up from which nothing may be concluded. */
const mark = (cell) => (cell.disturbed ? " disturbed" : "");

/** Return why a cell's numbers have no interval: "2 blocks: no interval". */
function noInterval(cell) {
  const count = cell.get("blocks");
  return `${count} block${count === 1 ? "" : "s"}: no interval`;
}

const cells = Array.from({ length: cellCount }, (_, index) => new Cell(index));

const _places = new Map(
  cells.map((cell) => [
    columns.scenario[cell.index] * data.implementations.length + columns.implementation[cell.index],
    cell,
  ]),
);

/** Return the cell at two places, or undefined where the run has none. */
function cellAt(scenarioPlace, implementationPlace) {
  return _places.get(scenarioPlace * data.implementations.length + implementationPlace);
}

/** Return the cells of a scenario in the order of the implementations. */
function cellsOf(scenarioPlace) {
  return data.implementations.map((_, place) => cellAt(scenarioPlace, place)).filter(Boolean);
}

/** Return the place of the scenario with most passed cells: what charts show at first. */
function fullestScenario() {
  const passed = data.scenarios.map((_, place) => cellsOf(place).filter((c) => c.passed).length);
  return passed.indexOf(Math.max(...passed));
}

function quoted(word) {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Return the command line that measures this cell again, its reference beside it. */
function reproduce(cell) {
  const { scenario, implementation } = cell;
  const own = {
    [data.placeholders.scenario]: globEscaped(scenario.id),
    [data.placeholders.implementation]: globEscaped(implementation.name),
  };
  const words = data.again[cell.get("reference")][scenario.source];
  return words.map((word) => quoted(own[word] ?? word)).join(" ");
}

/** Return a text as a glob that matches nothing else. */
function globEscaped(text) {
  return text.replaceAll(/[*?[]/g, "[$&]");
}
