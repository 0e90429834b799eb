// The board: a card is dragged into another stage. What is dragged can also be pressed: the button on the card, the stages on its page.
let dragged = null;

const column = (event) => (dragged && event.target.closest?.(".column[data-stage]")) || null;
const elsewhere = (over) => over && !over.contains(dragged);

function mark(over) {
  for (const each of document.querySelectorAll(".column.over")) if (each !== over) each.classList.remove("over");
  over?.classList.add("over");
}

document.addEventListener("dragstart", (event) => {
  dragged = event.target.closest?.("li[data-move]") ?? null;
  if (!dragged) return;
  dragged.classList.add("dragged");
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", dragged.querySelector("a").textContent);
});

document.addEventListener("dragover", (event) => {
  const over = column(event);
  mark(elsewhere(over) ? over : null);
  if (elsewhere(over)) event.preventDefault();
});

document.addEventListener("drop", (event) => {
  const over = column(event);
  if (!elsewhere(over)) return;
  event.preventDefault();
  const values = { stage: over.dataset.stage, version: dragged.dataset.version, next: location.pathname + location.search };
  // The board as it is then, with what is said of it, takes this one's place; where one looks stays as it is.
  window.htmx.ajax("POST", dragged.dataset.move, { values, target: "#main", select: "#main", swap: "outerHTML" });
});

document.addEventListener("dragend", () => {
  dragged?.classList.remove("dragged");
  dragged = null;
  mark(null);
});
