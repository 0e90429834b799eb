// Countdowns: every [data-until] counts down to its moment, by the server's clock.
const ahead = Date.parse(document.body.dataset.now || "") - Date.now() || 0;
const two = (n) => String(n).padStart(2, "0");

function show(element) {
  const left = Math.max(0, Math.floor((Date.parse(element.dataset.until) - Date.now() - ahead) / 1000));
  const hours = Math.floor(left / 3600);
  const minutes = Math.floor(left / 60) % 60;
  element.textContent = hours ? `${hours}:${two(minutes)}:${two(left % 60)}` : `${minutes}:${two(left % 60)}`;
  element.classList.toggle("bad", left < 120);
  const bar = element.dataset.whole && element.parentElement.parentElement.querySelector(".bar .part");
  if (bar) bar.setAttribute("width", Math.min(100, (100 * left) / Number(element.dataset.whole)));
  if (left === 0 && !element.dataset.over) {
    element.dataset.over = "yes";
    element.textContent = document.body.dataset.over;
    // The worker needs a moment to write the lapse.
    setTimeout(() => document.body.dispatchEvent(new CustomEvent("dibs:over", { bubbles: true })), 2500);
  } else if (left === 0) {
    element.textContent = document.body.dataset.over;
  }
}

const showAll = () => document.querySelectorAll("[data-until]").forEach(show);
showAll();
setInterval(showAll, 1000);
