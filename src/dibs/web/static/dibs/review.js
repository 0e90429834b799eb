// Review: leads are chosen with a click or with j, k and x, and decided about together.
const cases = () => [...document.querySelectorAll("#cases .case:not(.taken)")];
const box = (row) => row?.querySelector("input[name=lead]");
const form = () => document.getElementById("bulk");
let last = null; // the row that was chosen or let go last: where a range begins

const here = () => document.activeElement?.closest?.("#cases .case") ?? null;

/** To the next row (1) or the one before (-1): its box has the focus. */
export function walk(by) {
  const all = cases();
  if (!all.length) return false;
  const now = all.indexOf(here());
  const next = all[Math.min(all.length - 1, Math.max(0, now < 0 ? (by > 0 ? 0 : all.length - 1) : now + by))];
  box(next).focus();
  next.scrollIntoView({ block: "nearest" });
  return true;
}

/** Choose the row, or let it go; with `all` everything from the one chosen last to here. */
export function pick(all) {
  const row = here();
  if (!row) return false;
  choose(row, !box(row).checked, all);
  return true;
}

function choose(row, on, range) {
  const all = cases();
  const from = range && last ? all.indexOf(last) : -1;
  const to = all.indexOf(row);
  for (const each of from < 0 ? [row] : all.slice(Math.min(from, to), Math.max(from, to) + 1)) box(each).checked = on;
  last = row;
  count();
}

/** How many are chosen; without any there is nothing to decide. */
function count() {
  const bulk = form();
  if (!bulk) return;
  const chosen = cases().filter((row) => box(row).checked).length;
  const all = document.getElementById("all");
  all.checked = chosen > 0 && chosen === cases().length;
  all.indeterminate = chosen > 0 && !all.checked;
  const says = document.getElementById("chosen");
  says.textContent = chosen === 1 ? says.dataset.one : says.dataset.many.replace("{n}", chosen);
  document.getElementById("decide").hidden = !chosen;
}

export const choosing = () => cases().some((row) => box(row).checked);

/** Look at the list again, as it is asked for now. */
export function again() {
  if (form() || document.getElementById("review")) {
    window.htmx.ajax("GET", location.pathname + location.search, { target: "#review", select: "#review", swap: "outerHTML" });
  }
}

/** Somebody else decided about it: struck through for a moment, with who has it, and gone. */
export function decided(lead, by, says) {
  const row = document.getElementById(`case-${lead}`);
  if (!row || row.classList.contains("taken")) return;
  box(row).checked = false;
  box(row).disabled = true;
  row.classList.add("taken");
  if (by) row.querySelector("p").textContent = says.replace("{name}", by);
  count();
  setTimeout(() => {
    const focused = here() === row;
    if (focused) walk(1);
    row.remove();
    count();
    if (!cases().length) again();
  }, 4500);
}

document.addEventListener("click", (event) => {
  const pressed = event.target.closest?.("#cases input[name=lead]");
  if (pressed) choose(pressed.closest(".case"), pressed.checked, event.shiftKey);
});
document.addEventListener("change", (event) => {
  if (event.target.id !== "all") return;
  for (const row of cases()) box(row).checked = event.target.checked;
  count();
});

function ready() {
  if (!form()) return;
  document.getElementById("all-of-them").hidden = false;
  form().classList.add("lively");
  last = null;
  count();
}
document.body.addEventListener("htmx:afterSettle", ready);
ready();
