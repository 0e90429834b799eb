const FAILED = "failed";

// A sentence at the top of the page, where the server puts its own.
export function tell(text) {
  const main = document.getElementById("main");
  let list = main.querySelector("ul.said");
  if (!list) {
    list = document.createElement("ul");
    list.className = "said";
    list.setAttribute("role", "status");
    main.prepend(list);
  }
  const item = document.createElement("li");
  item.className = "note error";
  item.dataset.told = FAILED;
  item.textContent = text;
  list.replaceChildren(item);
}

// What failed works again: the sentence about it goes.
export function untell() {
  const item = document.querySelector(`ul.said [data-told="${FAILED}"]`);
  if (item) item.closest("ul.said").remove();
}
