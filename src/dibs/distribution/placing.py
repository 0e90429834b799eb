"""Leads come in and are given their place: read the facts, ask the engine, write the answer, many at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from dibs.crm.arrival import Arrival, Enrichment
from dibs.crm.lookup import FIELDS, lookup_of
from dibs.delivery.wake import wake
from dibs.distribution import policies
from dibs.distribution.policies import Active
from dibs.distribution.reading import (
    LEAD_COLUMNS,
    Crew,
    Row,
    accounts_by_domain,
    accounts_by_id,
    crew,
    lead_clock,
    lead_facts,
    lock_leads,
    passed_over,
    seed_for,
)
from dibs.distribution.writing import (
    Outcome,
    feel,
    log,
    placing,
    to_json,
    write,
    write_turns,
)
from dibs.engine import consequences, match, qualify, route, timeline
from dibs.engine.decision import InPool, InReview, Placement, Reason
from dibs.engine.facts import AccountFacts
from dibs.engine.lifecycle import WAITING
from dibs.engine.roster import Roster
from dibs.people.bulk import insert_rows

#: Where leads go in a workspace that has published no policy yet.
_NO_POLICY = Placement(to=InReview("managers"), due=None, reasons=(Reason("no_policy"),))

#: Up to this many leads are first decided on without holding the turns of the teams.
_FEW = 20

#: The columns of a lead that an arrival fills as they are.
_GIVEN = tuple(name for name in Arrival.__dataclass_fields__ if name not in {"lead_id", "attributes", "flags"})


class AlreadyHere(Exception):
    """A lead with the same source and external id came in at the same time by another way; read again and enrich it."""


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a lead is now."""

    lead_id: UUID
    state: str
    pool: str | None
    owner: str | None
    review: str | None
    score: int | None
    rank: str | None


def place(workspace_id: UUID, arrivals: Sequence[Arrival], *, now: datetime) -> list[Placed]:
    """Give new leads their place by the active policy; in the order given, each seeing what those before it did.

    One transaction, the caller's if there is one. Raises `AlreadyHere` if one of them came in by another way meanwhile: the
    transaction is lost then.
    """
    if not arrivals:
        return []
    with transaction.atomic():
        # Read.
        active = policies.active(workspace_id)
        accounts = accounts_by_domain(workspace_id, (arrival.domain for arrival in arrivals))
        teams = active.book.policy.team_names() if active else frozenset()
        # A batch surely pushes somebody; of a few leads most only go to a pool, and need not wait for anybody's turn.
        locked = len(arrivals) > _FEW
        known = crew(workspace_id, now, lock_turns_of=teams if locked else ())

        # Decide.
        outcomes, roster = decide(workspace_id, arrivals, active, known, accounts, now)
        if roster.passes is not known.roster.passes and not locked:
            known = crew(workspace_id, now, lock_turns_of=teams)
            outcomes, roster = decide(workspace_id, arrivals, active, known, accounts, now)

        # Write.
        number = active.number if active else None
        _insert_leads(outcomes, number)
        write_turns(workspace_id, known.roster, roster, known.ids)
        log(workspace_id, outcomes, now=now, policy_version=number, crew=known)
        feel(workspace_id, outcomes, known)
        transaction.on_commit(lambda: wake(workspace_id))
    return [_placed(outcome, known) for outcome in outcomes]


def decide(
    workspace_id: UUID,
    arrivals: Sequence[Arrival],
    active: Active | None,
    known: Crew,
    accounts: Mapping[str, tuple[UUID, AccountFacts]],
    now: datetime,
) -> tuple[list[Outcome], Roster]:
    """What becomes of the arrivals, in their order, and the roster after that. Nothing is written: a dry run asks the same."""
    roster = known.roster
    outcomes = []
    for arrival in arrivals:
        row = _new_row(workspace_id, arrival, now)
        account_id, account = accounts.get(arrival.domain or "", (None, None))
        row["account_id"] = account_id
        seed = seed_for(row, active.digest) if active else ""
        placement = _NO_POLICY
        matched: tuple[Reason, ...] = ()
        clock = lead_clock(row, None)
        if active:
            facts = lead_facts(row)
            account, because = match.account_of(facts, [account] if account else [])
            matched = (because,)
            placement, roster = route.place(active.book, facts, account, clock, roster, now, seed)
        after = consequences.placed(clock, placement, now)
        outcomes.append(
            Outcome(
                lead=row,
                kind="placed",
                changes=placing(placement, after, known, by="assigned"),
                reasons=(*matched, *placement.reasons),
                felt=consequences.felt(clock, after, now, known.day),
                seed=seed,
            )
        )
    return outcomes, roster


def enrich(workspace_id: UUID, changes: Sequence[Enrichment], *, now: datetime) -> list[Placed]:
    """New facts on leads that are here. Those that wait are qualified and routed again; those that somebody holds, or that have
    ended, get the facts and a new score and stay where they are. Unknown leads are left out of the answer.
    """
    if not changes:
        return []
    with transaction.atomic():
        # Read.
        new = _merged(changes)
        rows = lock_leads(workspace_id, new)
        active = policies.active(workspace_id)
        known = crew(workspace_id, now, lock_turns_of=active.book.policy.team_names() if active else ())
        accounts = accounts_by_id(workspace_id, (row["account_id"] for row in rows.values()))
        skipped = passed_over(workspace_id, rows)

        # Decide.
        roster = known.roster
        outcomes = []
        for lead_id, facts_given in new.items():
            if lead_id not in rows:
                continue
            row = rows[lead_id]
            given = dict(facts_given)
            if "attributes" in given:
                given["attributes"] = row["attributes"] | dict(given["attributes"])
            facts = lead_facts(row | given)
            account = accounts.get(row["account_id"])
            seed = seed_for(row, active.digest) if active else ""
            because = Reason("enriched", {"fields": sorted(_changed(row, given))})
            outcome = Outcome(lead=row, kind="enriched", changes=given, reasons=(because,), seed=seed)
            if active and row["state"] in WAITING:
                clock = lead_clock(row, None, skipped.get(lead_id, frozenset()))
                placement, routed = route.place(active.book, facts, account, clock, roster, now, seed)
                if row["state"] != "pooled":
                    placement = timeline.new_wait(active.book, placement, now)
                # In the same line still, its steps so far stay.
                stays = row["state"] == "pooled" and placement.to == InPool(row["pool"])
                after = consequences.placed(clock, placement, now, escalated=row["escalated"] if stays else 0)
                outcome.changes = given | placing(placement, after, known, by="assigned")
                outcome.kind = "enriched" if stays else "requalified"
                outcome.reasons = (because, *placement.reasons)
                outcome.felt = consequences.felt(clock, after, now, known.day)
                roster = routed
            elif active:
                scored = qualify.qualify(active.book, facts, account, now)
                outcome.changes = given | {"score": scored.score, "rank": scored.rank}
                outcome.reasons = (because, *scored.reasons)
            if not given.keys().isdisjoint(FIELDS):
                outcome.changes = {**outcome.changes, "lookup": lookup_of(row | given)}
            outcomes.append(outcome)

        # Write.
        write_turns(workspace_id, known.roster, roster, known.ids)
        write(
            workspace_id,
            outcomes,
            now=now,
            policy_version=active.number if active else None,
            crew=known,
        )
    return [_placed(outcome, known) for outcome in outcomes]


_DEFAULTS: Row = dict.fromkeys(LEAD_COLUMNS) | {
    "state": "new",
    "escalated": 0,
    "reassigned": 0,
    "version": 0,
    "by_hand": False,
    "warned": False,
}


def _new_row(workspace_id: UUID, arrival: Arrival, now: datetime) -> Row:
    row = _DEFAULTS.copy()
    for name in _GIVEN:
        row[name] = getattr(arrival, name)
    row["id"] = arrival.lead_id
    row["workspace_id"] = workspace_id
    row["attributes"] = arrival.attributes
    row["flags"] = list(arrival.flags)
    row["created_at"] = now
    return row


def _insert_leads(outcomes: Sequence[Outcome], policy_version: int | None) -> None:
    rows = []
    for outcome in outcomes:
        row = outcome.lead | dict(outcome.changes)
        row["attributes"] = to_json(row["attributes"]) if row["attributes"] else "{}"
        row["policy_version"] = policy_version
        row["version"] = 1
        rows.append((*row.values(), lookup_of(row)))
    try:
        insert_rows("crm_lead", (*LEAD_COLUMNS, "lookup"), rows)
    except IntegrityError as problem:
        if "lead_external_once" in str(problem):
            raise AlreadyHere from problem
        raise


def _merged(changes: Sequence[Enrichment]) -> dict[UUID, dict[str, Any]]:
    """One set of new facts a lead, later ones over earlier ones."""
    merged: dict[UUID, dict[str, Any]] = {}
    for change in changes:
        facts = merged.setdefault(change.lead_id, {})
        attributes = {**facts.get("attributes", {}), **change.facts.get("attributes", {})}
        facts.update(change.facts)
        if attributes:
            facts["attributes"] = attributes
    return merged


def _changed(row: Row, given: Mapping[str, Any]) -> set[str]:
    changed = {name for name, value in given.items() if name != "attributes" and row.get(name) != value}
    if "attributes" in given:
        old = row["attributes"]
        changed |= {f"attributes.{name}" for name, value in given["attributes"].items() if old.get(name) != value}
    return changed


def _placed(outcome: Outcome, known: Crew) -> Placed:
    row = outcome.lead | dict(outcome.changes)
    owner = row["owner_id"]
    return Placed(
        lead_id=row["id"],
        state=row["state"],
        pool=row["pool"] if row["state"] == "pooled" else None,
        owner=known.handles.get(owner) if owner else None,
        review=row["review"],
        score=row["score"],
        rank=row["rank"],
    )
