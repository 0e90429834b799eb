"""Leads that are here, looked at again: new facts on them, and touches by their people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from dibs.crm import do_not_contact
from dibs.crm.arrival import MEANT, Arrival, Enrichment, Touching
from dibs.crm.customers import Customer, make_customers
from dibs.crm.lookup import FIELDS, lookup_of
from dibs.delivery import notices
from dibs.distribution import telling
from dibs.distribution.belonging import accounts_asked_about, found_later, keep_near_accounts
from dibs.distribution.crews import Crew, crew
from dibs.distribution.families import accounts_by_id
from dibs.distribution.policies import Active
from dibs.distribution.reading import Row, lead_clock, lead_facts, lock_leads, passed_over, seed_for
from dibs.distribution.writing import Outcome, placing, to_json, write, write_turns
from dibs.engine import borders, consequences, qualify, reassign, route, waiting
from dibs.engine import claim as judge
from dibs.engine.decision import InPool, Moved, Reason
from dibs.engine.facts import AccountFacts, LeadClock
from dibs.engine.forgetting import ERASED
from dibs.engine.lifecycle import ENDED, HELD, WAITING
from dibs.engine.policy_market import Matching
from dibs.engine.roster import Roster
from dibs.engine.staying import stayed, stays
from dibs.people.bulk import insert_rows
from dibs.people.models import Rep

#: What a lead takes from a touch even where it has it: what the person wants now. Of who they are it takes what it lacks.
_NEWEST = frozenset(
    {"product", "use_case", "message", "deal_value", "currency", "consent", "campaign", "answers", "attributes"}
)
#: What a new customer is made of.
_MAKING = ("company", "domain", "email", "phone", "name")
#: Under which attribute stands where the person came from last.
LAST_SOURCE = "last_source"
#: The flag of a lead with answers that the policy does not know.
UNKNOWN_ANSWERS = "answers_unknown"
#: Which column counts a kind of touch, beside ``touches``.
_COUNTED = {"page": "pages", "open": "opens"}
#: No count goes further: the column has an end, and a program that counts in a circle is not to reach it.
_MOST = 1_000_000_000
#: What names an arrival and says nothing of it.
_NAMES = frozenset(
    {
        "source",
        "external_id",
        "received_at",
        "lead_id",
        "batch",
        "flags",
        "answers",
        "attributes",
        "touches",
        "pages",
        "opens",
        "consent_assumed",
    }
)
_TOLD = tuple(known.name for known in fields(Arrival) if known.name not in _NAMES)


@dataclass(frozen=True, slots=True)
class Changes:
    """What was written on a lead that was here: its columns before and after, by name, and the ids of the touches."""

    before: Mapping[str, Any]
    after: Mapping[str, Any]
    touches: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a lead is now. ``touched``: it was here already, and its person came again; ``changes``: what that, or new facts, did."""

    lead_id: UUID
    state: str
    pool: str | None
    owner: str | None
    review: str | None
    score: int | None
    rank: str | None
    touched: bool = False
    changes: Changes | None = None

    @property
    def ended(self) -> bool:
        return self.state in ENDED


def placed_of(outcome: Outcome, known: Crew) -> Placed:
    """Where the lead is after this outcome."""
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


def again(arrival: Arrival, lead_id: UUID, now: datetime) -> Enrichment:
    """What an arrival is to the open lead of its person."""
    told = {name: value for name in _TOLD if (value := getattr(arrival, name)) is not None}
    facts = {**told, "attributes": {**arrival.attributes, LAST_SOURCE: arrival.source}}
    for name in ("touches", "pages", "opens"):
        if (count := getattr(arrival, name)) is not None:
            facts[name] = count
    if arrival.answers:
        facts["answers"] = arrival.answers
    detail = {name: value for name, value in told.items() if isinstance(value, str | int | bool)}
    at = min(arrival.received_at, now)
    touch = Touching(at, "form", arrival.source, arrival.external_id, detail=detail)
    return Enrichment(lead_id, facts, touch, consent_assumed=arrival.consent_assumed)


class Erased(Exception):
    """The person of the lead was erased meanwhile: what is new is of somebody who is new here."""


@dataclass(slots=True)
class Told:
    """What is new of one lead: columns by name, the touches, whose it turns out to be, and what else it is looked at for."""

    given: dict[str, Any] = field(default_factory=dict)
    touches: list[Touching] = field(default_factory=list)
    belongs: tuple[Reason, ...] = ()
    because: tuple[Reason, ...] = ()


def look_again(
    workspace_id: UUID, active: Active | None, changes: Sequence[Enrichment], now: datetime
) -> dict[UUID, Placed]:
    """Write new facts and touches on leads that are here, in the caller's transaction. A lead that is no account's is matched again if what
    it is matched by came. Those that wait are qualified and routed again;
    those that somebody holds get a new score and stay, unless they lie in a territory of somebody else's now (`dibs.engine.borders`), or
    are marketing's and ready for sales by now, and who has them is told of a touch, or of that. Unknown leads are left out.

    A touch on a lead that has ended is not written: where it is, is the answer. Raises `Erased` for new facts on a lead whose person was
    erased.
    """
    if not changes:
        return {}
    # Read.
    rows = lock_leads(workspace_id, {change.lead_id for change in changes})
    if any(
        ERASED in rows[change.lead_id]["flags"] for change in changes if change.lead_id in rows and not change.touch
    ):
        raise Erased
    turns, book = (active.book.policy.team_names(), active.book) if active else ((), None)
    known = crew(workspace_id, now, lock_turns_of=turns, book=book)
    skipped = passed_over(workspace_id, rows)
    new = _by_lead(changes, rows)
    matching = active.book.policy.matching if active else Matching()
    found = found_later(workspace_id, matching, rows, {lead: told.given for lead, told in new.items()})
    for lead_id, match in found.items():
        new[lead_id].belongs += match.judged.reasons
        if match.account_id is not None:
            new[lead_id].given["account_id"] = match.account_id
    _flag_refused(workspace_id, rows, new)
    if active and matching.make == "capture":
        _make_customers(workspace_id, rows, new, now)
    accounts = accounts_by_id(
        workspace_id, {(row | new[lead].given)["account_id"] for lead, row in rows.items() if lead in new}
    )

    # Decide.
    roster = known.roster
    outcomes: dict[UUID, Outcome] = {}
    for lead_id, told in new.items():
        row = rows[lead_id]
        if told.touches and row["state"] in ENDED:
            outcomes[lead_id] = Outcome(lead=row, kind="touched", changes={}, reasons=())
            continue
        outcomes[lead_id], roster = looked_at(
            active,
            row,
            told,
            known,
            accounts.get((row | told.given)["account_id"]),
            skipped.get(lead_id, frozenset()),
            roster,
            now,
        )

    # Write.
    written = [outcome for lead_id, outcome in outcomes.items() if outcome.reasons]
    write_turns(workspace_id, known.roster, roster, known.ids)
    write(workspace_id, written, now=now, policy_version=active.number if active else None, crew=known)
    touches = [(outcome, new[outcome.lead["id"]].touches) for outcome in written if new[outcome.lead["id"]].touches]
    keep_near_accounts(workspace_id, found, now)
    _keep(workspace_id, touches)
    _tell(workspace_id, touches, now)
    telling.qualified(workspace_id, written, now)
    return {
        lead_id: replace(placed_of(outcome, known), changes=_changes(rows[lead_id], new[lead_id]))
        for lead_id, outcome in outcomes.items()
    }


def _changes(row: Row, told: Told) -> Changes:
    before = {name: row[name] for name in told.given if name in row}
    return Changes(before, dict(told.given), tuple(touch.id for touch in told.touches))


def _flag_refused(workspace_id: UUID, rows: Mapping[UUID, Row], new: Mapping[UUID, Told]) -> None:
    """Of leads whose address or number became known: say where it is one that must not be contacted."""
    asked = [
        (told, do_not_contact.entries_of(told.given.get("email"), told.given.get("phone")))
        for lead, told in new.items()
        if any(told.given.get(name) not in (None, rows[lead][name]) for name in ("email", "phone"))
    ]
    for (told, _), refused in zip(
        asked, do_not_contact.listed(workspace_id, [known for _, known in asked]), strict=True
    ):
        if refused:
            told.given["do_not_contact"] = True


def _make_customers(workspace_id: UUID, rows: Mapping[UUID, Row], new: Mapping[UUID, Told], now: datetime) -> None:
    """Of open leads without an account or a contact, of which something became known that makes one: make them, and say so."""
    lacking = [
        lead
        for lead, told in new.items()
        if (row := rows[lead])["state"] not in ENDED
        and ((row | told.given)["account_id"] is None or row["contact_id"] is None)
        and any(told.given.get(name) not in (None, row[name]) for name in _MAKING)
    ]
    if not lacking:
        return
    asked = accounts_asked_about(workspace_id, lacking)
    customers = [
        Customer.of(rows[lead] | new[lead].given, asked=lead in asked or _near(new[lead].belongs)) for lead in lacking
    ]
    for lead, made in zip(lacking, make_customers(workspace_id, customers, now), strict=True):
        told = new[lead]
        if made.account_id is not None and rows[lead]["account_id"] is None:
            told.given["account_id"] = made.account_id
        if made.contact_id is not None and rows[lead]["contact_id"] is None:
            told.given["contact_id"] = made.contact_id
        told.belongs = (*told.belongs, *made.reasons)


def _near(belongs: Sequence[Reason]) -> bool:
    return any(reason.code == "near_account" for reason in belongs)


def looked_at(
    active: Active | None,
    row: Row,
    new: Told,
    known: Crew,
    account: AccountFacts | None,
    skipped: frozenset[str],
    roster: Roster,
    now: datetime,
) -> tuple[Outcome, Roster]:
    """What comes of what is new of one lead, and the roster after that."""
    given = new.given
    if active and "answers" in given and not active.book.knows_answers(given["answers"]):
        flags: list[str] = given["flags"] if "flags" in given else row["flags"]
        given = {**given, "flags": [*dict.fromkeys([*flags, UNKNOWN_ANSWERS])]}
    facts = lead_facts(row | given)
    seed = seed_for(row, active.digest) if active else ""
    because = _because(row, new)
    outcome = Outcome(lead=row, kind="enriched", changes=given, reasons=because, seed=seed)
    if new.touches:
        outcome.kind = "touched"
    if active and row["state"] in WAITING:
        clock = lead_clock(row, None, skipped)
        answered = any(touch.kind in MEANT for touch in new.touches)
        had = account if row["account_id"] else None
        judged = route.judge(active.book, facts, account, clock, now, seed)
        if stays(active.book, lead_facts(row), had, clock, judged, now, seed, answered=answered):
            _stays(outcome, clock, judged, active, given, because, now)
        else:
            placement, routed = route.place_judged(judged, roster)
            if answered:
                placement, routed = waiting.answered(active.book, facts, account, clock, placement, routed, now, seed)
            if row["state"] != "pooled":
                placement = waiting.new_wait(active.book, placement, now)
            # In the same line still, its steps so far stay.
            same = row["state"] == "pooled" and placement.to == InPool(row["pool"])
            after = consequences.placed(clock, placement, now, escalated=row["escalated"] if same else 0)
            outcome.changes = given | placing(placement, after, known, by="assigned")
            if not same:
                outcome.kind = "requalified"
            outcome.reasons = (*because, *placement.reasons)
            outcome.felt = consequences.felt(clock, after, now, known.day)
            roster = routed
    elif active:
        scored = qualify.qualify(active.book, facts, account, now)
        outcome.changes = given | {"score": scored.score, "rank": scored.rank, "likelihood": scored.likelihood}
        outcome.reasons = (*because, *scored.reasons)
        if row["state"] not in ENDED:
            lies = active.book.territory(facts, active.book.activation(facts, account, now=now), now)
            outcome.changes = {**outcome.changes, "territory": lies.name if lies is not None else None}
        clock = lead_clock(row, known.handles.get(row["owner_id"]), skipped)
        facts = facts.qualified(scored.score, scored.rank, scored.likelihood)
        before = borders.Side(active.book, lead_facts(row), account if row["account_id"] else None, now)
        crossing = borders.crossed(before, borders.Side(active.book, facts, account, now), clock, roster)
        onward: tuple[Moved, Roster] | None = None
        if crossing is not None:
            onward = reassign.handed_on(active.book, facts, account, clock, roster, now, seed, crossing)
        elif clock.side == "marketing":
            onward = reassign.qualified(route.Case.of(active.book, facts, account, clock, now, seed), roster)
        if onward is not None:
            moved, roster = onward
            after = consequences.moved(clock, moved, now)
            by = "assigned" if moved.kind == "qualified" else moved.kind
            outcome.changes = {**outcome.changes, **placing(moved.placement, after, known, by=by)}
            outcome.kind = moved.kind
            outcome.reasons = (*because, *(scored.reasons if crossing is None else ()), *moved.placement.reasons)
            outcome.rep = known.ids[after.owner] if after.owner else row["owner_id"]
            worth = judge.chosen_score(active.book, facts, row["pool"])
            outcome.felt = consequences.felt(clock, after, now, known.day, score=worth)
    if row["state"] in HELD and outcome.kind in {"enriched", "touched"}:
        heard = stood = lead_clock(row, known.handles.get(row["owner_id"]))
        if new.touches:
            heard = consequences.touched(heard, now)
        if active:
            heard = consequences.known_more_of(active.book, facts, heard, roster.reps.get(heard.owner or ""), now)
        names = ("acted_at", "warned", "due_at", "due_for", "sla_at")
        changed = {name: getattr(heard, name) for name in names if getattr(heard, name) != getattr(stood, name)}
        outcome.changes = {**outcome.changes, **changed}
    if not given.keys().isdisjoint(FIELDS):
        outcome.changes = {**outcome.changes, "lookup": lookup_of(row | given)}
    return outcome, roster


def _stays(
    outcome: Outcome,
    clock: LeadClock,
    judged: route.Judged,
    active: Active,
    given: Mapping[str, Any],
    because: tuple[Reason, ...],
    now: datetime,
) -> None:
    """The lead waits on where it is, scored anew."""
    scored, after = judged.scored, stayed(active.book, clock, judged.scored.rank, now)
    outcome.changes = {
        **given,
        "score": scored.score,
        "rank": scored.rank,
        "likelihood": scored.likelihood,
        "territory": judged.case.territory_name,
        "due_at": after.due_at,
        "due_for": after.due_for,
    }
    outcome.reasons = (*because, *scored.reasons)


def _because(row: Row, new: Told) -> tuple[Reason, ...]:
    because = [
        Reason("touched", {"touch": touch.kind, "count": touch.count, "at": touch.at.isoformat()})
        for touch in new.touches
    ]
    because += new.because
    changed = sorted(_changed(row, new.given))
    if any(reason.code == "answered" for reason in new.because):
        changed = [name for name in changed if not name.startswith("answers.")]
    if changed or not because:
        because.append(Reason("enriched", {"fields": changed}))
    return (*because, *new.belongs)


def _by_lead(changes: Sequence[Enrichment], rows: Mapping[UUID, Row]) -> dict[UUID, Told]:
    """What is new of each lead that is here, later ones over earlier ones."""
    new: dict[UUID, Told] = {}
    for change in changes:
        if change.lead_id not in rows:
            continue
        row = rows[change.lead_id]
        told = new.setdefault(change.lead_id, Told())
        told.because += (change.because,) if change.because is not None else ()
        facts = dict(change.facts)
        now_there = row | told.given
        if change.consent_assumed and now_there["consent"] is not None:
            facts.pop("consent", None)
        if change.touch is not None:
            told.touches.append(change.touch)
            facts = {name: value for name, value in facts.items() if name in _NEWEST or now_there[name] is None}
            facts |= _counted(now_there, change)
        for held in ("attributes", "answers"):
            if held in facts:
                facts[held] = now_there[held] | dict(facts[held])
        told.given.update(facts)
    return new


def _counted(row: Mapping[str, Any], change: Enrichment) -> dict[str, Any]:
    """The lead's counts with this touch: an arrival that says how often the person came before counts for as often."""
    touch, counts = change.touch, {}
    assert touch is not None
    column = _COUNTED.get(touch.kind, "touches")
    counts[column] = (row[column] or 0) + touch.count
    if touch.kind == "form":
        counts["touches"] = (row["touches"] or 1) + (change.facts.get("touches") or touch.count)
        for name in ("pages", "opens"):
            if (more := change.facts.get(name)) is not None:
                counts[name] = (row[name] or 0) + more
    last = row["last_touch_at"]
    counts = {name: min(count, _MOST) for name, count in counts.items()}
    return {**counts, "last_touch_at": touch.at if last is None else max(last, touch.at)}


def _changed(row: Row, given: Mapping[str, Any]) -> set[str]:
    changed = {
        name
        for name, value in given.items()
        if name not in {"attributes", "answers", "touches", "last_touch_at", "account_id", "contact_id"}
        and row.get(name) != value
    }
    for held in {"attributes", "answers"} & given.keys():
        old = row[held]
        changed |= {f"{held}.{name}" for name, value in given[held].items() if old.get(name) != value}
    return changed


def _keep(workspace_id: UUID, touches: Sequence[tuple[Outcome, Sequence[Touching]]]) -> None:
    insert_rows(
        "crm_touch",
        ("id", "workspace_id", "lead_id", "at", "kind", "source", "external_id", "count", "detail"),
        [
            (
                touch.id,
                workspace_id,
                outcome.lead["id"],
                touch.at,
                touch.kind,
                touch.source,
                touch.external_id,
                touch.count,
                to_json(dict(touch.detail)),
            )
            for outcome, several in touches
            for touch in several
        ],
    )


def _tell(workspace_id: UUID, touches: Sequence[tuple[Outcome, Sequence[Touching]]], now: datetime) -> None:
    """Let who has a lead know that its person wrote, rang or came again; not of each page they look at."""
    told = {
        (outcome.lead["owner_id"], outcome.lead["id"]): sum(touch.count for touch in meant)
        for outcome, several in touches
        if outcome.lead["state"] in HELD and (meant := [touch for touch in several if touch.kind in MEANT])
    }
    if not told:
        return
    users = dict(Rep.objects.filter(id__in={rep for rep, _ in told}).values_list("id", "user_id"))
    notices.tell_each(
        workspace_id,
        [
            (users[rep], (Reason("came_again", {"lead": str(lead), "count": count}),))
            for (rep, lead), count in told.items()
            if rep in users
        ],
        "lead_touched",
        now,
    )
