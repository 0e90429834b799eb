"""Conditions: CEL expressions over typed facts, checked when they are made, never failing when they are asked.

There is one declared variable for each fact (``lead.employees``), so that a misspelt one fails at compile, with its
column. Facts that are not known are left out of the activation: the runtime then answers with an error *value*, which
``||`` and ``&&`` absorb, so a condition on an unknown fact is simply false, also ``lead.country != "JP"``.

Two things are rewritten before compiling, each with a map back to the original text. ``fact == null`` and ``!= null``,
which typed variables cannot say, become a question of their own (``absent.lead.country``); and a whole number compared
with a fractional fact becomes fractional (``lead.deal_value > 10``).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

from cel_expr_python import cel
from cel_expr_python.ext import ext_strings

from dibs.engine.facts import AccountFacts, LeadFacts, RepFacts

_LONGEST = 2000
_TYPES: Mapping[type, Any] = {
    str: cel.Type.STRING,
    int: cel.Type.INT,
    float: cel.Type.DOUBLE,
    bool: cel.Type.BOOL,
    datetime: cel.Type.TIMESTAMP,
}


def _declared(subject: str, facts: type, leave: frozenset[str] = frozenset()) -> dict[str, Any]:
    """``subject.field`` -> CEL type, for each field of a facts class."""
    found: dict[str, Any] = {}
    for name, hint in get_type_hints(facts).items():
        if name in leave:
            continue
        (kind,) = [arg for arg in get_args(hint) if arg is not NoneType][:1] if NoneType in get_args(hint) else (hint,)
        if get_origin(kind) is tuple:
            found[f"{subject}.{name}"] = cel.Type.List(cel.Type.STRING)
        elif get_origin(kind) in (Mapping, dict):
            values = get_args(kind)[1]
            found[f"{subject}.{name}"] = cel.Type.Map(cel.Type.STRING, _TYPES.get(values, cel.Type.DYN))
        else:
            found[f"{subject}.{name}"] = _TYPES[kind]
    return found


#: Every fact a condition may ask, with its CEL type.
FACTS: Mapping[str, Any] = {
    **_declared("lead", LeadFacts),
    **_declared("account", AccountFacts),
    **_declared("rep", RepFacts, leave=frozenset({"hours", "tier", "pushed_at"})),
    "now": cel.Type.TIMESTAMP,
}
SUBJECTS = ("lead", "account", "rep")
ABSENT = "absent."
#: Facts that hold others by name: what sources add by themselves, and answers to the standard questions.
MAPS = ("lead.attributes", "lead.answers")

_TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*)
    |(?P<string>[rRbB]{0,2}(?:\"\"\"(?:\\.|[^\\])*?\"\"\"|'''(?:\\.|[^\\])*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))
    |(?P<float>\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?)
    |(?P<int>0[xX][0-9a-fA-F]+[uU]?|\d+[uU]?)
    |(?P<name>[A-Za-z_]\w*(?:\s*\.\s*[A-Za-z_]\w*)*)
    |(?P<sign>==|!=|<=|>=|&&|\|\||.)""",
    re.VERBOSE | re.DOTALL,
)
_COMPLAINT = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)")


class ConditionRefused(Exception):
    """A condition that cannot be used. ``at`` is where in its text, counted in characters from 0."""

    def __init__(self, code: str, message: str, at: int = 0) -> None:
        super().__init__(message)
        self.code, self.message, self.at = code, message, at


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a condition's text: a name with its dots, a number, a string or a sign."""

    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


class Condition:
    """A compiled condition. ``text`` as written, ``rewritten`` as compiled; ``facts`` the variables it asks, ``absent.`` ones
    included.

    ``needs`` names the facts, and single attributes, without which it errs or may err; ``None`` if that can't be told from the
    text. ``strict``: without any of them it is certainly not true.
    """

    __slots__ = ("_eval", "facts", "needs", "rewritten", "strict", "text")

    def __init__(self, text: str, rewritten: str, facts: frozenset[str], expression: Any) -> None:
        self.text, self.rewritten, self.facts = text, rewritten, facts
        self._eval = expression.eval
        tokens = tokens_of(rewritten)
        self.needs = _needs(tokens)
        self.strict = _is_strict(tokens)

    @classmethod
    def of(
        cls, text: str, about: Iterable[str] = (*SUBJECTS, "now"), unknown: Mapping[str, str] | None = None
    ) -> Condition:
        """Compile ``text``. ``about`` names the subjects known where it stands, ``unknown`` facts that are not yet, and why.

        Raises `ConditionRefused`.
        """
        if len(text) > _LONGEST:
            raise ConditionRefused("condition_too_long", f"a condition may have {_LONGEST:,} characters at most")
        tokens = tokens_of(text)
        facts = _facts_asked(tokens, frozenset(about), unknown or {})
        edits = _null_questions(tokens)
        while True:
            rewritten = _apply(text, edits)
            try:
                expression = environment().compile(rewritten)
                break
            except RuntimeError as error:
                more = _made_fractional(str(error), rewritten, tokens, edits)
                if more is None:
                    raise _refusal(str(error), rewritten, edits, tokens) from None
                edits = sorted([*edits, more])
        if expression.return_type() != cel.Type.BOOL:
            kind = expression.return_type().name().lower()
            raise ConditionRefused("condition_not_bool", f"a condition must be true or false; this one gives {kind}")
        questions = {new.lstrip("!") for _, _, new in edits if new.lstrip("!").startswith(ABSENT)}
        return cls(text, rewritten, facts | questions, expression)

    def holds(self, activation: Activation) -> bool:
        """Whether it is true of these facts. An error, such as an unknown fact, is a value that is not ``True``.

        The runtime raises only for work without end and for text with half a surrogate pair in it; that is not true either.
        """
        try:
            return self._eval(activation.laid).value() is True
        except RuntimeError:
            return False

    def judged(self, activation: Activation) -> bool | None:
        """`holds`, with what it does not tell apart: ``False`` is a plain no, ``None`` an error, such as an unknown fact."""
        try:
            value = self._eval(activation.laid).value()
        except RuntimeError:
            return None
        return value if isinstance(value, bool) else None

    def constant(self) -> bool:
        """The value of a condition that asks no facts; work without end is not true, as in `holds`."""
        return self.holds(Activation(environment().Activation({})))

    def __repr__(self) -> str:
        return f"Condition({self.text!r})"


class Activation:
    """A lead's facts laid out for the runtime, and which of those that matter are missing, a bit for each."""

    __slots__ = ("laid", "missing")

    def __init__(self, laid: Any, missing: int = 0) -> None:
        self.laid, self.missing = laid, missing


@cache
def environment() -> Any:
    """What conditions are compiled in: every fact, and the question whether it is absent, as a typed variable."""
    variables = {**FACTS, **{ABSENT + name: cel.Type.BOOL for name in FACTS}}
    return cel.NewEnv(variables=variables, extensions=[ext_strings.ExtStrings()])


def tokens_of(text: str) -> list[Token]:
    """The pieces of a condition, without spaces and comments."""
    return [
        Token(found.lastgroup or "sign", found.group(), found.start())
        for found in _TOKEN.finditer(text)
        if found.lastgroup != "space"
    ]


def _fact_of(token: Token) -> str | None:
    """The fact a dotted name starts with: ``lead.country`` of ``lead.country.startsWith``."""
    parts = re.split(r"\s*\.\s*", token.text)
    if parts[0] == "now":
        return "now"
    return ".".join(parts[:2]) if parts[0] in (*SUBJECTS, "absent") else None


def _facts_asked(tokens: list[Token], about: frozenset[str], unknown: Mapping[str, str]) -> frozenset[str]:
    """The facts a condition asks; raise `ConditionRefused` at the first that does not exist or is not known there."""
    asked = set()
    for place, token in enumerate(tokens):
        if token.kind != "name" or (place and tokens[place - 1].text == "."):
            continue
        fact = _fact_of(token)
        if fact is None:
            continue
        subject = fact.partition(".")[0]
        if subject == "absent":
            raise ConditionRefused("unknown_fact", "absent is not a fact; ask lead.country == null", token.start)
        if fact not in FACTS:
            raise ConditionRefused("unknown_fact", _unknown(fact), token.start)
        if subject not in about:
            here = ", ".join(name for name in (*SUBJECTS, "now") if name in about)
            raise ConditionRefused(
                "fact_not_known_here", f"{fact} is not known here; known are the facts of {here}", token.start
            )
        if fact in unknown:
            raise ConditionRefused("fact_not_known_here", f"{fact} {unknown[fact]}", token.start)
        asked.add(fact)
    return frozenset(asked)


_MACROS = frozenset(
    {"has", "all", "exists", "exists_one", "map", "filter", "existsOne", "transformList", "transformMap"}
)
_PLAIN_STRING = re.compile(r"""(["'])([^"'\\]*)\1""")


def _needs(tokens: list[Token]) -> frozenset[str] | None:
    """See `Condition.needs`. An attribute, or an answer, counts by itself where its name stands in the text."""
    needs = set()
    for place, token in enumerate(tokens):
        if token.kind != "name" or (place and tokens[place - 1].text == "."):
            continue
        parts = re.split(r"\s*\.\s*", token.text)
        fact = ".".join(parts[:2]) if parts[0] != "now" else "now"
        if fact not in FACTS:
            continue
        needs.add(fact)
        following = [after.text for after in tokens[place + 1 : place + 4]]
        if fact not in MAPS:
            continue
        if len(parts) > 3 or (len(parts) == 3 and following[:1] != ["("]):
            needs.add(f"{fact}.{parts[2]}")
        elif following[:1] == ["["]:
            key = _PLAIN_STRING.fullmatch(following[1]) if following[2:] == ["]"] else None
            if key is None:
                return None
            needs.add(f"{fact}.{key[2]}")
    return frozenset(needs)


def _is_strict(tokens: list[Token]) -> bool:
    """Whether an error anywhere keeps the whole from being true: no part of it can make up for another.

    Only ``||``, ``?`` and the macros can; and ``&&``, whose false swallows an error, where something around it may turn that
    false into true.
    """
    depth = 0
    for token in tokens:
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(token.text, 0)
        last = re.split(r"\s*\.\s*", token.text)[-1] if token.kind == "name" else ""
        if token.text in ("||", "?") or last in _MACROS or (token.text == "&&" and depth):
            return False
    return True


def _unknown(fact: str) -> str:
    subject, _, field = fact.partition(".")
    if not field:
        return f"{subject} alone is not a fact; ask one of its facts, such as {next(f for f in FACTS if f.startswith(subject))}"
    near = difflib.get_close_matches(fact, FACTS, n=1, cutoff=0.75)
    hint = f"; did you mean {near[0]}?" if near else ""
    if not near and subject == "lead":
        hint = f"; what a source adds by itself is lead.attributes.{field}"
    return f"there is no fact {fact}{hint}"


_BEFORE = frozenset({"(", "&&", "||", "?", ":", ",", "["})
_AFTER = frozenset({")", "&&", "||", "?", ":", ",", "]"})

Edit = tuple[int, int, str]


def _null_questions(tokens: list[Token]) -> list[Edit]:
    """The edits that turn ``fact == null`` and ``fact != null`` into questions; any other ``null`` is refused."""
    edits: list[Edit] = []
    for place, token in enumerate(tokens):
        if token.kind != "name" or token.text != "null":
            continue
        span = _compared_fact(tokens, place)
        if span is None:
            raise ConditionRefused(
                "null_misused", "null can only be compared with one fact: lead.country == null, or != null", token.start
            )
        first, last, fact, key, sign = span
        if fact in MAPS and key is not None:
            question = f"({key} in {fact})"
            text = ("!" if sign == "==" else "") + question
        else:
            text = ("" if sign == "==" else "!") + ABSENT + fact
        edits.append((tokens[first].start, tokens[last].end, text))
    return edits


def _compared_fact(tokens: list[Token], null: int) -> tuple[int, int, str, str | None, str] | None:
    """(first token, last token, fact, attribute's key as CEL, sign) of the comparison that this ``null`` stands in."""
    if null >= 2 and tokens[null - 1].text in ("==", "!="):
        sign, last = tokens[null - 1].text, null
        end = null - 2
        first = end - 3 if tokens[end].text == "]" and end >= 3 else end
    elif null + 2 < len(tokens) and tokens[null + 1].text in ("==", "!="):
        sign, first = tokens[null + 1].text, null
        start = null + 2
        last = start + 3 if start + 3 < len(tokens) and tokens[start + 1].text == "[" else start
        end = last
    else:
        return None
    named = tokens[end - 3] if tokens[end].text == "]" else tokens[end]
    if named.kind != "name":
        return None
    if (first and tokens[first - 1].text not in _BEFORE) or (
        last + 1 < len(tokens) and tokens[last + 1].text not in _AFTER
    ):
        return None
    parts = re.split(r"\s*\.\s*", named.text)
    fact = ".".join(parts[:2])
    if tokens[end].text == "]":
        key = tokens[end - 1]
        return (first, last, fact, key.text, sign) if fact in MAPS and key.kind == "string" else None
    if fact in MAPS and len(parts) == 3:
        return first, last, fact, f'"{parts[2]}"', sign
    return (first, last, fact, None, sign) if fact in FACTS and len(parts) <= 2 and fact not in MAPS else None


def _apply(text: str, edits: list[Edit]) -> str:
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def _original(index: int, edits: list[Edit]) -> int:
    """Where in the text as written the character at ``index`` of the rewritten text comes from."""
    shift = 0
    for start, end, new in sorted(edits):
        if index < start + shift:
            break
        if index < start + shift + len(new):
            return start
        shift += len(new) - (end - start)
    return index - shift


def _place(complaint: re.Match[str], rewritten: str, edits: list[Edit]) -> int:
    line, column = int(complaint[1]), int(complaint[2])
    if line < 1:
        return 0
    before = rewritten.split("\n")[: line - 1]
    return _original(sum(len(row) + 1 for row in before) + max(column - 1, 0), edits)


def _made_fractional(error: str, rewritten: str, tokens: list[Token], edits: list[Edit]) -> Edit | None:
    """The edit that makes the whole number beside a refused operator fractional, if that is what was wrong."""
    complaint = _COMPLAINT.search(error)
    if complaint is None or "no matching overload for '_" not in complaint[3]:
        return None
    at = _place(complaint, rewritten, edits)
    place = next((i for i, token in enumerate(tokens) if token.start == at), None)
    if place is None:
        return None
    if complaint[3].endswith("(double, int)'"):
        beside = place + 2 if place + 1 < len(tokens) and tokens[place + 1].text == "-" else place + 1
    elif complaint[3].endswith("(int, double)'"):
        beside = place - 1
    else:
        return None
    if not 0 <= beside < len(tokens) or not re.fullmatch(r"\d+", tokens[beside].text):
        return None
    number = tokens[beside]
    if any(start <= number.start < end for start, end, _ in edits):
        return None
    return number.start, number.end, number.text + ".0"


def _refusal(error: str, rewritten: str, edits: list[Edit], tokens: list[Token]) -> ConditionRefused:
    """The runtime's complaint in words that help, at the place in the text as written."""
    if "recursion" in error:
        return ConditionRefused("condition_too_deep", "the condition is nested too deeply; split it into several rules")
    complaint = _COMPLAINT.search(error)
    if complaint is None:
        return ConditionRefused("condition_invalid", error.split("[")[0].strip())
    at, said = _place(complaint, rewritten, edits), complaint[3]
    if undeclared := re.match(r"undeclared reference to '(.+?)'", said):
        name = undeclared[1]
        within = next((token for token in tokens if token.kind == "name" and token.start <= at <= token.end), None)
        fact = next((f"{subject}.{name}" for subject in SUBJECTS if f"{subject}.{name}" in FACTS), None)
        hint = f"; did you mean {fact}?" if fact else ""
        return ConditionRefused("unknown_fact", f"there is nothing called {name}{hint}", within.start if within else at)
    if overload := re.match(r"found no matching overload for '_?@?(.+?)_?' applied to '\((.+)\)'", said):
        return ConditionRefused("condition_types", _mismatch(overload[1], overload[2]), at)
    return ConditionRefused("condition_invalid", said.replace("mismatched input '<EOF>'", "it ends too early;"), at)


def _mismatch(sign: str, kinds: str) -> str:
    message = f"{sign} does not go with {kinds.replace(', ', ' and ')}"
    if kinds in ("double, int", "int, double"):
        return message + ": wrap the whole number in double( )"
    return message
