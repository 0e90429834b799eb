"""A policy document as a value: read, made canonical, named by its digest, described by a schema."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dibs.engine.policy_cases import Example, Expected
from dibs.engine.policy_check import People, findings
from dibs.engine.policy_examples import ExampleResult, run_examples
from dibs.engine.policy_fair_play import (
    ClaimAtLeast,
    ClaimRate,
    Credits,
    FairPlay,
    Mix,
    Tier,
    Tiering,
    Weight,
)
from dibs.engine.policy_market import Matching, Owner, Sizes, Territory
from dibs.engine.policy_model import Policy, Pool, Rule
from dibs.engine.policy_qualify import Points, Qualify, Ranks, Stale
from dibs.engine.policy_reading import read_located
from dibs.engine.policy_teams import Availability, BestMatch, Caps, Strengths, TeamRules
from dibs.engine.policy_terms import By, Rank
from dibs.engine.policy_text import Path, PolicyRefused, Problem
from dibs.engine.policy_time import Consequence, Idle, Sla
from dibs.engine.policy_ways import Onward, Pull, Push, Step
from dibs.engine.rulebook import Rulebook

__all__ = [
    "Availability", "BestMatch", "By", "Caps", "Checked", "ClaimAtLeast", "ClaimRate", "Consequence", "Credits", "Example",
    "ExampleResult", "Expected", "FairPlay", "Idle", "Matching", "Mix", "Onward", "Owner", "People", "Points", "Policy",
    "PolicyRefused", "Pool", "Problem", "Pull", "Push", "Qualify", "Rank", "Ranks", "Rule", "Sizes", "Sla", "Stale", "Step",
    "Strengths", "TeamRules", "Territory", "Tier", "Tiering", "Weight", "canonical", "check", "digest", "from_canonical",
    "read", "schema",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found. ``policy`` is ``None`` if the text has not even a policy's shape."""

    policy: Policy | None
    problems: tuple[Problem, ...]
    examples: tuple[ExampleResult, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the policy may be published; warnings do not keep it from that."""
        return self.policy is not None and not any(problem.severity == "error" for problem in self.problems)


def read(text: str) -> Policy:
    """The policy in ``text`` (YAML). Raises `PolicyRefused` with line and column of each problem of its shape."""
    return read_located(text)[0]


def check(text: str, people: People | None = None) -> Checked:
    """Read a policy and look for everything wrong with it; if nothing is, run its examples too.

    With ``people``, also look whether the workspace has the teams and reps that it names.
    """
    try:
        policy, located = read_located(text)
    except PolicyRefused as refused:
        return Checked(None, refused.problems)
    problems = [
        located.problem(code, message, path, key="weights" in path, at=at, severity=severity)
        for code, message, path, at, severity in findings(policy, people)
    ]
    results: tuple[ExampleResult, ...] = ()
    if not any(problem.severity == "error" for problem in problems):
        results = run_examples(policy, Rulebook.of(policy))
        for result in results:
            for key in result.missed:
                came = result.came.get(key, "nothing" if key != "rule" else "no rule")
                message = f"{result.name}: expected {key} {result.expected[key]}, got {came}{_instead(result)}"
                path = ("examples", result.index, "expect", key)
                problems.append(located.problem("example_failed", message, path))
    problems.sort(key=lambda problem: (problem.line or 0, problem.column or 0, problem.severity))
    return Checked(policy, tuple(problems), results)


def _instead(result: ExampleResult) -> str:
    """Where the lead went, for a reader who expected another place."""
    went = ", ".join(f"{key} {value}" for key, value in result.came.items() if key not in result.missed)
    return f" ({went})" if went else ""


#: Parts that are written by name and whose order matters: the first territory that matches counts, questions are asked and stages follow
#: in theirs. "*" stands for every name, or place, there.
_IN_ORDER: tuple[Path, ...] = (
    ("territories",),
    ("pools",),
    ("qualify", "questions"),
    ("qualify", "questions", "*", "answers"),
    ("nurture", "sequences"),
    ("assessments",),
    ("assessments", "*", "questions"),
    ("assessments", "*", "questions", "*", "answers"),
    ("opportunities", "stages"),
)


def canonical(policy: Policy) -> str:
    """The policy as JSON with sorted keys and every default written out, so that it says the same for ever.

    What is written by name and whose order matters becomes a list: neither sorted keys nor PostgreSQL's ``jsonb`` keep one.
    """
    document = policy.model_dump(mode="json")
    # From the inside out: below a list there are no names to go by.
    for path in reversed(_IN_ORDER):
        for part, key in _parts(document, path):
            part[key] = [{"name": name, **fields} for name, fields in part[key].items()]
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def from_canonical(text: str) -> Policy:
    """The policy that `canonical` wrote."""
    document = json.loads(text)
    for path in _IN_ORDER:
        for part, key in _parts(document, path):
            part[key] = {fields.pop("name"): fields for fields in part[key]}
    return Policy.model_validate_json(json.dumps(document))


def _parts(document: dict[str, Any], path: Path) -> Iterator[tuple[dict[str, Any], str]]:
    """Every part that ``path`` leads to, as the mapping it stands in and its key there; none where a document written by an older
    version has none."""
    first, *rest = map(str, path)
    if not rest:
        if first in document:
            yield document, first
        return
    below = document.values() if first == "*" else [document.get(first, {})]
    for part in below:
        yield from _parts(part, tuple(rest))


def digest(policy: Policy) -> str:
    """SHA-256 of the canonical JSON, in hex."""
    return hashlib.sha256(canonical(policy).encode()).hexdigest()


def schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the document."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Policy.model_json_schema()}
