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
