// What happens elsewhere, as it happens. An event names a lead and never its fields; what else is shown, the server is asked for.
import { selected, step } from "./pool.js";
import { again, choosing, decided } from "./review.js";

const body = document.body;
const here = body.dataset.pool;
const reviewing = "review" in body.dataset;
const STRUCK = 4000; // milliseconds a row that somebody took stays in sight
const AT_MOST_EVERY = 3000; // milliseconds between two looks at a page that shows everything
let fresh = 0;
let due = 0;
let renewing = 0;
// Until it is greeted the page is told what has happened since it was asked for. It may show some of that already.
let greeted = false;

function open() {
  const stream = new EventSource(body.dataset.stream);
  // Either is said once what happens from then on will be told.
  for (const greeting of ["hello", "many"]) stream.addEventListener(greeting, () => status((greeted = true)));
  stream.addEventListener("lead", (message) => moved(JSON.parse(message.data), Number(message.lastEventId)));
  stream.addEventListener("many", (message) => flood(JSON.parse(message.data)));
  stream.addEventListener("policy", (message) => ruled(JSON.parse(message.data)));
  stream.addEventListener("rep", () => look());
  stream.onerror = () => status(false);
  addEventListener("pagehide", () => stream.close());
}

function status(on) {
  const dot = document.getElementById("live");
  dot.hidden = false;
  dot.classList.toggle("on", on);
  dot.textContent = on ? body.dataset.live : body.dataset.notLive;
}

/** Pages that show everything look again, not too often. */
function look() {
  if (due) return;
  due = setTimeout(() => {
    due = 0;
    body.dispatchEvent(new CustomEvent("dibs:moved"));
  }, AT_MOST_EVERY);
}

function flood(data) {
  look();
  if (reviewing) review();
  if (here && (!data.pools || data.pools.includes(here))) something();
}

/** The list of what waits for a decision changes only while nobody is choosing from it. */
function review() {
  if (choosing()) something();
  else if (!renewing) renewing = setTimeout(() => ((renewing = 0), choosing() ? something() : again()), AT_MOST_EVERY);
}

/** Rules that are announced move no lead yet. */
function ruled(data) {
  if (data.event === "policy.published") something();
  look();
}

function moved(data, number) {
  if (reviewing) {
    if (data.state === "review" || !data.lead) review();
    else decided(data.lead, data.rep_name, body.dataset.has);
  }
  if (here && data.pool === here) {
    if (!data.lead) something();
    else if (data.state === "pooled") arrived(data.lead);
    else taken(data.lead, data.rep_name);
  }
  if (body.dataset.lead === data.lead && data.rep !== body.dataset.me && !document.querySelector("details[open]")) reload(number);
  look();
}

const begun = () => [...document.querySelectorAll("main textarea, main input")].some((field) => field.value !== field.defaultValue);

/** Once for an event, whatever the page that comes then is told before it is greeted; and never under what somebody writes. */
function reload(number) {
  if (begun()) return;
  if (!greeted && number <= Number(sessionStorage.getItem("dibs.reloaded"))) return;
  sessionStorage.setItem("dibs.reloaded", number);
  location.reload();
}

/** One more or one fewer waits. "5,000+" is no count, and stays. */
function count(by) {
  const figure = document.getElementById("waiting");
  if (!figure?.dataset.count) return;
  const now = Math.max(0, Number(figure.dataset.count) + by);
  figure.dataset.count = now;
  figure.textContent = now.toLocaleString(document.documentElement.lang);
}

function arrived(lead) {
  const row = document.getElementById(`lead-${lead}`);
  if (row && !row.classList.contains("taken")) return;
  if (!greeted) {
    something();
    return;
  }
  count(1);
  fresh += 1;
  const button = document.getElementById("fresh");
  if (!button) return;
  button.hidden = false;
  button.textContent = fresh === 1 ? button.dataset.one : button.dataset.many.replace("{n}", fresh);
}

function something() {
  const button = document.getElementById("fresh");
  if (!button || !button.hidden) return;
  button.hidden = false;
  button.textContent = button.dataset.some;
}

/** Somebody has it: the row is struck through for a moment, says who, and goes. */
export function taken(lead, by) {
  const row = document.getElementById(`lead-${lead}`);
  if (!row) {
    if (greeted) count(-1);
    return;
  }
  if (row.classList.contains("taken")) return;
  count(-1);
  const says = by ? body.dataset.took.replace("{name}", by) : body.dataset.tookSomebody;
  row.classList.add("taken");
  // Who has it stands where the wait was.
  row.lastElementChild.remove();
  const told = row.lastElementChild;
  told.colSpan = 2;
  const beside = told.previousElementSibling;
  if (beside.classList.contains("hide-s") && beside.offsetWidth) {
    beside.remove();
    told.colSpan = 3;
  }
  told.className = "num took";
  told.textContent = says;
  const chosen = row === selected();
  if (chosen) gone(says);
  setTimeout(() => row.classList.add("gone"), STRUCK);
  setTimeout(() => {
    const still = row === selected();
    if (still) step(1);
    row.remove();
  }, STRUCK + 700);
}

/** The panel shows a lead that is no longer to be had. */
function gone(says) {
  const panel = document.getElementById("panel");
  for (const button of panel?.querySelectorAll(".claimbar button") ?? []) button.disabled = true;
  for (const promise of panel?.querySelectorAll("[data-waits]") ?? []) promise.remove();
  if (!panel || panel.querySelector(".note")) return;
  const note = document.createElement("section");
  note.innerHTML = '<div class="note bad" role="alert"><p></p></div>';
  note.querySelector("p").textContent = says;
  panel.prepend(note);
}

document.addEventListener("click", (event) => {
  if (!event.target.closest("#fresh")) return;
  fresh = 0;
  if (reviewing) again();
  else window.htmx.ajax("GET", location.pathname + location.search, { target: "#results", swap: "outerHTML" });
});
body.addEventListener("dibs:taken", (event) => taken(event.detail.lead, event.detail.by));

if (body.dataset.stream) open();
