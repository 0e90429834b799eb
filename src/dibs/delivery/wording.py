"""Reasons, spans and conditions in the reader's words.

Texts live in `dibs.delivery.texts` and `dibs.delivery.words`, their translations in ``dibs/locale``. Text is made here and nowhere else, so a page, the
API and the command line say the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.formats import date_format, number_format
from django.utils.timezone import now as moment
from django.utils.translation import get_language, gettext, override

from dibs.delivery import texts, words
from dibs.engine import reasons
from dibs.engine.decision import Reason
from dibs.engine.policy_qualify import Question
from dibs.engine.policy_terms import in_language, is_name

#: The languages that every text is in.
LANGUAGES = ("en", "ja", "es", "id")

#: Every code that has a text.
CODES: frozenset[str] = frozenset(reasons.CODES)

_MOMENTS = frozenset({"until", "at", "since"})
_SPANS = frozenset({"after", "within"})
_PLACES = frozenset({"pool", "queue", "team", "territory", "sequence", "template"})
_REPS = frozenset({"rep", "by"})
_STAGES = frozenset({"stage", "stage_before"})
_CONDITIONS = frozenset({"when", "only"})


def language_of(wanted: str | None) -> str:
    """The one of `LANGUAGES` that ``wanted`` (BCP 47) asks for, else English."""
    code = (wanted or "").split("-")[0].lower()
    return code if code in LANGUAGES else "en"


def say(
    reason: Reason | Mapping[str, Any], language: str, names: Mapping[str, str] | None = None, timezone: str = "UTC"
) -> str:
    """A reason as a colleague would put it.

    ``names`` gives reps' names by handle; ``timezone`` is the reader's. A code that this version does not know is said as it
    is: logs outlive the program that wrote them.
    """
    code, params = (
        (reason.code, reason.params) if isinstance(reason, Reason) else (reason["code"], reason.get("params") or {})
    )
    with override(language_of(language)):
        return _sentence(code, params, names or {}, timezone)


def sentence(text: str, language: str) -> str:
    """A reason as a whole sentence, for where another follows it."""
    if text.endswith((".", "。", "…", "!", "?", "”")):
        return text
    return text + ("。" if language_of(language) == "ja" else ".")


def _sentence(code: str, params: Mapping[str, Any], names: Mapping[str, str], timezone: str) -> str:
    text = _text(code, params)
    if text is None:
        return code
    values = _Values(_own_words(code, params))
    values.update((key, _word(key, value, names, timezone)) for key, value in params.items() if key not in values)
    if params.get("amount"):
        values["amount"] = money(params["amount"], params.get("currency"))
    said = text.format_map(values)
    note = params.get("note")
    return f"{sentence(said, active_language())} “{note}”" if note else said


def _text(code: str, params: Mapping[str, Any]) -> str | None:
    if code in texts.COUNTED:
        by, text = texts.COUNTED[code]
        if code == "credited" and params.get("times") in (None, 1):
            text = texts.CREDITED_ONCE
        count = float(params.get(by) or 0)
        # A part of one is said as many are: 1.5 points.
        return str(text % (int(count) if count.is_integer() else 2))  # type: ignore[operator]
    if code == "chosen":
        by = str(params.get("by"))
        return gettext(texts.CHOSEN.get(by, texts.CHOSEN["round_robin"]))
    if code == "claim_more":
        more = texts.CLAIM_MORE.get(
            (str(params.get("per")), str(params.get("then"))), texts.CLAIM_MORE["day", "notify"]
        )
        return str(more % int(params.get("count") or 0))  # type: ignore[operator]
    if code == "tier_changed" and (params.get("up") or params.get("when") is None):
        return gettext(texts.TIER_UP if params.get("up") and params.get("when") else texts.TIER_MOVED)
    if code == "rule_tightens" and params.get("after") is None and _path(str(params.get("rule"))) == ("pools.*", ""):
        return gettext(texts.POOL_GOES)
    if code == "nobody_eligible" and params.get("to") in texts.NO_OWNER:
        owner = params["to"]
        return gettext(texts.NO_OWNER[owner])
    if code == "in_review" and params.get("queue") == "managers":
        return gettext(texts.ANY_MANAGER)
    for (other, key), text in texts.WITHOUT.items():
        if other == code and params.get(key) in (None, ""):
            return gettext(text)
    return gettext(texts.TEXTS[code]) if code in texts.TEXTS else None


class _Values(dict[str, str]):
    """A parameter that a log does not hold, or that the reader may not see, is left open."""

    def __missing__(self, key: str) -> str:
        return "…"


def _own_words(code: str, params: Mapping[str, Any]) -> dict[str, str]:
    """What parameters mean in this code alone."""
    if code in {"rule_tightens", "rule_loosens"}:
        rule = str(params.get("rule"))
        name, before, after = rule_in_words(rule, params.get("before"), params.get("after"))
        return {"rule": name, "before": before, "after": after, "pool": titled(rule.removeprefix("pools."))}
    if code in {"tier_set", "tier_changed"}:
        rate = params.get("conversion_rate")
        said = {name: str(params.get(name) or gettext(texts.NO_TIER)) for name in ("tier", "before", "after")}
        return {
            **said,
            "over": _span(params.get("over") or 0),
            "days": _span(86_400 * int(params.get("days") or 1)),
            "conversion_rate": "0%" if rate is None else percent(rate),
        }
    if code in texts.BETWEEN_TERRITORIES:
        return {name: titled(str(value)) for name, value in params.items() if value is not None}
    if code == "best_match":
        given = {name: params.get(name) or 0.0 for name in ("expected", "drawn", "value", "strengths", "load")}
        shares = {name: percent(float(given[name])) for name in ("expected", "drawn", "value")}
        return shares | {name: figure(float(given[name])) for name in ("strengths", "load")}
    if code == "too_big_to_close":
        sums = {name: str(params[name]).partition(" ") for name in ("worth", "under") if params.get(name)}
        return {name: money(amount, currency or None) for name, (amount, _, currency) in sums.items()}
    if code == "credited":
        return {name: figure(float(params.get(name) or 0)) for name in ("points", "times")}
    return {"per": _span(params["per"])} if code == "claim_rate" and "per" in params else {}


def percent(share: float) -> str:
    """A share of 0..1 as people read it, in the language that is on: "24%", "7.5%", in Spanish "7,5%"."""
    return figure(f"{100 * share:.1f}".removesuffix(".0")) + "%"


def money(amount: str, currency: str | None) -> str:
    """An amount as a log keeps it, with its currency: "1,200.50 EUR"; without cents where there are none. What is no number stays as it
    is: logs outlive the program that wrote them."""
    try:
        value = Decimal(amount)
        whole = value == value.to_integral_value()
        amount = number_format(value, decimal_pos=0 if whole else 2, use_l10n=True, force_grouping=True)
    except InvalidOperation:
        pass
    return f"{amount} {currency or ''}".strip()


def figure(value: str | float) -> str:
    """A number with the decimal sign of the language that is on, and no more decimals than it has: "2", "1.5"."""
    return str(number_format(value if isinstance(value, str) else f"{value:g}", use_l10n=True))


_DURATION = re.compile(r"(?:\d+[dhms])+")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def _path(rule: str) -> tuple[str, str]:
    """A rule's path with "*" for a pool's, team's or tier's name, as `words.RULES` has it, and its last part ("" for a pool as a whole)."""
    room, _, rest = rule.partition(".")
    if room not in {"teams", "pools", "tiers", "territories"} or not rest:
        return rule, rest
    _name, dot, field = rest.rpartition(".")
    return (f"{room}.*.{field}", field) if dot and f"{room}.*.{field}" in words.RULES else (f"{room}.*", "")


def rule_in_words(rule: str, before: Any, after: Any) -> tuple[str, str, str]:
    """A rule that a policy changes (see `dibs.engine.announcing`), and what it says before and after, in the active language."""
    was, will = _rule_value(rule, before), _rule_value(rule, after)
    # They may differ in what the short form leaves out.
    return (_rule_name(rule), was, will) if was != will else (_rule_name(rule), str(before), str(after))


def _rule_name(rule: str) -> str:
    """A rule that a policy can change, as people call it, in the active language; ``rule`` is its path."""
    path, field = _path(rule)
    name = rule.partition(".")[2].removesuffix(f".{field}" if field else "")
    text = words.RULES.get(path)
    return gettext(text).format(name=name if path.startswith("tiers") else titled(name)) if text else rule


def _rule_value(rule: str, value: Any) -> str:
    """What a rule says, in words; as a policy writes it, if that is how it is read best."""
    path, field = _path(rule)
    if value is None:
        return gettext(words.NO_RULE.get(path, words.NO_LIMIT))
    if isinstance(value, float):
        return figure(value)
    text = str(value)
    if path == "pools.*.escalate":
        return "; ".join(_step(*found) for found in _STEP.findall(text))
    if path in {"sla", "idle"}:
        return "; ".join(_in_time(*found) for found in _IN_TIME.findall(text))
    if path == "teams.*.reps":
        return "; ".join(f"{rep}: {_own_caps(caps)}" for rep, caps in _OWN_CAPS.findall(text))
    if path == "territories.*":
        return text[1:-1]
    if path == "credits.weights":
        return "; ".join(_weight(part) for part in _BETWEEN_WEIGHTS.split(text[1:-1]))
    if path == "pools.*.order":
        # Which end comes first, in any language.
        return ", ".join(_field(key.lstrip("-")) + (" ↓" if key.startswith("-") else " ↑") for key in text.split(", "))
    if text.startswith("{"):
        return _rule_in_short(dict(part.split(": ", 1) for part in text.strip("{}").split(", ")))
    if _DURATION.fullmatch(text):
        return _policy_span(text)
    if field in {"mode", "sees"}:
        return word(field, text)
    if path == "pools.*.teams":
        return ", ".join(titled(name) for name in text.split(", "))
    if path == "pools.*.preview":
        return ", ".join(_field(name) for name in text.split(", "))
    if field in _CONDITIONS:
        return "; ".join(part.text for part in _parts(text))
    return text


_STEP = re.compile(r"\{after: (\w+), (?:push: \{(?:to|team): ([\w.-]+)[^}]*\}|review: ([\w-]+))\}")
_BETWEEN_WEIGHTS = re.compile(r"\}, \{(?=times: )")


def _step(after: str, pushed: str, review: str) -> str:
    """One escalation step: to whom the lead goes, and when."""
    kind = pushed if pushed in words.STEPS else "team" if pushed else "managers" if review == "managers" else "review"
    return gettext(words.STEPS[kind]).format(after=_policy_span(after), name=titled(pushed or review))


_IN_TIME = re.compile(r"\{(?:first_contact|after): (\w+)(?:, when: (.*?))?, hours: ")
_OWN_CAPS = re.compile(r"([\w-]+) \{([^}]*)\}")


def _in_time(span: str, when: str) -> str:
    """A time for first contact, or for which a lead may be left alone, and of which leads."""
    after = _policy_span(span)
    return gettext(words.IN_TIME).format(which=_word("when", when, {}, "UTC"), after=after) if when else after


def _own_caps(text: str) -> str:
    caps = (part.split(": ") for part in text.split(", "))
    return ", ".join(gettext(words.CAPS[name]).format(count=count) for name, count in caps)


def _weight(text: str) -> str:
    times, _, when = text.removeprefix("times: ").partition(", when: ")
    return gettext(words.WEIGHT).format(which=", ".join(part.text for part in _parts(when)), times=figure(times))


def _rule_in_short(parts: Mapping[str, str]) -> str:
    said = {name: _policy_span(text) if _DURATION.fullmatch(text) else text for name, text in parts.items()}
    if "per_high" in parts:
        return gettext(words.MIX_PER_HIGH).format_map(said)
    if "share" in parts:
        return gettext(words.MIX_SHARE).format_map(said)
    if parts.get("per") in words.WORDS["per"]:
        text = words.FLOOR_FILLED if parts.get("then") == "auto_assign" else words.FLOOR
        return gettext(text).format_map({**said, "per": word("per", parts["per"])})
    return gettext(words.RATE).format_map(said)


def _policy_span(text: str) -> str:
    """A span as the policy writes it, "1h30m", in words."""
    return _span(sum(int(count) * _SECONDS[unit] for count, unit in re.findall(r"(\d+)([dhms])", text)))


def _word(key: str, value: Any, names: Mapping[str, str], timezone: str) -> str:
    if value is None:
        return "…"
    if key in words.WORDS:
        return word(key, value)
    if key in _MOMENTS:
        return _moment(value, timezone)
    if key in _SPANS:
        return _span(value)
    if key in _REPS:
        return names.get(value, str(value))
    if key in _PLACES:
        return titled(value)
    if key in _STAGES:
        return stage_name(str(value))
    if key == "to":
        return names.get(value) or titled(value)
    if key in _CONDITIONS:
        return "; ".join(part.text for part in _parts(str(value)))
    if key == "questions":
        return ", ".join(titled(name) for name in value)
    if key == "fields":
        return ", ".join(_field(name) for name in value)
    if key == "likelihood":
        return percent(float(value))
    return str(value)


def word(kind: str, value: Any) -> str:
    """The word for a value of a kind of `words.WORDS`, in the active language; another value is a person's own words."""
    known = words.WORDS[kind]
    return gettext(known[value]) if value in known else str(value)


def titled(slug: str) -> str:
    """A pool's, team's or territory's name from what the policy calls it: ``small_business`` is "Small business"."""
    spaced = slug.replace("_", " ").replace("-", " ").strip()
    return spaced[:1].upper() + spaced[1:]


def stage_name(stage: str) -> str:
    """A stage of opportunities from what the policy calls it, in the active language where it is one that Dibs knows. What cannot be a
    name in a policy is people's own word for it."""
    if stage in words.STAGES:
        return gettext(words.STAGES[stage])
    return titled(stage) if is_name(stage) else stage


def field_name(name: str, language: str) -> str:
    """A lead's field as people call it."""
    with override(language_of(language)):
        return _field(name)


def _field(name: str) -> str:
    return gettext(words.FIELDS[name]) if name in words.FIELDS else titled(name.rpartition(".")[2])


def span(seconds: float | timedelta, language: str) -> str:
    """A span of time in its largest unit: "30 minutes"; one that is no whole number of it, in the two largest."""
    with override(language_of(language)):
        return _span(seconds.total_seconds() if isinstance(seconds, timedelta) else seconds)


def _span(seconds: float) -> str:
    left, said = max(0, round(float(seconds))), []
    for size, text in words.SPANS:
        n, left = divmod(left, size)
        if n:
            said.append(str(text % n).format(n=n))  # type: ignore[operator]
        elif said:
            break
        if len(said) == 2:
            break
    return " ".join(said) if said else str(words.SPANS[-1][1] % 0).format(n=0)  # type: ignore[operator]


def _moment(value: str | datetime, timezone: str) -> str:
    """The time in the reader's zone, and the day with it unless it is today there."""
    zone = ZoneInfo(timezone)
    when = (datetime.fromisoformat(value) if isinstance(value, str) else value).astimezone(zone)
    clock = when.strftime("%H:%M")
    today = moment().astimezone(zone).date()
    return clock if when.date() == today else f"{day(when.date(), today)} {clock}"


#: A day as each language writes it in few letters, and with its year. Django's own are short in some places and long in others.
_DAYS = {"en": ("M j", "M j, Y"), "ja": ("n月j日", "Y年n月j日"), "es": ("j b", "j b Y"), "id": ("j M", "j M Y")}


def day(when: date, today: date) -> str:
    """A calendar day in the language of the moment, the same everywhere; with its year unless that is ``today``'s."""
    without, with_year = _DAYS[active_language()]
    return date_format(when, without if when.year == today.year else with_year)


@dataclass(frozen=True, slots=True)
class Part:
    """One of the conditions that a condition is made of. ``plain``: it could be put in words, else ``text`` is as written."""

    text: str
    plain: bool


_SIMPLE = re.compile(
    r"""\s*(?P<fact>(?:lead|account|rep)\.[a-z_]+(?:\.[a-z_]+)?)
        \s*(?P<op>==|!=|>=|<=|>|<|\bin\b)\s*
        (?P<value>"[^"]*"|'[^']*'|-?\d+(?:\.\d+)?|null|true|false|\[[^\[\]]*\])\s*""",
    re.VERBOSE,
)


def condition_in_words(text: str | None, language: str) -> list[Part]:
    """A condition, part by part: simple comparisons in words, everything else as it is written."""
    with override(language_of(language)):
        return _parts(text) if text else []


def points_in_words(
    part: Mapping[str, Any], language: str, questions: Mapping[str, Question] | None = None
) -> list[Part]:
    """What a part of a score is given for: a condition, or the answer to a standard question, worded as in ``questions`` while they have
    it."""
    if part.get("question"):
        name, answer = str(part["question"]), str(part.get("answer"))
        question = (questions or {}).get(name)
        says = question.answers[answer].says if question is not None and answer in question.answers else None
        asked = in_language(question.ask, language) if question is not None else titled(name)
        given = in_language(says, language) if says is not None else answer.replace("_", " ")
        return [Part(f"{asked} {given}" if asked.endswith(("?", "？")) else f"{asked}: {given}", True)]
    return condition_in_words(part.get("when"), language)


def _parts(text: str) -> list[Part]:
    if "||" not in text and "(" not in text:
        found = [_SIMPLE.fullmatch(part) for part in text.split("&&")]
        if all(found):
            return [Part(_compared(match), True) for match in found if match]
    return [Part(text, False)]


def _compared(match: re.Match[str]) -> str:
    fact, op, value = match["fact"], match["op"], match["value"]
    field = _field(fact.removeprefix("lead."))
    if value == "null":
        op = "unknown" if op == "==" else "known"
    items = value[1:-1].split(",") if value.startswith("[") else [value]
    value = ", ".join(_value(fact, item.strip().strip("\"'")) for item in items if item.strip())
    return gettext(words.COMPARED[op]).format(field=field, value=value)


def _value(fact: str, value: str) -> str:
    """A value in a condition, as people call it."""
    if fact == "lead.rank":
        return word("rank", value)
    if fact == "lead.assessed":
        return word("verdict", value)
    if fact == "rep.conversion_rate" and re.fullmatch(r"\d*\.?\d+", value):
        return percent(float(value))
    if fact == "lead.country":
        return country_name(value, active_language())
    return titled(value) if fact in {"lead.source", "lead.industry"} else value


def country_name(code: str, language: str) -> str:
    """A country's name by its ISO 3166 alpha-2 code; the code itself for one that is not known."""
    # A quarter of a second; the web process has it before its first visitor comes, and most commands never need it.
    from phonenumbers.geodata.locale import LOCALE_DATA

    names = LOCALE_DATA.get(code, {})
    name = names.get(language) or names.get("en") or code
    # The data may point to another language's name, as "*fr".
    return names.get(name[1:], code) if name.startswith("*") else name


def flagged(flag: str) -> str:
    """What is wrong with a lead's input, in the active language."""
    flag = "cut" if flag.endswith("_cut") else flag
    return gettext(words.FLAGS[flag]) if flag in words.FLAGS else titled(flag)


def active_language() -> str:
    """The language of the page that is being made."""
    return language_of(get_language())
