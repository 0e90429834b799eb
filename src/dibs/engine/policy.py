"""A policy document as a value: read, made canonical, named by its digest, described by a schema."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from dibs.engine.policy_model import (
    By,
    ClaimAtLeast,
    Consequence,
    Example,
    Expected,
    FairPlay,
    Mix,
    Onward,
    Owner,
    Points,
    Policy,
    Pool,
    Pull,
    Push,
    Qualify,
    Rank,
    Ranks,
    Rule,
    Sla,
    Stale,
    Step,
    TeamRules,
    Territory,
    Tier,
)

__all__ = [
    "By", "ClaimAtLeast", "Consequence", "Example", "Expected", "FairPlay", "Mix", "Onward", "Owner", "Points", "Policy", "Pool",
    "Pull", "Push", "Qualify", "Rank", "Ranks", "Rule", "Sla", "Stale", "Step", "TeamRules", "Territory", "Tier", "canonical",
    "digest", "from_canonical", "schema",
]  # fmt: skip


def canonical(policy: Policy) -> str:
    """The policy as JSON with sorted keys and every default written out, so that it says the same for ever.

    Territories become a list: the first that matches counts, and neither sorted keys nor PostgreSQL's ``jsonb`` keep an order.
    """
    document = policy.model_dump(mode="json")
    document["territories"] = [{"name": name, **territory} for name, territory in document["territories"].items()]
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def from_canonical(text: str) -> Policy:
    """The policy that `canonical` wrote."""
    document = json.loads(text)
    document["territories"] = {territory.pop("name"): territory for territory in document["territories"]}
    return Policy.model_validate_json(json.dumps(document))


def digest(policy: Policy) -> str:
    """SHA-256 of the canonical JSON, in hex."""
    return hashlib.sha256(canonical(policy).encode()).hexdigest()


def schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the document."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Policy.model_json_schema()}
