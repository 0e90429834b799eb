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
  item.textContent = text;
  list.replaceChildren(item);
}
