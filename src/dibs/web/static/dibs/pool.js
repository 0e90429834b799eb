// The pool: one row is chosen, the panel beside shows it; filters say what is chosen in them.
const table = () => document.getElementById("leads");
const rows = () => [...(table()?.querySelectorAll("tbody tr:not(.taken)") ?? [])];
let waiting = 0;
let meant = null;
let showing = null; // the row whose panel is on its way

export const selected = () => table()?.querySelector('tr[aria-current="true"]') ?? null;

/** Choose a row and show it beside; the panel follows when the hand rests. */
export function select(row) {
  if (!row) return false;
  for (const other of table().querySelectorAll('tr[aria-current="true"]')) other.removeAttribute("aria-current");
  row.setAttribute("aria-current", "true");
  row.scrollIntoView({ block: "nearest" });
  meant = null;
  clearTimeout(waiting);
  waiting = setTimeout(() => row.isConnected && row === selected() && show(), 60);
  return true;
}

/** Show the chosen row beside, one at a time: a request that waited its turn would come for a panel that the one before has replaced. */
function show() {
  const row = selected();
  if (!row || showing) return;
  showing = row;
  const over = () => {
    showing = null;
    const now = selected();
    if (now && now !== row && now.id !== `lead-${document.getElementById("panel")?.dataset.lead}`) show();
  };
  window.htmx.ajax("GET", row.dataset.panel, { source: "#results", target: "#panel", swap: "outerHTML" }).then(over, over);
}

/** Do what a key asks of the chosen lead: once the panel shows it, and never to the lead that was shown before. */
export function onceShown(does) {
  const row = selected();
  if (!row || row.id === `lead-${document.getElementById("panel").dataset.lead}`) return does();
  meant = does;
  return true;
}
document.body.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.elt.id !== "panel" || !meant) return;
  const does = meant;
  meant = null;
  onceShown(does);
});
// A panel that does not come is no reason to do it later, when nobody expects it any more.
for (const failed of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) document.body.addEventListener(failed, () => (meant = null));

/** One row down (1) or up (-1). */
export function step(by) {
  const all = rows();
  if (!all.length) return false;
  const now = all.indexOf(selected());
  const next = all[Math.min(all.length - 1, Math.max(0, now < 0 ? (by > 0 ? 0 : all.length - 1) : now + by))];
  document.activeElement?.blur?.();
  return select(next);
}

document.addEventListener("click", (event) => {
  const row = event.target.closest("#leads tbody tr");
  if (!row || row.classList.contains("taken") || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  select(row);
});
document.addEventListener("dblclick", (event) => {
  const row = event.target.closest("#leads tbody tr:not(.taken)");
  if (row) location.href = row.dataset.open;
});
document.body.addEventListener("dibs:skipped", () => step(1));
// On a small screen there is no room for the facts beside the list: details open on the lead's own page.
document.body.addEventListener("htmx:beforeRequest", (event) => {
  if (!event.detail.elt.matches("form[data-details]") || !matchMedia("(max-width: 48rem)").matches) return;
  event.preventDefault();
  event.detail.elt.submit();
});

// Filters: values come when a chip is opened for the first time.
document.addEventListener(
  "toggle",
  (event) => {
    const chip = event.target;
    if (!chip.matches?.("details.chip[data-values]") || !chip.open || chip.dataset.loaded) return;
    chip.dataset.loaded = "yes";
    const chosen = new URLSearchParams([...chip.querySelectorAll("input:checked")].map((box) => [box.name, box.value]));
    window.htmx.ajax("GET", `${chip.dataset.values}?${chosen}`, { target: chip.querySelector(".values"), swap: "innerHTML" });
  },
  true,
);
document.getElementById("asked")?.addEventListener("change", (event) => {
  const chip = event.target.closest("details.chip");
  if (!chip) return;
  const ticked = [...chip.querySelectorAll("input:checked")].map((box) => box.parentElement.textContent.trim());
  let [from, to] = [...chip.querySelectorAll("input[type=number]")].map((input) => input.value);
  if (from && to && Number(from) > Number(to)) [from, to] = [to, from];
  const said = ticked.length ? ticked.join(", ") : from && to ? `${from}–${to}` : from ? `≥ ${from}` : to ? `≤ ${to}` : "";
  chip.classList.toggle("on", Boolean(said));
  const summary = chip.querySelector("summary");
  summary.replaceChildren(summary.querySelector("b"), said ? ` ${said}` : "");
});
// Addresses name only what was asked.
document.body.addEventListener("htmx:configRequest", (event) => {
  if (event.detail.elt.id !== "asked") return;
  const asked = event.detail.formData;
  for (const [name, value] of [...asked.entries()]) if (!value) asked.delete(name);
  document.getElementById("clear").hidden = ![...asked.keys()].some((name) => name !== "sort");
});
