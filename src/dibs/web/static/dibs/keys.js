// The keyboard. A key does what a click would: there is nothing that only a key can do.
import { onceShown, selected, select, step } from "./pool.js";
import { assess } from "./assess.js";
import { pick, walk } from "./review.js";

const typing = (target) =>
  target.isContentEditable ||
  (target.matches("input, textarea, select") && !["radio", "checkbox", "button", "submit"].includes(target.type));

const keys = {
  j: () => step(1) || walk(1),
  k: () => step(-1) || walk(-1),
  ArrowDown: () => step(1) || walk(1),
  ArrowUp: () => step(-1) || walk(-1),
  x: (event) => pick(event.shiftKey),
  Enter: (event) => {
    const at = event.target.closest("#cases .case");
    if (event.target.closest(at ? "a, button" : "a, button, summary, input, label")) return false;
    const row = at ?? selected();
    if (row) location.href = row.dataset.open;
    return Boolean(row);
  },
  c: () => onceShown(() => submit("form[data-claim]")),
  d: () => onceShown(() => submit("form[data-details]")),
  l: () => {
    const form = document.getElementById("contact");
    if (!form) return false;
    if (form.open) form.querySelector("form").requestSubmit();
    else {
      form.open = true;
      form.querySelector("input[type=radio]").focus();
    }
    return true;
  },
  a: () => assess(),
  n: () => {
    const note = document.getElementById("note");
    if (note) note.focus();
    return Boolean(note);
  },
  g: () => follow('nav a[href="/mine/"], nav a[href="/floor/"]'),
  "/": () => {
    const search = document.getElementById("q");
    if (search) search.focus();
    return Boolean(search);
  },
  "?": () => {
    document.getElementById("keys").showModal();
    return true;
  },
};

function submit(which) {
  const form = document.querySelector(which);
  if (!form || form.querySelector("button").disabled) return false;
  form.requestSubmit();
  return true;
}

function follow(which) {
  const link = document.querySelector(which);
  if (link) location.href = link.href;
  return Boolean(link);
}

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (document.querySelector("dialog[open]")) return;
  if (typing(event.target)) {
    // From the search field down into the list.
    if (event.target.id === "q" && event.key === "ArrowDown") {
      event.target.blur();
      select(selected());
      event.preventDefault();
    } else if (event.target.id === "q" && event.key === "Escape") event.target.blur();
    return;
  }
  const does = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  const arrows = event.key.startsWith("Arrow");
  if (!does || (event.repeat && !arrows && !"jk".includes(event.key)) || (arrows && event.target.closest("[type=radio], .feed, pre"))) return;
  if (does(event)) event.preventDefault();
}

// Keys are heard once htmx, which comes to the page with the same event and is asked first, knows the forms too. What was pressed before
// was kept meanwhile, and is told now: no key is both.
document.addEventListener("DOMContentLoaded", () => {
  document.addEventListener("keydown", pressed);
  for (const early of document.takeOver?.() ?? []) {
    const at = document.activeElement;
    if (!typing(at)) at.dispatchEvent(new KeyboardEvent("keydown", { ...early, bubbles: true, cancelable: true }));
    else if (early.key.length === 1) document.execCommand("insertText", false, early.key);
  }
});

for (const button of document.querySelectorAll("[data-keys]")) button.addEventListener("click", keys["?"]);
