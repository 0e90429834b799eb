// A questionnaire by keyboard: a digit answers the question in hand and goes on to the next. Each answer is kept as it is given.
const sheets = () => [...document.querySelectorAll("details[data-assess]")];

/** The answer that is chosen, or the first. */
const answer = (question) => question.querySelector("input:checked") ?? question.querySelector("input");

/** Open the questionnaire that is begun, or the first, at the first question that has no answer. */
export function assess() {
  const sheet = sheets().find((each) => each.open) ?? sheets()[0];
  if (!sheet) return false;
  sheet.open = true;
  const questions = [...sheet.querySelectorAll("fieldset.asked")];
  const question = questions.find((each) => !each.querySelector("input:checked")) ?? questions[0];
  answer(question).focus();
  question.scrollIntoView({ block: "nearest" });
  return true;
}

/** Questionnaires with answers that are not kept yet: how many were given, and how many of them are on their way. */
const unkept = new Map();
const sent = new WeakMap();
const on = (what, does) =>
  document.addEventListener(what, (event) => event.target.matches("[data-assess] form") && does(event.target, event));

// Counted on the way down: on the way up the answer is sent already.
document.addEventListener(
  "change",
  ({ target }) => {
    const form = target.closest("[data-assess] form");
    if (form) unkept.set(form, (unkept.get(form) ?? 0) + 1);
  },
  true,
);
on("htmx:beforeRequest", (form) => sent.set(form, unkept.get(form)));
on("htmx:afterRequest", (form, { detail }) => {
  if (detail.successful && sent.get(form) === unkept.get(form)) unkept.delete(form);
});
// Finished, or begun anew: nothing is left to keep.
on("submit", (form) => unkept.delete(form));
// Who leaves the page is not asked to wait for the last answer.
addEventListener("pagehide", () => {
  for (const form of unkept.keys()) fetch(form.getAttribute("hx-post"), { method: "POST", body: new FormData(form), keepalive: true });
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !/^[1-9]$/.test(event.key)) return;
  const question = event.target.closest?.("fieldset.asked");
  const choice = question?.querySelectorAll("input")[Number(event.key) - 1];
  if (!choice) return;
  event.preventDefault();
  choice.focus();
  if (!choice.checked) {
    choice.checked = true;
    choice.dispatchEvent(new Event("change", { bubbles: true }));
  }
  const next = question.nextElementSibling;
  if (next) {
    answer(next).focus();
    next.scrollIntoView({ block: "nearest" });
  } else question.closest("form").querySelector("button.go").focus();
});
