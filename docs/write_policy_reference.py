"""Writes the reference of the policy document from its models: ``python docs/write_policy_reference.py``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dibs.engine.conditions import FACTS
from dibs.engine.policy import schema
from dibs.engine.policy_codes import CODES
from dibs.engine.policy_text import DEEPEST, LARGEST, MOST

PAGE = Path(__file__).parent / "reference" / "policy.md"

#: Sections in reading order: a model's name in the schema, and how its heading calls it.
SECTIONS: Mapping[str, str] = {
    "Policy": "The document",
    "Qualify": "`qualify`",
    "Points": "`qualify.score[]`",
    "Ranks": "`qualify.rank`",
    "Stale": "`qualify.stale`",
    "Question": "`qualify.questions.<name>`",
    "Answer": "`qualify.questions.<name>.answers.<name>`",
    "Ready": "`qualify.ready`",
    "GiveUp": "`qualify.ready.give_up`",
    "Way": "`until`, `give_up.then`, `privacy`, `replied`, `hand_over`",
    "Territory": "`territories.<name>`",
    "Sizes": "`territories.<name>.employees`",
    "Owner": "`territories.<name>.owner`",
    "Rule": "`route[]`",
    "Push": "`push`",
    "Pull": "`pull`",
    "Onward": "`fallback`, `stale.then`, `idle[].then`",
    "Matching": "`matching`",
    "TeamRules": "`teams.<name>`",
    "Caps": "`teams.<name>.reps.<handle>`",
    "BestMatch": "`best_match`",
    "Strengths": "`best_match.strengths`",
    "Availability": "`availability`",
    "Pool": "`pools.<name>`",
    "Step": "`pools.<name>.escalate[]`",
    "FairPlay": "`fair_play`",
    "ClaimAtLeast": "`fair_play.claim_at_least`",
    "ClaimRate": "`fair_play.claim_rate`",
    "Mix": "`fair_play.mix`",
    "Tier": "`tiers[]`",
    "Tiering": "`tiering`",
    "Sla": "`sla[]`",
    "Consequence": "`sla[].then`",
    "Idle": "`idle[]`",
    "Nurture": "`nurture`",
    "Sequence": "`nurture.sequences.<name>`",
    "MailStep": "`nurture.sequences.<name>.steps[]`",
    "Letter": "`nurture.mails.<name>.<language>`",
    "Assessment": "`assessments.<name>`",
    "Asked": "`assessments.<name>.questions.<name>`",
    "Choice": "`assessments.<name>.questions.<name>.answers.<name>`",
    "Verdict": "`assessments.<name>.verdicts[]`",
    "Opportunities": "`opportunities`",
    "Stage": "`opportunities.stages.<name>`",
    "CloseAtOnce": "`opportunities.close_at_once`",
    "Privacy": "`privacy`",
    "Keep": "`privacy.keep`",
    "Credits": "`credits`",
    "Weight": "`credits.weights[]`",
    "Example": "`examples[]`",
    "LeadInExample": "`examples[].lead`",
    "AccountInExample": "`examples[].account`",
    "RepInExample": "`examples[].reps.<handle>`",
    "Expected": "`examples[].expect`",
}

_HEAD = f"""# The policy document

A policy says how leads are qualified and distributed. It is written in YAML 1.2 (JSON is YAML too), at most {LARGEST:,} bytes,
{MOST:,} values and {DEEPEST} levels deep. `dibs policy check FILE` looks for everything wrong with it, at its line and column, and runs
its examples; publishing does the same and refuses what has errors. `dibs policy schema` prints a JSON Schema, for editors that
check while you write.

The folder `policies/` has an example for each model of distribution, each with examples inside.

This page is made from the models themselves.

## Words used below

| word | written as |
|---|---|
| duration | `90s`, `15m`, `24h`, `30d`, `2w`, or joined: `1h30m`; longer than nothing, ten years at most |
| share | `30%` or `0.3`; above 0%, at most 100% |
| name | small letters, digits, `-` and `_`, at most 50, as pools, teams and territories are called and reps' handles are |
| day | `2027-01-31`; it begins and ends in the policy's `timezone` |
| country | two capital letters, ISO 3166-1 alpha-2: `JP`, `GB` |
| condition | an expression in CEL, see [Conditions](#conditions) |
| moment | `2026-03-02T09:00:00Z`; without a zone it is UTC |
"""

_CONDITIONS = """## Conditions

Conditions are written in [CEL](https://cel.dev): typed, without side effects, always ending. They know these facts, and no
others; a fact of the wrong name or type is refused when the policy is checked.

{facts}

Where a condition stands says what it may ask: `qualify.score` and `qualify.questions` the lead (but not its score and rank, which are
only being counted), the account and `now`; `qualify.ready`, `territories`, `route`, `nurture.sequences` and `assessments` the lead, the
account and `now`; `tiers[].when` the rep; `tiers[].only`
the lead, the rep and `now`; `push.among` the lead, the account, the rep and `now`; `best_match.strengths.technical` the lead, the account and
`now`; `sla[].when`, `idle[].when` and `credits.weights[].when` the lead and `now`.

**What is not known.** A condition on a fact that is not known is false, also one that denies: `lead.country != "JP"` is false
for a lead without a country. `lead.country == null` and `lead.country != null` ask whether it is known. With `||`, what is true
without the fact stays true.

**Numbers.** `lead.deal_value`, `rep.conversion_rate` are fractional, the others whole; `lead.deal_value > 10` may be written
without a point. To mix them otherwise, write `double(lead.employees)`.

**Attributes** are what a source adds by itself: `lead.attributes.campaign == "spring"`, `lead.attributes["pages seen"] > 5`.

**Answers** to the standard questions are asked by the question's name: `lead.answers.budget == "yes"`. A question that is not answered
makes a condition on it false; `lead.answers.budget == null` asks whether it is.

**Text**: `lead.title.contains("Head")`, `.startsWith`, `.endsWith`, `.matches("(?i)chief|head")` (RE2), `.lowerAscii()`.
**Time**: `now - lead.received_at > duration("24h")`, `now.getHours("Asia/Tokyo") < 9`.
"""


def render() -> str:
    """The whole page."""
    whole = schema()
    parts = [_HEAD]
    for model, heading in SECTIONS.items():
        part = whole if model == "Policy" else whole["$defs"][model]
        parts += [f"## {heading}\n", _plain(part["description"]) + "\n", "\n".join(_table(whole, part)) + "\n"]
    parts += [_CONDITIONS.format(facts="\n".join(_facts())), "## What can be wrong\n", "\n".join(_codes())]
    return "\n".join(parts) + "\n"


def _table(whole: Mapping[str, Any], part: Mapping[str, Any]) -> Iterator[str]:
    required = set(part.get("required", ()))
    described = any("description" in field for field in part["properties"].values())
    yield "| field | value | if left out |" + (" meaning |" if described else "")
    yield "|---|---|---|" + ("---|" if described else "")
    for name, field in part["properties"].items():
        default = "must be given" if name in required else _default(field.get("default"))
        row = f"| `{name}` | {_value(whole, field)} | {default} |"
        yield row + (f" {_plain(field.get('description', ''))} |" if described else "")


def _value(whole: Mapping[str, Any], field: Mapping[str, Any]) -> str:
    """What a field takes, in words."""
    if ways := field.get("anyOf"):
        if any(way.get("pattern", "").endswith("%$") for way in ways):
            return "share"
        kinds = [_value(whole, way) for way in ways if way.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if reference := field.get("$ref"):
        name = reference.rpartition("/")[2]
        return f"[`{_heading(name)}`](#{_anchor(SECTIONS[name])})"
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if "const" in field:
        return f"`{str(field['const']).lower()}`"
    if field.get("format") == "cel":
        return "condition"
    if field.get("format") == "date-time":
        return "moment"
    if field.get("format") == "date":
        return "day"
    if pattern := field.get("pattern"):
        if "[A-Z]{2}" in pattern:
            return "country"
        return "duration" if "wdhms" in pattern else "name"
    if field.get("type") == "array":
        return "list of " + _value(whole, field["items"])
    if field.get("type") == "object":
        inner = [*field.get("patternProperties", {}).values(), field.get("additionalProperties")][0]
        return "by name: " + _value(whole, inner)
    bounds = ""
    if "minimum" in field:
        bounds = f" from {field['minimum']:g}" + (f" to {field['maximum']:g}" if "maximum" in field else "")
    kinds = {"string": "text", "integer": "whole number", "number": "number", "boolean": "`true`, `false`"}
    return kinds[field["type"]] + bounds


def _heading(model: str) -> str:
    return SECTIONS[model].strip("`").split("`")[0]


def _anchor(heading: str) -> str:
    """As the site's generator makes it from a heading."""
    kept = "".join(char for char in heading.lower() if char.isalnum() or char in " -_")
    return "-".join(kept.split())


def _default(value: Any) -> str:
    if value is None:
        return "none"
    if value in ([], {}):
        return "empty"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, list):
        return ", ".join(f"`{item}`" for item in value)
    return "each part as below" if isinstance(value, dict) else f"`{value}`"


def _facts() -> Iterator[str]:
    kinds = {
        "STRING": "text",
        "INT": "whole number",
        "DOUBLE": "fractional number",
        "BOOL": "true or false",
        "TIMESTAMP": "moment",
    }
    yield "| fact | kind |"
    yield "|---|---|"
    for name, kind in FACTS.items():
        shown = kinds.get(kind.name()) or ("by name: any" if kind.name().startswith("MAP") else "list of text")
        yield f"| `{name}` | {shown} |"


def _codes() -> Iterator[str]:
    yield "Each problem has a code that stays the same, for programs to rely on.\n"
    yield "| code | meaning |"
    yield "|---|---|"
    for code, meaning in CODES.items():
        yield f"| `{code}` | {meaning} |"


def _plain(text: str) -> str:
    """A docstring as one line of Markdown."""
    return " ".join(text.replace("``", "`").split())


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
