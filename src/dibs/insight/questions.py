"""The standard questions that are asked of a lead, what is answered, and what answers would make of its score.

Only of a lead that the caller sees in full. What an answer is worth is for who may see the policy: others are to ask, not to steer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from dibs.distribution import policies
from dibs.distribution.families import accounts_by_id
from dibs.distribution.reading import lead_facts
from dibs.engine.gate import gate
from dibs.engine.lifecycle import ENDED
from dibs.engine.policy_qualify import Question
from dibs.engine.policy_terms import in_language
from dibs.engine.qualify import qualify
from dibs.insight.sight import SeenLead, read_lead
from dibs.people.access import Action
from dibs.people.caller import Caller


@dataclass(frozen=True, slots=True)
class Offer:
    """An answer that may be given. ``add``: its points, ``None`` for who may not know."""

    name: str
    says: str
    add: int | None


@dataclass(frozen=True, slots=True)
class AskedOf:
    """A question that is asked of a lead, in the caller's language, and what is answered; ``None``: nothing yet."""

    name: str
    ask: str
    offers: tuple[Offer, ...]
    answer: str | None


@dataclass(frozen=True, slots=True)
class Would:
    """What a lead would come to. ``ready`` for sales; ``None``: the policy does not say which are, or it is not marketing's."""

    score: int
    rank: str
    ready: bool | None


def asked_of(caller: Caller, seen: SeenLead, now: datetime) -> list[AskedOf]:
    """The questions for a lead that has not ended, in the policy's order; none, of one that is seen masked."""
    active = policies.active(caller.workspace_id)
    if seen.level != "full" or active is None or not active.book.questions or seen["state"] in ENDED:
        return []
    row = read_lead(caller.workspace_id, seen["id"])
    if row is None:
        return []
    account = accounts_by_id(caller.workspace_id, [row["account_id"]]).get(row["account_id"])
    worth = caller.may(Action.SEE_POLICY)
    return [
        AskedOf(
            name,
            in_language(question.ask, caller.language),
            _offers(question, caller.language, worth),
            row["answers"].get(name),
        )
        for name, question in active.book.asked(lead_facts(row), account, now)
    ]


def would_come_to(caller: Caller, seen: SeenLead, answers: Mapping[str, str | None], now: datetime) -> Would | None:
    """What the lead would score with these answers; nothing is written. ``None``: of one that is seen masked, or that is gone."""
    active = policies.active(caller.workspace_id)
    row = read_lead(caller.workspace_id, seen["id"]) if seen.level == "full" else None
    if active is None or row is None:
        return None
    held = {name: given for name, given in {**row["answers"], **answers}.items() if given}
    facts = lead_facts(row | {"answers": held})
    account = accounts_by_id(caller.workspace_id, [row["account_id"]]).get(row["account_id"])
    scored = qualify(active.book, facts, account, now)
    facts = facts.qualified(scored.score, scored.rank, scored.likelihood)
    passed = gate(active.book, facts, active.book.activation(facts, account, now=now))
    asked = row["side"] == "marketing" and active.book.policy.qualify.ready is not None
    return Would(scored.score, scored.rank, passed.is_open if asked else None)


def _offers(question: Question, language: str, worth: bool) -> tuple[Offer, ...]:
    return tuple(
        Offer(
            name,
            in_language(answer.says, language) if answer.says else name.replace("_", " "),
            answer.add if worth else None,
        )
        for name, answer in question.answers.items()
    )
