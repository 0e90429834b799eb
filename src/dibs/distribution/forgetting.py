"""Leads whose person is erased: ended first, as giving them up would end them, then without anything that says who it was.

What a lead was worth, where it came from, who had it, when it ended and how stays: standings, tiers and reports are counts of leads, and
are to be the same afterwards. Such a lead bears the flag `ERASED`, is not reopened, and takes no new facts: whoever writes in again is
new here.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import partial
from uuid import UUID

from django.db import connection, transaction

from dibs.distribution import policies
from dibs.distribution.acting import retired
from dibs.distribution.crews import crew
from dibs.distribution.overflow import give_waiting
from dibs.distribution.reading import Row, lead_clock, lock_leads
from dibs.distribution.scene import Scene
from dibs.distribution.writing import Outcome, write
from dibs.engine.decision import Reason
from dibs.engine.forgetting import ERASED
from dibs.engine.lifecycle import ENDED
from dibs.people.caller import Caller

#: What goes from a lead's own row. Its source, campaign and the segment it is of (country, industry, size, product, language, worth) stay.
BLANK = """
    external_id = NULL, name = NULL, title = NULL, email = NULL, phone = NULL, company = NULL, domain = NULL, region = NULL, city = NULL,
    postal_code = NULL, use_case = NULL, message = NULL, consent = NULL, attributes = '{}', answers = '{}', lookup = '',
    contact_id = NULL, follow_up_at = NULL, flags = ARRAY['erased']
"""


def lock(workspace_id: UUID, leads: Iterable[UUID]) -> dict[UUID, Row]:
    """The leads, locked in the order in which everybody locks them; what comes in for them meanwhile waits."""
    return lock_leads(workspace_id, leads)


def end_and_blank(caller: Caller, rows: dict[UUID, Row], now: datetime, *, why: str, listed: bool) -> int:
    """End those of these leads that are open, take out of all of them who it was, and log both. In the caller's transaction, which has
    locked them (`lock`). ``why``: ``asked``, ``ended`` or ``open``; ``listed``: the person must not be
    contacted from now on. Returns how many were open. Erased ones are left alone.

    Who had one is free of it, as with any lead that is given up, and what waits for a rep to be free is given out after the commit.
    """
    workspace_id = caller.workspace_id
    known = crew(workspace_id, now)
    active = policies.active(workspace_id)
    number = active.number if active else None
    here = {lead: row for lead, row in sorted(rows.items()) if ERASED not in row["flags"]}
    ending = []
    for row in here.values():
        if row["state"] in ENDED:
            continue
        scene = Scene(caller, row, active, known, now, lead_clock(row, known.handles.get(row["owner_id"])))
        done = retired(scene, "other", "")
        if listed:
            # Not as a rep would: whose addresses go on the list is for who erases, who knows which of them are others' too.
            done.changes = {**done.changes, "retired_why": "do_not_contact", "do_not_contact": True}
            said = Reason("retired", {"why": "do_not_contact", "note": ""})
            done.reasons = tuple(said if reason.code == "retired" else reason for reason in done.reasons)
        ending.append(done)
    write(workspace_id, ending, now=now, policy_version=number, crew=known)
    for ended in ending:
        row = here[ended.lead["id"]]
        here[row["id"]] = row | dict(ended.changes) | {"version": row["version"] + 1}
    because = (Reason("erased", {"why": why}),)
    gone = [Outcome(lead=row, kind="erased", changes={}, reasons=because, actor=caller.actor) for row in here.values()]
    write(workspace_id, gone, now=now, policy_version=number, crew=known)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE crm_lead SET {BLANK} WHERE workspace_id = %s AND id = ANY(%s)", [workspace_id, list(here)]
        )
    if ending:
        # Fails alone: the tick gives them out too.
        transaction.on_commit(partial(give_waiting, workspace_id, now), robust=True)
    return len(ending)
