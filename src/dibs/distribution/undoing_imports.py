"""What came with an import is taken back as if it had never come: the leads that it placed, what it said of others, who was made of it.

Only as long as nobody has touched the leads: from then on they are somebody's work. All of it happens in one transaction, with the leads
locked first, so that whoever claims one of them at the same moment either has it before, and nothing is taken back, or finds it gone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import CASCADE, ForeignObjectRel

from dibs.crm.arrival import Enrichment
from dibs.crm.models import Lead
from dibs.delivery.outbox import lead_payload_json, post
from dibs.delivery.wake import wake
from dibs.distribution import policies
from dibs.distribution.crews import crew
from dibs.distribution.touching import look_again
from dibs.distribution.undoing import COLUMNS, column_back
from dibs.distribution.writing import STILL, move_standings, write_turns
from dibs.engine import counters, rotate
from dibs.engine.calendar import at_work
from dibs.engine.decision import Reason
from dibs.engine.forgetting import ERASED
from dibs.engine.lifecycle import HELD
from dibs.engine.roster import Roster
from dibs.engine.rulebook import Rulebook

#: Leads that are worked through at a time.
_SOME = 2_000
#: Touched leads that are named.
_NAMED = 100
#: What is said of what came first; a lead's counts, of which only what was added is taken off.
_COUNTS = ("touches", "pages", "opens")
#: Tables that hold rows of a lead, each with the column that names it: they go with it.
_ROWS_OF_LEADS = tuple(
    sorted(
        (relation.related_model._meta.db_table, relation.field.column)
        for relation in Lead._meta.get_fields(include_hidden=True)
        if isinstance(relation, ForeignObjectRel) and relation.on_delete is CASCADE
    )
)
#: Such rows that nobody but a person, or a lead's life after it came, writes: a lead that has one has been touched.
_TOUCHING = ("crm_note", "crm_activity", "crm_appointment", "crm_assessed", "crm_sent", "crm_helper", "delivery_mail")


@dataclass(frozen=True, slots=True)
class Before:
    """A lead that was here before, and what was changed of it: columns ``before`` and ``after``, the ids of the ``touches``."""

    lead_id: UUID
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    touches: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class TakenBack:
    """Done: which leads are gone, how many others are as they were, how many accounts and contacts went with the leads."""

    leads: tuple[UUID, ...]
    restored: int
    accounts: int
    contacts: int


@dataclass(frozen=True, slots=True)
class Touched:
    """Nothing was done: somebody has touched so many of the leads, of which ``leads`` are the first."""

    count: int
    leads: tuple[UUID, ...]


def take_back(
    workspace_id: UUID, batch: UUID, changed: Sequence[Before], since: datetime, now: datetime, because: Reason
) -> TakenBack | Touched:
    """Take back what came with ``batch``, which began at ``since``. ``changed`` are the leads that it touched or enriched: each gets back
    what has not changed again since, and is qualified anew. ``because`` stands in their stories.
    """
    with transaction.atomic():
        _lock(workspace_id, batch, [each.lead_id for each in changed])
        own = [touch for each in changed for touch in each.touches]
        touched = _touched(workspace_id, batch, own)
        if touched:
            return Touched(len(touched), tuple(touched[:_NAMED]))
        leads = _leads(workspace_id, batch)
        _free_reps(workspace_id, leads, now)
        removed = {lead["id"] for lead in leads}
        restored = _restore(workspace_id, [each for each in changed if each.lead_id not in removed], now, because)
        for start in range(0, len(leads), _SOME):
            _remove(workspace_id, [lead["id"] for lead in leads[start : start + _SOME]])
        accounts, contacts = _remove_customers(workspace_id, [*leads, *(each.after for each in changed)], since)
        post(
            workspace_id,
            [
                (
                    "lead.removed",
                    lead["id"],
                    lead_payload_json(lead["id"], lead["pool"], lead["state"], "removed", None),
                )
                for lead in leads
            ],
            now,
        )
        transaction.on_commit(lambda: wake(workspace_id))
    return TakenBack(tuple(lead["id"] for lead in leads), restored, accounts, contacts)


def touched_leads(workspace_id: UUID, batch: UUID, own: Sequence[UUID]) -> Touched | None:
    """Those of what came with ``batch`` that somebody has touched since; ``own`` are the touches that it brought itself."""
    found = _touched(workspace_id, batch, own)
    return Touched(len(found), tuple(found[:_NAMED])) if found else None


def _lock(workspace_id: UUID, batch: UUID, others: Sequence[UUID]) -> None:
    """All that will be written, in the order in which everybody locks leads."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM (SELECT id FROM crm_lead WHERE workspace_id = %s AND (batch = %s OR id = ANY(%s)) "
            "ORDER BY id FOR UPDATE) locked",
            [workspace_id, batch, list(others)],
        )


def _touched(workspace_id: UUID, batch: UUID, own: Sequence[UUID]) -> list[UUID]:
    """The leads of the batch that somebody has touched since. ``own``: touches that came with the batch itself."""
    rows = " OR ".join(
        f"EXISTS (SELECT FROM {table} WHERE {table}.workspace_id = lead.workspace_id AND {table}.lead_id = lead.id)"
        for table in _TOUCHING
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT lead.id FROM crm_lead lead WHERE lead.workspace_id = %(workspace)s AND lead.batch = %(batch)s AND (
                lead.claimed_at IS NOT NULL OR lead.contacted_at IS NOT NULL OR lead.follow_up_at IS NOT NULL OR lead.mailed > 0
                OR lead.state IN ('working', 'converted', 'merged')
                OR EXISTS (SELECT FROM distribution_decision done WHERE done.workspace_id = lead.workspace_id
                           AND done.lead_id = lead.id AND done.actor_id IS NOT NULL
                           -- Who was erased since was not worked with: the lead was given up for that, and goes with the others.
                           AND NOT EXISTS (SELECT FROM distribution_decision erased WHERE erased.workspace_id = done.workspace_id
                                           AND erased.lead_id = done.lead_id AND erased.kind = 'erased' AND erased.at = done.at))
                OR EXISTS (SELECT FROM crm_touch touch WHERE touch.workspace_id = lead.workspace_id
                           AND touch.lead_id = lead.id AND NOT touch.id = ANY(%(own)s))
                OR EXISTS (SELECT FROM crm_lead gone WHERE gone.workspace_id = lead.workspace_id AND gone.merged_into_id = lead.id)
                OR EXISTS (SELECT FROM crm_opportunity won WHERE won.workspace_id = lead.workspace_id AND won.lead_id = lead.id)
                OR EXISTS (SELECT FROM distribution_credit earned WHERE earned.workspace_id = lead.workspace_id
                           AND earned.lead_id = lead.id)
                OR {rows})
            ORDER BY lead.received_at, lead.id
            """,
            {"workspace": workspace_id, "batch": batch, "own": list(own)},
        )
        return [lead for (lead,) in cursor.fetchall()]


def _leads(workspace_id: UUID, batch: UUID) -> list[dict[str, Any]]:
    columns = ("id", "state", "pool", "owner_id", "account_id", "contact_id", "policy_version")
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(columns)} FROM crm_lead WHERE workspace_id = %s AND batch = %s ORDER BY id",
            [workspace_id, batch],
        )
        return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class _Given:
    """A lead that came to a rep at a moment, for these ``reasons``; ``held``, or how it left them: see `counters.Unpushed`."""

    rep: UUID
    at: datetime
    reasons: Any
    held: bool = True
    lapsed_at: datetime | None = None


def _free_reps(workspace_id: UUID, leads: Sequence[Mapping[str, Any]], now: datetime) -> None:
    """Who was pushed some of the leads never was, nor did any of them lapse: their counters and their turns are as they would be without.

    Who was taken for away because of such lapses stays that: they were not there.
    """
    given = [
        each for start in range(0, len(leads), _SOME) for each in _given(workspace_id, leads[start : start + _SOME])
    ]
    if not given:
        return
    active = policies.active(workspace_id)
    book = active.book if active else None
    known = crew(workspace_id, now, lock_turns_of=book.policy.team_names() if book else (), book=book)
    roster = known.roster
    felt: dict[UUID, list[counters.Event]] = {}
    for each in given:
        handle = known.handles.get(each.rep)
        if handle is None:
            continue
        lapsed = each.lapsed_at is not None
        off_work = lapsed and not at_work(roster.reps[handle].hours, each.lapsed_at or now)
        event = counters.Unpushed(each.at, known.day(handle, each.at), each.held, lapsed, off_work)
        felt.setdefault(each.rep, []).append(event)
        roster = _turn_back(roster, each.reasons, handle, book)
    write_turns(workspace_id, known.roster, roster, known.ids)
    move_standings(workspace_id, felt)


def _given(workspace_id: UUID, leads: Sequence[Mapping[str, Any]]) -> Iterable[_Given]:
    """To whom each of these leads was pushed, one after the other, and how it left them."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT lead_id, rep_id, at, kind, after, reasons::text FROM distribution_decision
            WHERE workspace_id = %s AND lead_id = ANY(%s) AND rep_id IS NOT NULL AND NOT kind = ANY(%s)
            ORDER BY lead_id, nth
            """,
            [workspace_id, [lead["id"] for lead in leads], sorted(STILL)],
        )
        decided = cursor.fetchall()
    for _, story in groupby(decided, key=itemgetter(0)):
        has: _Given | None = None
        for _, rep, at, kind, after, told in story:
            reasons = json.loads(told)
            holder = rep if after in HELD else None
            if has is not None and holder == has.rep:
                continue
            if has is not None:
                yield replace(has, held=False, lapsed_at=_lapsed_at(kind, reasons, at))
            has = _Given(holder, at, reasons) if holder is not None else None
        if has is not None:
            yield has


def _lapsed_at(kind: str, reasons: Any, at: datetime) -> datetime | None:
    """When the time of who had the lead ran out, where that is why it left them."""
    said = {reason["code"]: reason["params"] for reason in reasons}
    if kind == "lapsed" and "offer_lapsed" in said:
        return datetime.fromisoformat(said["offer_lapsed"]["at"])
    return at if kind == "lapsed" or (kind == "reassigned" and "sla_missed" in said) else None


def _turn_back(roster: Roster, reasons: Any, handle: str, book: Rulebook | None) -> Roster:
    """The roster with the turn that this took given back."""
    said = next((reason["params"] for reason in reasons if reason["code"] == "chosen"), None)
    team = said.get("team") if said else None
    passes = roster.passes.get(team, {}) if team else {}
    if said is None or team is None or handle not in passes:
        return roster
    rules = book.policy.teams.get(team) if book is not None else None
    weight = rules.weights.get(handle, 1.0) if rules is not None and said.get("by") in rotate.WEIGHTED else 1.0
    turned = {**passes, handle: passes[handle] - 1.0 / weight}
    return replace(roster, passes={**roster.passes, team: turned})


def _restore(workspace_id: UUID, changed: Sequence[Before], now: datetime, because: Reason) -> int:
    """Give leads that were here before what they said then, where it has not been said anew since; returns how many."""
    gone = Lead.objects.filter(
        workspace_id=workspace_id, id__in=[each.lead_id for each in changed], flags__contains=[ERASED]
    )
    erased = set(gone.values_list("id", flat=True))
    # Of whom nothing is known any more, nothing is put back: how often they came stays as it is counted.
    changed = [each for each in changed if each.lead_id not in erased]
    if not changed:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM crm_touch WHERE workspace_id = %s AND id = ANY(%s)",
            [workspace_id, [touch for each in changed for touch in each.touches]],
        )
    leads = {
        lead.id: lead for lead in Lead.objects.filter(workspace_id=workspace_id, id__in=[c.lead_id for c in changed])
    }
    active = policies.active(workspace_id)
    # The same lead more than once: the latest is taken back first.
    rounds: list[dict[UUID, Before]] = []
    for each in reversed(changed):
        lead = leads.get(each.lead_id)
        if lead is None or lead.state == "merged":
            continue
        for some in rounds:
            if each.lead_id not in some:
                some[each.lead_id] = each
                break
        else:
            rounds.append({each.lead_id: each})
    restored: set[UUID] = set()
    for some in rounds:
        here = {
            lead.id: lead for lead in Lead.objects.filter(workspace_id=workspace_id, id__in=list(some)).order_by("id")
        }
        back = [
            Enrichment(lead, facts, because=because)
            for lead in here
            if (facts := _facts_before(here[lead], some[lead]))
        ]
        for start in range(0, len(back), _SOME):
            look_again(workspace_id, active, back[start : start + _SOME], now)
        restored |= {change.lead_id for change in back}
    return len(restored)


def _facts_before(lead: Lead, changed: Before) -> dict[str, Any]:
    """What of the lead goes back to how it was."""
    facts: dict[str, Any] = {}
    for name, after in changed.after.items():
        if name not in COLUMNS:
            continue
        before, here = changed.before.get(name), getattr(lead, name)
        if name in _COUNTS:
            facts[name] = max(0, (here or 0) - (after or 0) + (before or 0)) or before
        elif name == "attributes":
            had, has = before or {}, here or {}
            facts[name] = {
                **{key: value for key, value in has.items() if key in had or after.get(key) != value},
                **{key: value for key, value in had.items() if after.get(key) == has.get(key)},
            }
        elif here == column_back(name, after):
            facts[name] = column_back(name, before)
    return {name: value for name, value in facts.items() if getattr(lead, name) != value}


def _remove(workspace_id: UUID, leads: Sequence[UUID]) -> None:
    """Delete leads and all that hangs on them, their story included: what is told of them otherwise is the import, and the event."""
    with connection.cursor() as cursor:
        for table, column in (*_ROWS_OF_LEADS, ("distribution_decision", "lead_id")):
            cursor.execute(
                f"DELETE FROM {table} WHERE workspace_id = %s AND {column} = ANY(%s)", [workspace_id, list(leads)]
            )
        # Notices that are of nothing else.
        cursor.execute(
            "DELETE FROM delivery_notice WHERE workspace_id = %s AND reasons <> '[]' AND NOT EXISTS (SELECT FROM "
            "jsonb_array_elements(reasons) AS said WHERE said->'params'->>'lead' IS NULL OR NOT said->'params'->>'lead' = ANY(%s))",
            [workspace_id, [str(lead) for lead in leads]],
        )
        cursor.execute("DELETE FROM crm_lead WHERE workspace_id = %s AND id = ANY(%s)", [workspace_id, list(leads)])


def _remove_customers(workspace_id: UUID, leads: Sequence[Mapping[str, Any]], since: datetime) -> tuple[int, int]:
    """Delete the accounts and contacts that were made of these leads, or of what was taken back of others, and that nothing else belongs to; returns how many of each."""
    contacts = sorted({str(lead["contact_id"]) for lead in leads if lead.get("contact_id")})
    accounts = sorted({str(lead["account_id"]) for lead in leads if lead.get("account_id")})
    with connection.cursor() as cursor:
        # Locked first: who is about to put a lead under one has it locked, too, and then has put it there.
        cursor.execute(
            "SELECT id FROM crm_account WHERE workspace_id = %s AND id = ANY(%s::uuid[]) AND made AND created_at >= %s ORDER BY id FOR UPDATE",
            [workspace_id, accounts, since],
        )
        made = [account for (account,) in cursor.fetchall()]
        cursor.execute(
            "SELECT id FROM crm_contact WHERE workspace_id = %s AND id = ANY(%s::uuid[]) AND created_at >= %s ORDER BY id FOR UPDATE",
            [workspace_id, contacts, since],
        )
        new = [contact for (contact,) in cursor.fetchall()]
        cursor.execute(
            """
            DELETE FROM crm_contact gone WHERE workspace_id = %s AND id = ANY(%s)
            AND NOT EXISTS (SELECT FROM crm_lead lead WHERE lead.workspace_id = gone.workspace_id AND lead.contact_id = gone.id)
            AND NOT EXISTS (SELECT FROM crm_opportunity won WHERE won.contact_id = gone.id)
            """,
            [workspace_id, new],
        )
        people = int(cursor.rowcount)
        # A contact that was here before took the account from what was said of it, unless a lead says the same still.
        cursor.execute(
            """
            UPDATE crm_contact here SET account_id = NULL WHERE workspace_id = %s AND account_id = ANY(%s) AND created_at < %s
            AND NOT EXISTS (SELECT FROM crm_lead lead WHERE lead.account_id = here.account_id)
            AND NOT EXISTS (SELECT FROM crm_opportunity won WHERE won.account_id = here.account_id)
            """,
            [workspace_id, made, since],
        )
        cursor.execute(
            """
            DELETE FROM crm_account gone WHERE workspace_id = %s AND id = ANY(%s)
            AND NOT EXISTS (SELECT FROM crm_lead lead WHERE lead.account_id = gone.id)
            AND NOT EXISTS (SELECT FROM crm_contact contact WHERE contact.account_id = gone.id)
            AND NOT EXISTS (SELECT FROM crm_opportunity won WHERE won.account_id = gone.id)
            AND NOT EXISTS (SELECT FROM crm_account child WHERE child.parent_id = gone.id)
            AND NOT EXISTS (SELECT FROM crm_nearmiss near WHERE near.account_id = gone.id)
            RETURNING id
            """,
            [workspace_id, made],
        )
        companies = [account for (account,) in cursor.fetchall()]
        cursor.execute(
            "DELETE FROM crm_accountmark WHERE workspace_id = %s AND account_id = ANY(%s)", [workspace_id, companies]
        )
    return len(companies), people
