// Draw the page part by part: the heat map at once, the charts when plotly.js has started.

function applyTheme() {
  document.documentElement.classList.toggle("dark", isDark()); // DataTables' own switch
  drawHeatMap();
  redrawCharts();
}

const parts = [
  () => drawErrorChart(),
  () => drawRoofline(),
  () => { drawCrossover(); drawScaling(); },
  () => drawNetwork(),
  () => drawMemory(),
  () => drawTable(),
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

darkScreen.addEventListener("change", applyTheme);
for (const [name, printing] of [["beforeprint", true], ["afterprint", false]]) {
  addEventListener(name, () => {
    isPrinting = printing;
    applyTheme();
  });
}
heatControls();
listenToHeatMap();
applyTheme();
addEventListener("DOMContentLoaded", drawNext); // the libraries have started by then
