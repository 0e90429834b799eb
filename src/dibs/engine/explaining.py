"""Which part of a condition failed, and by which facts.

A condition is taken apart at its ``&&``, ``||``, ``!( )`` and ``? :`` into the questions it is made of. Each question is asked by
itself, and what the parts say is put together again by the runtime's own rule: false makes up for an error in ``&&``, true in ``||``,
nothing does elsewhere (S. C. Kleene's strong three-valued logic, *Introduction to Metamathematics*, 1952, §64). So the whole of an
explanation is what the condition itself answers; tests hold the two together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Literal

from dibs.engine.asking import Facts
from dibs.engine.conditions import ABSENT, MAPS, Activation, Condition, ConditionRefused, Token, tokens_of
from dibs.engine.facts import AccountFacts, LeadFacts, RepFacts

How = Literal["asked", "and", "or", "not", "if"]
Value = str | int | float | bool | None | datetime | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explained:
    """A condition, or a part of one, as written, and whether it holds; ``None``: it cannot be told, which counts as no.

    ``how`` its ``parts`` make it up; one that is ``asked`` has none, and names the ``facts`` it asks with their values (``None``: not
    known).
    """

    text: str
    holds: bool | None
    how: How = "asked"
    parts: tuple[Explained, ...] = ()
    facts: Mapping[str, Value] = field(default_factory=dict)

    def questions(self) -> Iterator[Explained]:
        """The questions it is made of, in the order they are written."""
        if self.how == "asked":
            yield self
        for part in self.parts:
            yield from part.questions()

    def decisive(self) -> tuple[Explained, ...]:
        """The questions that made it what it is: those that would have to be answered otherwise, where it does not hold."""
        if self.how == "asked":
            return (self,)
        if self.how == "if":
            test, yes, no = self.parts
            rest = (yes if test.holds else no).decisive() if test.holds is not None else ()
            return (*test.decisive(), *rest)
        settling = _SETTLES.get(self.how)
        blamed = [part for part in self.parts if part.holds is self.holds] if settling is self.holds else self.parts
        if self.holds is None:
            blamed = [part for part in self.parts if part.holds is None]
        return tuple(question for part in blamed for question in part.decisive())


#: What one part alone makes of the whole.
_SETTLES: Mapping[str, bool] = {"and": False, "or": True}


def explain(
    text: str,
    lead: LeadFacts | None = None,
    account: AccountFacts | None = None,
    rep: RepFacts | None = None,
    *,
    now: datetime | None = None,
) -> Explained:
    """Why a condition holds of these facts, or does not. Raises `ConditionRefused` if it does not compile."""
    tree, facts = _apart(text)
    subjects = {"lead": lead, "account": account, "rep": rep}
    return _judged(tree, facts.activation(lead, account, rep, now), subjects, now)


@dataclass(frozen=True, slots=True)
class _Node:
    text: str
    how: How
    parts: tuple[_Node, ...] = ()
    condition: Condition | None = None


def _judged(
    node: _Node,
    activation: Activation,
    subjects: Mapping[str, LeadFacts | AccountFacts | RepFacts | None],
    now: datetime | None,
) -> Explained:
    if node.condition is not None:
        facts = {name: _value(name, subjects, now) for name in _asked(node.condition)}
        return Explained(node.text, node.condition.judged(activation), facts=facts)
    parts = tuple(_judged(part, activation, subjects, now) for part in node.parts)
    return Explained(node.text, _together(node.how, [part.holds for part in parts]), node.how, parts)


def _together(how: How, holds: list[bool | None]) -> bool | None:
    """What the parts' answers make of the whole."""
    if how == "not":
        return None if holds[0] is None else not holds[0]
    if how == "if":
        test, yes, no = holds
        return None if test is None else yes if test else no
    settling = _SETTLES[how]
    return settling if settling in holds else None if None in holds else not settling


def _asked(condition: Condition) -> list[str]:
    """The facts a question asks, single attributes and answers where it names them."""
    names = {name.removeprefix(ABSENT) for name in condition.facts} | (condition.needs or frozenset())
    for held in MAPS:
        if any(name.startswith(held + ".") for name in names):
            names.discard(held)
    return sorted(names)


def _value(
    name: str, subjects: Mapping[str, LeadFacts | AccountFacts | RepFacts | None], now: datetime | None
) -> Value:
    """A fact's value as the question saw it; all the attributes or answers at once are told by their names."""
    if name == "now":
        return now
    subject, _, known = name.partition(".")
    facts = subjects[subject]
    field, _, key = known.partition(".")
    if f"{subject}.{field}" in MAPS:
        held: Mapping[str, Value] = getattr(facts, field) if facts is not None else {}
        return held.get(key) if key else tuple(sorted(held))
    value: Value = getattr(facts, known, None)
    return value


@lru_cache(maxsize=4096)
def _apart(text: str) -> tuple[_Node, Facts]:
    """A condition taken apart, each question compiled; and the layout of the facts that they ask."""
    # The whole compiles, or it is refused with its place in the text as it is everywhere.
    whole = Condition.of(text)
    try:
        node = _node(text, tokens_of(text))
    except ConditionRefused:
        # A part that means nothing alone: the whole is one question.
        node = _Node(text.strip(), "asked", condition=whole)
    return node, Facts(_conditions(node))


def _conditions(node: _Node) -> Iterator[Condition]:
    if node.condition is not None:
        yield node.condition
    for part in node.parts:
        yield from _conditions(part)


def _node(text: str, tokens: list[Token]) -> _Node:
    while _enclosed(tokens):
        tokens = tokens[1:-1]
    said = _said(text, tokens)
    for how, signs in (("if", ("?", ":")), ("or", ("||",)), ("and", ("&&",))):
        parts = _split(tokens, signs)
        if how == "if" and len(parts) > 3:
            # a ? b : c ? d : e is read from the right.
            parts = _ternary(tokens)
        if len(parts) > 1 and all(parts):
            return _Node(said, how, tuple(_node(text, part) for part in parts))  # type: ignore[arg-type]
    if tokens and tokens[0].text == "!" and (_enclosed(tokens[1:]) or _is_not(tokens[1:])):
        return _Node(said, "not", (_node(text, tokens[1:]),))
    return _Node(said, "asked", condition=_question(said))


def _question(text: str) -> Condition:
    try:
        return Condition.of(text)
    except ConditionRefused as refused:
        if refused.code != "condition_not_bool":
            raise
        # An attribute can be anything, and so may stand for itself beside && and ||.
        return Condition.of(f"({text}\n) && true")


def _is_not(tokens: list[Token]) -> bool:
    return len(tokens) > 1 and tokens[0].text == "!" and (_enclosed(tokens[1:]) or _is_not(tokens[1:]))


def _said(text: str, tokens: list[Token]) -> str:
    return text[tokens[0].start : tokens[-1].end] if tokens else text.strip()


_DEEPER = {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}


def _enclosed(tokens: list[Token]) -> bool:
    """Whether one pair of parentheses holds all of it."""
    if len(tokens) < 3 or tokens[0].text != "(" or tokens[-1].text != ")":
        return False
    depth = 0
    for place, token in enumerate(tokens):
        depth += _DEEPER.get(token.text, 0)
        if depth == 0:
            return place == len(tokens) - 1
    return False


def _split(tokens: list[Token], signs: tuple[str, ...]) -> list[list[Token]]:
    """The tokens between the signs that stand in no parentheses."""
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        depth += _DEEPER.get(token.text, 0)
        if depth == 0 and token.text in signs:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _ternary(tokens: list[Token]) -> list[list[Token]]:
    """Test, yes and no of the outermost ``? :``."""
    depth = open_tests = 0
    first = next(place for place, token in _outside(tokens) if token.text == "?")
    for place, token in enumerate(tokens):
        depth += _DEEPER.get(token.text, 0)
        if depth or token.text not in ("?", ":"):
            continue
        open_tests += 1 if token.text == "?" else -1
        if open_tests == 0:
            return [tokens[:first], tokens[first + 1 : place], tokens[place + 1 :]]
    return [tokens]


def _outside(tokens: list[Token]) -> Iterator[tuple[int, Token]]:
    depth = 0
    for place, token in enumerate(tokens):
        depth += _DEEPER.get(token.text, 0)
        if depth == 0:
            yield place, token
