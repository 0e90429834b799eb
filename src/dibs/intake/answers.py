"""Answers to standard questions as people read them, in any of the policy's languages, and as the policy calls them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from uuid import UUID

from dibs.distribution import policies
from dibs.distribution.touching import UNKNOWN_ANSWERS
from dibs.engine.policy_qualify import Question
from dibs.engine.policy_terms import Words
from dibs.intake.cleaning import ANSWERS
from dibs.intake.preparing import Taken

#: The flag of a text that is no answer's name, which may yet be what people read of one.
_NO_NAME = "answers_invalid"


def questions_of(workspace_id: UUID) -> Mapping[str, Question]:
    """The standard questions of the policy in force, by name."""
    active = policies.active(workspace_id)
    return active.book.policy.qualify.questions if active is not None else {}


def asked(questions: Mapping[str, Question]) -> dict[str, tuple[str, ...]]:
    """What each question is called: by its name, and as it is asked in each language."""
    return {name: (name, f"{ANSWERS}{name}", *_all(question.ask)) for name, question in questions.items()}


def by_name(workspace_id: UUID, taken: list[Taken]) -> None:
    """Give the answers in these rows the names that the policy has for them, and doubt those that it does not know."""
    doubtful = [at for at, row in enumerate(taken) if "answers" in row.facts or _NO_NAME in row.flags]
    active = policies.active(workspace_id) if doubtful else None
    if active is None:
        return
    questions = active.book.policy.qualify.questions
    said = _said(questions)
    for at in doubtful:
        row = taken[at]
        answers: dict[str, str] = dict(row.facts.get("answers", {}))
        for name, answer in answers.items():
            if name in questions and answer not in questions[name].answers:
                answers[name] = said.get((name, _fold(answer)), answer)
        kept = [name for name in row.attributes if name.startswith(ANSWERS)] if _NO_NAME in row.flags else []
        for held in list(kept):
            name = held.removeprefix(ANSWERS)
            known = said.get((name, _fold(str(row.attributes[held]))))
            if known is not None:
                answers[name] = known
                del row.attributes[held]
                kept.remove(held)
        flags = list(row.flags)
        if _NO_NAME in flags and not kept:
            flags.remove(_NO_NAME)
        if answers:
            row.facts["answers"] = answers
            if not active.book.knows_answers(answers):
                flags.append(UNKNOWN_ANSWERS)
        taken[at] = row._replace(flags=tuple(dict.fromkeys(flags)))


def _said(questions: Mapping[str, Question]) -> dict[tuple[str, str], str]:
    """The answer that each question's words mean; words that two answers have mean neither."""
    found: dict[tuple[str, str], str | None] = {}
    for name, question in questions.items():
        for key, answer in question.answers.items():
            for words in (key, *(_all(answer.says) if answer.says else ())):
                at = name, _fold(words)
                found[at] = key if found.get(at, key) == key else None
    return {at: key for at, key in found.items() if key is not None and at[1]}


def _all(words: Words) -> Iterator[str]:
    if isinstance(words, str):
        yield words
    else:
        yield from words.values()


def _fold(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())
