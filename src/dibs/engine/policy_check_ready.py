"""What neither readiness nor a question can know by itself: is every question that is asked about there, can a lead become ready?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from dibs.engine.conditions import Condition, Token, tokens_of
from dibs.engine.policy_model import Policy
from dibs.engine.policy_reading import did_you_mean
from dibs.engine.policy_text import Path

Found = tuple[str, str, Path, int | None, Literal["error", "warning"]]

_ANSWERS = "lead.answers"


def readiness(policy: Policy, compiled: Mapping[Path, Condition]) -> Iterator[Found]:
    """Everything found wrong with questions, answers and readiness, but for conditions that do not compile: of those, what is
    ``compiled``."""
    for path, condition in compiled.items():
        yield from _asked_about(policy, path, condition)
    yield from _in_examples(policy)
    ready = policy.qualify.ready
    if ready is None:
        return
    when = compiled.get(("qualify", "ready", "when"))
    always = when.constant() if when is not None and not when.facts else None
    if always is True:
        message = "every lead is ready, so none is ever marketing's; leave ready out"
        yield "ready_always", message, ("qualify", "ready", "when"), None, "warning"
    if always is False:
        message = "no lead is ever ready, so none ever goes by the route"
        yield "ready_never", message, ("qualify", "ready", "when"), None, "warning"
    pool = policy.pools.get(ready.until.pool or "")
    if pool is not None and pool.teams is None:
        message = (
            f"marketing's leads wait in {ready.until.pool} before everybody, and who claims one loses it when it becomes ready; "
            f"name marketing's teams under pools.{ready.until.pool}.teams"
        )
        yield "until_for_everybody", message, ("qualify", "ready", "until"), None, "warning"
    if ready.until.retire is not None and ready.give_up is not None:
        message = "a lead that is not ready is given up at once, so there is nothing left to give up later"
        yield "give_up_unused", message, ("qualify", "ready", "give_up"), None, "warning"


def _asked_about(policy: Policy, path: Path, condition: Condition) -> Iterator[Found]:
    """Questions, and answers to them, that a condition asks about and the policy does not have."""
    questions, tokens = policy.qualify.questions, tokens_of(condition.text)
    for place, name, last in _answers_in(tokens):
        token = tokens[place]
        if name not in questions:
            hint = did_you_mean(name, questions) or "; add it under qualify.questions"
            yield "unknown_question", f"there is no question {name}{hint}", path, token.start, "error"
            continue
        for text in _compared(tokens, place, last):
            answer = text.text[1:-1]
            if answer not in questions[name].answers:
                hint = did_you_mean(answer, questions[name].answers)
                message = f"the question {name} has no answer {answer}{hint}"
                yield "unknown_answer", message, path, text.start, "error"


def _answers_in(tokens: list[Token]) -> Iterator[tuple[int, str, int]]:
    """Every answer that is asked about: the place of its first token, the question's name, the place of its last token."""
    for place, token in enumerate(tokens):
        parts = [part.strip() for part in token.text.split(".")] if token.kind == "name" else []
        if ".".join(parts[:2]) != _ANSWERS or (place and tokens[place - 1].text == "."):
            continue
        following = tokens[place + 1 : place + 4]
        if len(parts) >= 3:
            yield place, parts[2], place
        elif len(following) == 3 and following[0].text == "[" and following[1].kind == "string":
            yield place, following[1].text[1:-1], place + 3


def _compared(tokens: list[Token], first: int, last: int) -> Iterator[Token]:
    """The texts that an answer is compared with: one, from either side, or those of a list that it is asked to be in."""
    after = tokens[last + 1 : last + 3]
    if len(after) == 2 and after[0].text in ("==", "!=") and after[1].kind == "string":
        yield after[1]
    elif len(after) == 2 and (after[0].text, after[1].text) == ("in", "["):
        for token in tokens[last + 3 :]:
            if token.text == "]":
                return
            if token.kind == "string":
                yield token
    if first >= 2 and tokens[first - 1].text in ("==", "!=") and tokens[first - 2].kind == "string":
        yield tokens[first - 2]


def _in_examples(policy: Policy) -> Iterator[Found]:
    questions = policy.qualify.questions
    for index, example in enumerate(policy.examples):
        for name, answer in example.lead.answers.items():
            path: Path = ("examples", index, "lead", "answers", name)
            if name not in questions:
                hint = did_you_mean(name, questions)
                yield "unknown_question", f"there is no question {name}{hint}", path, None, "warning"
            elif answer not in questions[name].answers:
                hint = did_you_mean(answer, questions[name].answers)
                yield "unknown_answer", f"the question {name} has no answer {answer}{hint}", path, None, "warning"
