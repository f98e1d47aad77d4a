// Draw the page part by part: heat map and table at once, charts when plotly.js has started.

function applyTheme(isPrinting = false) {
  chooseTheme(isPrinting);
  drawHeatMap();
  redrawCharts();
}

/** Start plotly.js, which stands in the page as text: it takes a second, and others come first. */
function startPlotly() {
  const text = document.getElementById("plotly").textContent;
  document.head.append(element("script", {}, text)); // runs here and now
}

const parts = [
  () => drawTable(),
  startPlotly,
  () => drawErrorChart(),
  () => drawRoofline(),
  () => {
    drawCrossover();
    drawScaling();
  },
  () => drawNetwork(),
  () => drawMemory(),
  () => drawProfiles(),
];

function drawNext() {
  const part = parts.shift();
  if (part) {
    part();
    setTimeout(drawNext);
  } else {
    document.documentElement.dataset.drawnMs = String(Math.round(performance.now()));
  }
}

let drawnWidth = innerWidth;
addEventListener("resize", () => {
  clearTimeout(startPlotly.pending);
  startPlotly.pending = setTimeout(() => {
    if (innerWidth !== drawnWidth) redrawCharts(); // titles break anew
    drawnWidth = innerWidth;
  }, 200);
});
darkScreen.addEventListener("change", () => applyTheme());
addEventListener("beforeprint", () => applyTheme(true));
addEventListener("afterprint", () => applyTheme(false));
heatControls();
listenToHeatMap();
listenToWords();
applyTheme();
addEventListener("DOMContentLoaded", drawNext); // DataTables is there by then
