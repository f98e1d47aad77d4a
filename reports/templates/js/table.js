// The table of all cells: DataTables over row objects, every text escaped.

/** Return a column of text. */
function textColumn(title, pick, more = {}) {
  return {
    title,
    data: null,
    type: "string",
    ...more,
    render: (row, type) =>
      type === "display"
        ? escaped(pick(row.cell))
        : type === "export"
          ? safeForSheet(pick(row.cell))
          : pick(row.cell),
  };
}

/** Return a column of numbers: shown with a unit, sorted and copied as they are, in `unit`. */
function numberColumn(title, column, format, unit) {
  return {
    title,
    sheetTitle: unit ? `${title} (${unit})` : title,
    data: null,
    className: "dt-right",
    type: "num",
    render: (row, type) => {
      const value = row.cell.get(column);
      if (type === "display" && column === "time" && !row.cell.passed)
        return `<span class="in-place">${escaped(row.cell.statusText)}</span>`;
      if (type === "display") return escaped(withSpread(row.cell, column, format));
      if (type === "filter") return format(value);
      if (type === "export") return value ?? "";
      return value === null ? -1 / 0 : Number(value);
    },
  };
}

/** Return whether some interval is so wide that it is told as a factor. */
const hasWide = () =>
  cells.some((cell) => spread(cell.get("time_low"), cell.get("time_high")).startsWith("×÷"));

/** Return a number with half its interval, where it has one, and with its mark. */
function withSpread(cell, column, format) {
  const value = cell.get(column);
  if (value === null || !(`${column}_low` in columns)) return format(value);
  const half = spread(cell.get(`${column}_low`), cell.get(`${column}_high`));
  const isReference = column === "speedup" && cell.get("reference") === cell.implementation.name;
  return `${format(value)}${half && !isReference ? ` ${half}` : ""}${mark(cell)}`;
}

/** Return a column of 95 % intervals, sorted by how wide they are. */
function intervalColumn(title, column, format, unit) {
  const ends = (cell) => [cell.get(`${column}_low`), cell.get(`${column}_high`)];
  return {
    title,
    sheetTitle: unit ? `${title} (${unit})` : title,
    data: null,
    type: "num",
    render: (row, type) => {
      const [low, high] = ends(row.cell);
      if (type === "sort" || type === "type") return low ? Math.log(high / low) : -1 / 0;
      if (type === "export") return low === null ? "" : `${low} to ${high}`;
      return row.cell.get(column) === null ? ABSENT : escaped(row.cell.interval(column, format));
    },
  };
}

/** A spreadsheet takes text that starts like this for a formula. */
const safeForSheet = (text) => (/^[=+\-@\t\r]/.test(text) ? `'${text}` : text);

function tableColumns() {
  const opener = {
    title: '<span class="dt-hidden">Details</span>',
    data: null,
    orderable: false,
    searchable: false,
    className: "opener",
    render: (row, type) =>
      type === "display"
        ? `<button type="button" class="open" aria-expanded="false" ` +
          `aria-label="Details of ${escaped(row.cell.name)}">+</button>`
        : "",
  };
  const change = isComparison
    ? [
        numberColumn("Time / base", "change", times),
        intervalColumn("Time / base, 95 % interval", "change", times),
        textColumn("Comparison", (cell) => columns.texts[cell.get("change_note")]),
      ]
    : [];
  return [
    opener,
    textColumn("Scenario", (cell) => cell.scenario.id, { className: "wrap" }),
    textColumn("Implementation", (cell) => cell.implementation.name),
    textColumn("Status", (cell) => cell.statusText),
    ...change,
    numberColumn("Time", "time", seconds, "s"),
    intervalColumn("Time, 95 % interval", "time", seconds, "s"),
    numberColumn("Speed-up", "speedup", times),
    intervalColumn("Speed-up, 95 % interval", "speedup", times),
    numberColumn("GFLOP/s", "gflops", plain),
    numberColumn("Of the ceiling", "roof", percent, "fraction"),
    numberColumn("Error", "error", scientific),
    numberColumn("Error / bound", "worst_ratio", plain),
    numberColumn("Peak memory", "peak", bytes, "bytes"),
    textColumn("Reason", (cell) => cell.get("reason"), { className: "short" }),
    textColumn("Layer", (cell) => cell.scenario.layer),
    textColumn("Family", (cell) => cell.implementation.family),
  ];
}

function drawTable() {
  const table = element("table", { class: "display compact" });
  document.getElementById("cells").replaceChildren(table);
  const shown = new DataTable(table, {
    data: cells.map((cell) => ({ cell })),
    columns: tableColumns(),
    order: [],
    pageLength: 25,
    lengthMenu: [10, 25, 100, 500],
    deferRender: true,
    autoWidth: false,
    layout: {
      topStart: { buttons: [copyButton("copyHtml5", "Copy"), copyButton("csvHtml5", "CSV")] },
      topEnd: "search",
      bottomStart: ["pageLength", "info"],
      bottomEnd: "paging",
    },
    language: { search: "Search", lengthMenu: "Rows _MENU_" },
  });
  table.addEventListener("click", (event) => {
    const button = event.target.closest("button.open");
    if (button) toggleRow(shown, button);
  });
  const room = document.getElementById("cells");
  let width = 0;
  new ResizeObserver(() => {
    if (room.clientWidth === width) return;
    width = room.clientWidth;
    fitColumns(shown);
  }).observe(room);
  shown.on("draw", () => leaveOut(shown));
  document.getElementById("cells-words").replaceChildren(
    ...[wordLines([...tableColumns().map((column) => column.title), ...(hasWide() ? ["×÷"] : []), ...(cells.some((cell) => cell.disturbed) ? ["disturbed"] : [])])].filter(Boolean),
  );
  addEventListener("beforeprint", () => showColumns(shown));
  addEventListener("afterprint", () => fitColumns(shown));
  return shown;
}

// The first to go where a screen has no room for all columns; what is not named here stays.
const LESS_NEEDED = [
  "Speed-up, 95 % interval",
  "Time, 95 % interval",
  "Time / base, 95 % interval",
  "Layer",
  "Family",
  "Error / bound",
  "GFLOP/s",
  "Peak memory",
  "Of the ceiling",
  "Reason",
  "Error",
  "Comparison",
  "Status",
  "Speed-up",
  ...(isComparison ? ["Time"] : []), // the change says more
];

/** Return the columns that may be left out, the first to go first. */
function lessNeeded(table) {
  const titles = table.settings().init().columns.map((column) => column.title);
  return LESS_NEEDED.map((title) => titles.indexOf(title)).filter((place) => place >= 0);
}

function showColumns(table) {
  table.columns(lessNeeded(table)).visible(true, false);
}

/** Show as many columns as there is room for. */
function fitColumns(table) {
  showColumns(table);
  leaveOut(table);
}

/** Leave columns out until the table fits, and say which. */
function leaveOut(table) {
  const room = document.getElementById("cells");
  const places = lessNeeded(table);
  const titles = table.settings().init().columns.map((column) => column.title);
  const status = table.column(titles.indexOf("Status"));
  for (const place of places) {
    room.classList.toggle("no-status", !status.visible()); // then it stands in a time's place
    if (table.table().node().offsetWidth <= room.clientWidth) break;
    if (table.column(place).visible()) table.column(place).visible(false, false);
  }
  const hidden = places.filter((place) => !table.column(place).visible());
  document.getElementById("cells-left-out").textContent = hidden.length
    ? `No room here for: ${hidden.map((place) => titles[place]).join("; ")}. A row's details and the CSV have them.`
    : "";
}

function copyButton(extend, text) {
  const columns = tableColumns();
  const header = (title, place) => columns[place].sheetTitle ?? title;
  return {
    extend,
    text,
    title: null,
    exportOptions: { orthogonal: "export", columns: ":not(.opener)", format: { header } },
  };
}

/** Open or close a row's details: at its side where there is room, otherwise below it. */
function toggleRow(table, button) {
  const row = table.row(button.closest("tr"));
  if (innerWidth >= BESIDE_PX) return toggleBeside(table, row, button);
  const isOpen = row.child.isShown();
  if (isOpen) row.child.hide();
  else row.child(details(row.data().cell)).show();
  markOpen(button, !isOpen);
}

const BESIDE_PX = 1800;

function markOpen(button, isOpen) {
  button.setAttribute("aria-expanded", String(isOpen));
  button.textContent = isOpen ? "−" : "+";
}

function toggleBeside(table, row, button) {
  const aside = document.getElementById("cell-beside");
  const isOpen = button.getAttribute("aria-expanded") === "true";
  for (const other of document.querySelectorAll("#cells button.open[aria-expanded=true]")) {
    table.row(other.closest("tr")).child.hide(); // opened while the window was narrow
    markOpen(other, false);
    other.closest("tr").classList.remove("beside");
  }
  aside.hidden = isOpen;
  if (isOpen) return aside.replaceChildren();
  const { cell } = row.data();
  aside.replaceChildren(element("h3", {}, cell.name), details(cell));
  markOpen(button, true);
  button.closest("tr").classList.add("beside");
}
