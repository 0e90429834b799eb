"""The reference of the policy document is what the models say, and says everything."""

from __future__ import annotations

import re
from pathlib import Path

from dibs.engine.policy import schema
from dibs.engine.policy_codes import CODES
from docs import write_policy_reference

DIBS = Path(__file__).parents[2] / "src" / "dibs"
#: Where problems are found: in the policy itself, and when it is published.
SOURCES = [path for path in (DIBS / "engine").glob("*.py") if path.name != "policy_codes.py"]
SOURCES.append(DIBS / "distribution" / "policies.py")


def test_the_page_is_what_the_models_say() -> None:
    assert write_policy_reference.PAGE.read_text(encoding="utf-8") == write_policy_reference.render(), (
        "run: python docs/write_policy_reference.py"
    )


def test_every_part_of_a_policy_has_its_section() -> None:
    assert set(write_policy_reference.SECTIONS) == {"Policy", *schema()["$defs"]}


def test_every_field_says_what_it_is_for() -> None:
    whole = schema()
    plain_facts = {"LeadInExample", "AccountInExample"}
    for name, part in {**whole["$defs"], "Policy": whole}.items():
        for field, about in part["properties"].items():
            assert name in plain_facts or about.get("description"), f"{name}.{field}"


def test_every_link_within_the_page_leads_somewhere() -> None:
    page = write_policy_reference.render()
    headings = {write_policy_reference._anchor(heading) for heading in re.findall(r"^## (.+)$", page, re.MULTILINE)}
    assert set(re.findall(r"\]\(#([^)]+)\)", page)) <= headings


def test_every_code_is_used_and_every_code_used_is_explained() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in SOURCES)
    for code in CODES:
        used = code if not code.endswith("_unreachable") or code.startswith(("rank", "step")) else "_unreachable"
        assert used in sources, code
    made = r'(?:yield|_note\(|_stop\(|located\.problem\(|ConditionRefused\(|PydanticCustomError\()\s*"([a-z_]+)"'
    assert set(re.findall(made, sources)) <= set(CODES)
