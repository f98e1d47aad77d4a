// How the heat map answers: tips, arrow keys, and opening a cell.

function tipText(cell) {
  const lines = [cell.name, cell.scenario.shape];
  if (cell.passed) {
    lines.push(cell.timeText);
    if (cell.get("speedup") !== null)
      lines.push(
        `${times(cell.get("speedup"))}${mark(cell)} as fast as ${cell.get("reference")}`,
        `95 %: ${cell.interval("speedup", times)}`,
      );
  } else lines.push(`${words(cell.status)}: ${cell.get("reason")}`);
  if (isComparison && cell.get("change") !== null)
    lines.push(`time / base ${times(cell.get("change"))} (95 %: ${cell.interval("change", times)})`);
  if (isComparison) lines.push(columns.texts[cell.get("change_note")]);
  return lines.filter(Boolean).join("\n");
}

/** Show a text beside what it is about. */
function showTip(target, text) {
  const tip = document.getElementById("tip");
  const box = target.getBoundingClientRect();
  (target.closest("dialog") ?? document.body).append(tip); // a dialog covers all else
  tip.textContent = text;
  tip.hidden = false;
  tip.style.left = `${Math.max(8, Math.min(box.left, innerWidth - tip.offsetWidth - 8))}px`;
  const above = box.top - tip.offsetHeight - 6;
  tip.style.top = `${above > 0 ? above : box.bottom + 6}px`;
}

function hideTip() {
  document.getElementById("tip").hidden = true;
}

/** Move the focus by arrow keys, as a grid does; Enter or space opens the cell. */
function heatKeys(event) {
  const square = event.target.closest("td[data-cell]");
  if (!square) return;
  if (event.key === "Escape") hideTip();
  if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    openCell(cells[square.dataset.cell]);
  }
  const row = square.parentElement;
  const next = {
    ArrowLeft: () => square.previousElementSibling,
    ArrowRight: () => square.nextElementSibling,
    ArrowUp: () => row.previousElementSibling?.cells[square.cellIndex],
    ArrowDown: () => row.nextElementSibling?.cells[square.cellIndex],
  }[event.key]?.();
  if (next?.matches("td[data-cell]")) {
    event.preventDefault();
    square.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }
}

function listenToHeatMap() {
  const scroll = document.getElementById("heat-scroll");
  const over = (event) => {
    const square = event.target.closest("td[data-cell]");
    if (square) showTip(square, tipText(cells[square.dataset.cell]));
    else hideTip();
  };
  scroll.addEventListener("mouseover", over);
  scroll.addEventListener("mouseleave", hideTip);
  scroll.addEventListener("focusin", over);
  scroll.addEventListener("focusout", hideTip);
  scroll.addEventListener("scroll", hideTip, { passive: true });
  scroll.addEventListener("keydown", heatKeys);
  scroll.addEventListener("click", (event) => {
    const square = event.target.closest("td[data-cell]");
    if (square) openCell(cells[square.dataset.cell]);
  });
}
