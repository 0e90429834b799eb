"""Who must not be contacted, and the leads of theirs that are here: put on the list, and taken off it again.

The list is written first, in a transaction of its own: from then on nothing is mailed to them and no new lead of theirs is given to
anybody. Then their open leads are told so: those that wait go the way that the policy has for them, and what a rep has stays with the
rep, who is told. A break in between loses nothing: the same again does the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from dibs.crm import do_not_contact
from dibs.crm.arrival import Enrichment
from dibs.crm.do_not_contact import Entry, Why
from dibs.delivery import notices
from dibs.distribution import policies
from dibs.distribution.placing import enrich
from dibs.distribution.reading import Row
from dibs.engine.decision import Reason
from dibs.engine.forgetting import ERASED
from dibs.engine.lifecycle import ENDED, HELD
from dibs.people.caller import Caller
from dibs.people.models import Rep
from dibs.people.tenancy import enter

#: Entries that are put on the list at a time.
CHUNK = 500


@dataclass(frozen=True, slots=True)
class Listed:
    """What came of it: entries that were not on the list, or were, before; and open leads that were told."""

    entries: int = 0
    leads: int = 0

    def __add__(self, other: Listed) -> Listed:
        return Listed(self.entries + other.entries, self.leads + other.leads)


def refuse(
    workspace_id: UUID,
    entries: Sequence[Entry],
    *,
    why: Why,
    now: datetime,
    by: UUID | None = None,
) -> Listed:
    """Put these on the list, and tell their open leads. Within a transaction of the caller's all of it is one, which may wait for leads that
    others have locked."""
    enter(workspace_id)
    total = Listed()
    for first in range(0, len(entries), CHUNK):
        some = entries[first : first + CHUNK]
        with transaction.atomic():
            added = do_not_contact.add(workspace_id, some, why=why, now=now, by=by)
        total += Listed(added, tell_leads(workspace_id, _open_leads(workspace_id, some), why, now))
    return total


def refuse_by_link(workspace_id: UUID, lead_id: UUID, digest: bytes, shown: str, now: datetime) -> Listed:
    """The same for somebody who followed the link in a mail to this lead, which holds the hash of their mailbox and not the mailbox."""
    enter(workspace_id)
    with transaction.atomic():
        added = do_not_contact.add_digests(workspace_id, [(digest, "mail", shown)], why="unsubscribed", now=now)
    with connection.cursor() as cursor:
        cursor.execute("SELECT email FROM crm_lead WHERE workspace_id = %s AND id = %s", [workspace_id, lead_id])
        row = cursor.fetchone()
    # The lead may have another address by now, or none: then the list alone knows.
    entries = [
        entry
        for entry in do_not_contact.entries_of(row[0] if row else None, None)
        if do_not_contact.digest(workspace_id, entry) == digest
    ]
    leads = {lead_id, *_open_leads(workspace_id, entries)} if entries else set[UUID]()
    return Listed(added, tell_leads(workspace_id, leads, "unsubscribed", now))


def refused_by_hand(caller: Caller, row: Row, now: datetime) -> None:
    """Put the person of a lead that is locked on the list, in the caller's transaction, and once it commits tell their other leads."""
    entries = do_not_contact.entries_of(row["email"], row["phone"])
    if not entries:
        return
    do_not_contact.add(caller.workspace_id, entries, why="asked", now=now, by=caller.user_id)

    def tell_others() -> None:
        enter(caller.workspace_id)
        tell_leads(caller.workspace_id, _open_leads(caller.workspace_id, entries), "asked", now)

    transaction.on_commit(tell_others, robust=True)


def allow(workspace_id: UUID, entries: Sequence[Entry], *, now: datetime) -> Listed:
    """Take these off the list, and tell their open leads of whom nothing else is on it."""
    enter(workspace_id)
    with transaction.atomic():
        removed = do_not_contact.remove(workspace_id, entries)
    flagged = _flagged(workspace_id, _open_leads(workspace_id, entries))
    still = do_not_contact.listed(workspace_id, [known for _, known in flagged])
    changes = [
        Enrichment(lead, {"do_not_contact": None}, because=Reason("allowed_contact"))
        for (lead, _), on in zip(flagged, still, strict=True)
        if not on
    ]
    return Listed(removed, len(enrich(workspace_id, changes, now=now)))


def tell_leads(workspace_id: UUID, leads: Iterable[UUID], how: str, now: datetime) -> int:
    """Write on these leads, those that are open and not told yet, that their person must not be contacted, and tell the reps who have
    them; returns how many. ``how`` it came is one of `do_not_contact.WHYS`."""
    wanted = list(leads)
    if not wanted:
        return 0
    because = Reason("refused_contact", {"how": how})
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT id, state, owner_id FROM crm_lead WHERE workspace_id = %s AND id = ANY(%s) AND state != ALL(%s) "
                "AND do_not_contact IS NOT TRUE AND NOT %s = ANY(flags) ORDER BY id FOR UPDATE",
                [workspace_id, wanted, list(ENDED), ERASED],
            )
            found = cursor.fetchall()
        enrich(
            workspace_id, [Enrichment(lead, {"do_not_contact": True}, because=because) for lead, _, _ in found], now=now
        )
        held = [(lead, owner) for lead, state, owner in found if state in HELD]
        users = dict(Rep.objects.filter(id__in={owner for _, owner in held}).values_list("id", "user_id"))
        told = [
            (users[owner], (Reason("lead_refused", {"lead": str(lead)}),)) for lead, owner in held if owner in users
        ]
        notices.tell_each(workspace_id, told, "lead_touched", now)
    return len(found)


def _open_leads(workspace_id: UUID, entries: Sequence[Entry]) -> set[UUID]:
    """The open leads of whom these are. They are found by what their people are known by; where the policy takes no two leads for one
    person, and so keeps nobody by that, among all that are open."""
    if not entries:
        return set()
    values = [entry.value for entry in entries]
    active = policies.active(workspace_id)
    known = active is None or active.book.policy.matching.same_person
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN if known else _ANY, {"workspace": workspace_id, "values": values, "ended": list(ENDED)})
        rows = cursor.fetchall()
    wanted = set(entries)
    return {lead for lead, email, phone in rows if not wanted.isdisjoint(do_not_contact.entries_of(email, phone))}


_KNOWN = """
    SELECT lead.id, lead.email, lead.phone FROM crm_knownby known JOIN crm_lead lead ON lead.id = known.lead_id
    WHERE known.workspace_id = %(workspace)s AND known.value = ANY(%(values)s) AND lead.state != ALL(%(ended)s)
    UNION
    -- By a number alone, or a mailbox that several have, nobody is known who has not said their name.
    SELECT lead.id, lead.email, lead.phone FROM crm_lead lead
    WHERE lead.workspace_id = %(workspace)s AND lead.state != ALL(%(ended)s)
        AND (lead.phone = ANY(%(values)s) OR lower(lead.email) = ANY(%(values)s))
"""
# By the domain and the mailbox without what stands after a plus; what is left is asked in full afterwards.
_ANY = """
    SELECT lead.id, lead.email, lead.phone FROM crm_lead lead
    WHERE lead.workspace_id = %(workspace)s AND lead.state != ALL(%(ended)s) AND (
        lead.phone = ANY(%(values)s)
        OR replace(split_part(split_part(lower(lead.email), '@', 1), '+', 1), '.', '') = ANY(
            SELECT replace(split_part(wanted, '@', 1), '.', '') FROM unnest(%(values)s::text[]) AS wanted
        )
    )
"""


def _flagged(workspace_id: UUID, leads: Iterable[UUID]) -> list[tuple[UUID, tuple[Entry, ...]]]:
    """Those of these leads that say that their person must not be contacted, and what the person is on the list by."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, email, phone FROM crm_lead WHERE workspace_id = %s AND id = ANY(%s) AND do_not_contact",
            [workspace_id, list(leads)],
        )
        return [(lead, do_not_contact.entries_of(email, phone)) for lead, email, phone in cursor.fetchall()]
