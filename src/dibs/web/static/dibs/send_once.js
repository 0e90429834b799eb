// A form that leads to another page is sent once, however often it is pressed while the answer is on its way.
const AGAIN = 10000; // milliseconds after which it may be sent again: whoever stopped the page from loading stays where they are

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post" || "file" in form.dataset) return;
  if ("sent" in form.dataset) event.preventDefault();
  else {
    form.dataset.sent = "";
    setTimeout(() => delete form.dataset.sent, AGAIN);
  }
});
// Gone back to: what was sent from here is long done.
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});
