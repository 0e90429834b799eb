// My leads looks again when something of it moves or a time runs out; not while somebody chooses among them or types.
import { choosing } from "./review.js";

function look() {
  const list = document.getElementById("mine");
  if (!list || choosing() || list.querySelector("input:focus:not([type=checkbox]), select:focus, textarea:focus")) return;
  window.htmx.ajax("GET", location.pathname + location.search, { target: "#mine", select: "#mine", swap: "outerHTML" });
}

document.body.addEventListener("dibs:moved", look);
document.body.addEventListener("dibs:over", look);
