// What runs on every page. Each module looks for what it knows and does nothing where it is not.
import "./board.js";
import "./clock.js";
import "./keys.js";
import "./live.js";
import "./mine.js";
import "./send_once.js";
import "./pool.js";
import "./review.js";
import { tell, untell } from "./tell.js";

// An answer that htmx can't put in place: the database gone, a page too old.
document.body.addEventListener("htmx:responseError", () => tell(document.body.dataset.failed));
document.body.addEventListener("htmx:sendError", () => tell(document.body.dataset.failed));
document.body.addEventListener("htmx:afterRequest", (event) => event.detail.successful && untell());

// On a narrow screen the line of pages scrolls: the one that is open stands in sight.
const lines = document.querySelector(".top nav");
const opened = lines?.querySelector("[aria-current]");
if (opened) lines.scrollLeft = opened.offsetLeft + opened.offsetWidth / 2 - lines.clientWidth / 2 - lines.offsetLeft;

// Menus and filters close when something else is touched, or with Escape.
const popups = "details.menu[open], details.chip[open], details.act[open]";
document.addEventListener("click", (event) => {
  for (const open of document.querySelectorAll(popups)) if (!open.contains(event.target)) open.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const open of document.querySelectorAll(popups)) {
    open.open = false;
    open.querySelector("summary").focus();
  }
});
