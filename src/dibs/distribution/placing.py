"""Leads come in and are given their place: read the facts, ask the engine, write the answer, many at a time.

The person of one may have come before: then it is no lead of its own but a touch on theirs. A touch, like new facts, has its lead
qualified anew, and routed anew if it waits (``touching``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction

from dibs.crm import do_not_contact
from dibs.crm.arrival import Arrival, Enrichment
from dibs.crm.customers import Customer, make_customers, still_here
from dibs.crm.lookup import lookup_of
from dibs.crm.persons import Known
from dibs.delivery.wake import wake
from dibs.distribution import overflow, persons, policies
from dibs.distribution.crews import Crew, crew
from dibs.distribution.matching import UNMATCHED, Match, match_accounts
from dibs.distribution.near_misses import Miss, keep_near
from dibs.distribution.persons import Persons, SomebodyElseFirst
from dibs.distribution.policies import Active
from dibs.distribution.reading import LEAD_COLUMNS, Row, lead_clock, lead_facts, seed_for
from dibs.distribution.touching import UNKNOWN_ANSWERS, Erased, Placed, again, look_again, placed_of
from dibs.distribution.writing import Outcome, feel, log, placing, to_json, write, write_turns
from dibs.engine import consequences, route
from dibs.engine.decision import InReview, Placement, Reason
from dibs.engine.facts import LeadClock
from dibs.engine.policy_market import Matching
from dibs.engine.roster import Roster
from dibs.people.bulk import insert_rows

__all__ = ["AlreadyHere", "Placed", "arrive", "enrich", "place"]

#: Where leads go in a workspace that has published no policy yet.
_NO_POLICY = Placement(to=InReview("managers"), due=None, reasons=(Reason("no_policy"),))

#: Up to this many leads are first decided on without holding the turns of the teams.
_FEW = 20

#: The columns of a lead that an arrival fills as they are.
_GIVEN = tuple(
    name
    for name in Arrival.__dataclass_fields__
    if name not in {"lead_id", "answers", "attributes", "flags", "consent_assumed"}
)


class AlreadyHere(Exception):
    """The same lead, or the same person, came in at the same time by another way; read again and enrich it, or touch it."""


def place(workspace_id: UUID, arrivals: Sequence[Arrival], *, now: datetime) -> list[Placed]:
    """Give new leads their place by the active policy; in the order given, each seeing what those before it did. Where a person came
    before, the answer is where their open lead is, and ``touched``.

    One transaction, the caller's if there is one. Raises `AlreadyHere` if one of them came in by another way meanwhile: the
    transaction is lost then.
    """
    return arrive(workspace_id, arrivals, (), now=now)[0]


def enrich(workspace_id: UUID, changes: Sequence[Enrichment], *, now: datetime) -> list[Placed]:
    """New facts on leads that are here. Those that wait are qualified and routed again; those that somebody holds, or that have
    ended, get the facts and a new score and stay where they are. Unknown leads are left out of the answer.
    """
    return arrive(workspace_id, (), changes, now=now)[1]


def arrive(
    workspace_id: UUID, arrivals: Sequence[Arrival], changes: Sequence[Enrichment], *, now: datetime
) -> tuple[list[Placed], list[Placed]]:
    """`place` and `enrich` in one transaction, which locks leads that are here before the turns of teams, as everybody does."""
    if not arrivals and not changes:
        return [], []
    with transaction.atomic():
        active = policies.active(workspace_id)
        matching = active.book.policy.matching if active else Matching()
        who = persons.recognise(workspace_id, arrivals) if matching.same_person else Persons()
        touches = {at: again(arrivals[at], lead, now) for at, lead in who.here.items()}
        try:
            looked = look_again(workspace_id, active, [*changes, *touches.values()], now)
        except Erased as problem:
            raise AlreadyHere from problem
        if any(looked[touch.lead_id].ended for touch in touches.values()):
            raise AlreadyHere  # It ended after its person was recognised: theirs is a new lead now.
        new = [at for at in range(len(arrivals)) if at not in who.here and at not in who.follows]
        try:
            answers = _place_new(workspace_id, active, [arrivals[at] for at in new], now)
            if matching.same_person:
                persons.remember(workspace_id, _known(arrivals, who, new), who.ended)
                persons.remember_too(
                    workspace_id, [(lead, who.known[at]) for at, lead in who.here.items() if who.known[at]]
                )
        except SomebodyElseFirst as problem:
            raise AlreadyHere from problem
        placed = dict(zip(new, answers, strict=True))
        keep_near(
            workspace_id,
            [
                Miss(arrivals[at].lead_id, near.score, near.parts, other=near.lead_id)
                for at, several in who.near.items()
                for near in several
            ],
            now,
        )
        # Who came twice in one batch: nobody else knows of the lead yet, so that to lock it now stands in nobody's way.
        later = {at: again(arrivals[at], arrivals[first].lead_id, now) for at, first in who.follows.items()}
        followed = look_again(workspace_id, active, list(later.values()), now)
        touched = {at: looked[lead] for at, lead in who.here.items()}
        touched |= {at: followed[touch.lead_id] for at, touch in later.items()}
        placed |= {at: replace(where, touched=True) for at, where in touched.items()}
    return [placed[at] for at in range(len(arrivals))], list(looked.values())


def _known(arrivals: Sequence[Arrival], who: Persons, new: Sequence[int]) -> list[tuple[UUID, tuple[Known, ...]]]:
    """What the people of new leads are known by, and by what they were when they came once more in the same batch: of that, what an open
    lead of somebody else is known by already stays theirs."""
    leads = [(arrivals[at].lead_id, who.known[at]) for at in new if who.known[at]]
    return leads + [
        (arrivals[first].lead_id, tuple(known for known in who.known[at] if known not in who.taken))
        for at, first in who.follows.items()
    ]


@dataclass(frozen=True, slots=True)
class Looked:
    """An arrival looked at as far as it does not matter who there is to have it. ``judged`` is ``None`` without a policy."""

    row: Row
    match: Match
    clock: LeadClock
    seed: str
    judged: route.Judged | None


def _place_new(workspace_id: UUID, active: Active | None, arrivals: Sequence[Arrival], now: datetime) -> list[Placed]:
    if not arrivals:
        return []
    # Read, and look at all of them before anybody else's turns are held up.
    looked = look_at(workspace_id, arrivals, active, now)
    book, teams = (active.book, active.book.policy.team_names()) if active else (None, frozenset[str]())
    # Who freed up a moment ago is for those that wait longest, and not for whoever comes in this moment.
    waited = overflow.lock_first(workspace_id, overflow.first_in_line(workspace_id, active, now)) if active else []
    # A batch surely pushes somebody; of a few leads most only go to a pool, and need not wait for anybody's turn.
    locked = len(arrivals) > _FEW or bool(waited)
    known = crew(workspace_id, now, lock_turns_of=teams if locked else (), book=book)

    # Decide.
    freed, roster = overflow.deal(workspace_id, active, waited, known, now) if active and waited else ([], known.roster)
    outcomes, roster = decide(looked, replace(known, roster=roster), now)
    if roster.passes is not known.roster.passes and not locked:
        known = crew(workspace_id, now, lock_turns_of=teams, book=book)
        outcomes, roster = decide(looked, known, now)

    # Write.
    number = active.number if active else None
    if active and active.book.policy.matching.make == "capture":
        _make_customers(workspace_id, looked, outcomes, now)
    _insert_leads(outcomes, number)
    write_turns(workspace_id, known.roster, roster, known.ids)
    log(workspace_id, outcomes, now=now, policy_version=number, crew=known)
    keep_near(
        workspace_id,
        [
            Miss(one.row["id"], one.match.judged.score, one.match.judged.parts, account=one.match.near_id)
            for one in looked
            if one.match.near_id is not None
        ],
        now,
    )
    if freed:
        write(workspace_id, freed, now=now, policy_version=number, crew=known, also_felt=outcomes)
    else:
        feel(workspace_id, outcomes, known)
    transaction.on_commit(lambda: wake(workspace_id))
    return [placed_of(outcome, known) for outcome in outcomes]


def look_at(workspace_id: UUID, arrivals: Sequence[Arrival], active: Active | None, now: datetime) -> list[Looked]:
    """Read what there is to know of the arrivals, and judge each. Nothing is written: a dry run asks the same."""
    rows = [_new_row(workspace_id, arrival, now) for arrival in arrivals]
    _flag_refused(workspace_id, rows)
    if active is None:
        return [Looked(row, UNMATCHED, lead_clock(row, None), "", None) for row in rows]
    facts = [lead_facts(row) for row in rows]
    matches = match_accounts(workspace_id, list(zip(facts, rows, strict=True)), active.book.policy.matching)
    looked = []
    for row, lead, match in zip(rows, facts, matches, strict=True):
        row["account_id"] = match.account_id
        if row["answers"] and not active.book.knows_answers(row["answers"]):
            row["flags"] = list(dict.fromkeys([*row["flags"], UNKNOWN_ANSWERS]))
        clock, seed = lead_clock(row, None), seed_for(row, active.digest)
        judged = route.judge(active.book, lead, match.judged.account, clock, now, seed)
        looked.append(Looked(row, match, clock, seed, judged))
    return looked


def decide(looked: Sequence[Looked], known: Crew, now: datetime) -> tuple[list[Outcome], Roster]:
    """What becomes of the arrivals, in their order, and the roster after that. Nothing is written."""
    roster = known.roster
    outcomes = []
    for one in looked:
        placement = _NO_POLICY
        if one.judged is not None:
            placement, roster = route.place_judged(one.judged, roster)
        after = consequences.placed(one.clock, placement, now)
        outcomes.append(
            Outcome(
                lead=one.row,
                kind="placed",
                changes=placing(placement, after, known, by="assigned"),
                reasons=(*one.match.judged.reasons, *placement.reasons),
                felt=consequences.felt(one.clock, after, now, known.day),
                seed=one.seed,
            )
        )
    return outcomes, roster


def _flag_refused(workspace_id: UUID, rows: Sequence[Row]) -> None:
    """Say of those whose people are on the list that they must not be contacted."""
    people = [do_not_contact.entries_of(row["email"], row["phone"]) for row in rows]
    for row, refused in zip(rows, do_not_contact.listed(workspace_id, people), strict=True):
        if refused:
            row["do_not_contact"] = True


def _make_customers(workspace_id: UUID, looked: Sequence[Looked], outcomes: Sequence[Outcome], now: datetime) -> None:
    """Give the new leads their account and contact, and say which were made. Rules were asked of who was known before."""
    if not still_here(workspace_id, (one.match.account_id for one in looked if one.match.account_id is not None)):
        raise AlreadyHere  # The import that one was made by was undone meanwhile: look again.
    customers = [Customer.of(one.row, asked=one.match.near_id is not None) for one in looked]
    for outcome, made in zip(outcomes, make_customers(workspace_id, customers, now), strict=True):
        outcome.lead |= {"account_id": made.account_id, "contact_id": made.contact_id}
        outcome.reasons = (*outcome.reasons, *made.reasons)


_DEFAULTS: Row = dict.fromkeys(LEAD_COLUMNS) | {
    "state": "new",
    "escalated": 0,
    "reassigned": 0,
    "version": 0,
    "by_hand": False,
    "warned": False,
    "side": "sales",
    "mailed": 0,
}


def _new_row(workspace_id: UUID, arrival: Arrival, now: datetime) -> Row:
    row = _DEFAULTS.copy()
    for name in _GIVEN:
        row[name] = getattr(arrival, name)
    row["id"] = arrival.lead_id
    row["workspace_id"] = workspace_id
    row["attributes"] = arrival.attributes
    row["flags"] = list(arrival.flags)
    row["answers"] = arrival.answers
    row["touches"] = arrival.touches or 1
    row["created_at"] = now
    return row


def _insert_leads(outcomes: Sequence[Outcome], policy_version: int | None) -> None:
    rows = []
    for outcome in outcomes:
        row = outcome.lead | dict(outcome.changes)
        row["attributes"] = to_json(row["attributes"]) if row["attributes"] else "{}"
        row["answers"] = to_json(row["answers"]) if row["answers"] else "{}"
        row["policy_version"] = policy_version
        row["version"] = 1
        rows.append((*row.values(), lookup_of(row)))
    try:
        insert_rows("crm_lead", (*LEAD_COLUMNS, "lookup"), rows)
    except IntegrityError as problem:
        if "lead_external_once" in str(problem):
            raise AlreadyHere from problem
        raise
