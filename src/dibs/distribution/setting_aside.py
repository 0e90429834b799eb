"""Leads taken away from sales for now, and leads that were given up and come back."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from django.db import connection

from dibs.crm.do_not_contact import entries_of, is_listed
from dibs.crm.persons import known_by
from dibs.distribution.families import accounts_by_id
from dibs.distribution.reading import lead_facts, seed_for
from dibs.distribution.scene import Answer, Scene, act
from dibs.distribution.writing import Outcome
from dibs.engine import consequences
from dibs.engine.decision import Reason, Refusal, Retired
from dibs.engine.facts import AccountFacts, LeadClock
from dibs.engine.lifecycle import ENDED
from dibs.engine.route import Case, nurtured, place
from dibs.engine.waiting import placement_of
from dibs.people.caller import Caller

__all__ = ["nurture", "reopen"]


def nurture(caller: Caller, lead_id: UUID, now: datetime, sequence: str | None = None, *, why: str = "") -> Answer:
    """The rep who has the lead, or who leads where it is, takes it away from sales for now: into this sequence of mails, or the first that
    is for such leads. Where the policy says which leads are ready for sales, it is marketing's from then on.

    Raises `LookupError` for a sequence that the policy does not have.
    """

    def decide(scene: Scene) -> Outcome:
        assert scene.active is not None
        book = scene.active.book
        if sequence is not None and sequence not in book.policy.nurture.sequences:
            raise LookupError(sequence)
        seed = seed_for(scene.row, scene.active.digest)
        case = Case.of(book, lead_facts(scene.row), _account(scene), scene.clock, now, seed)
        side = "marketing" if book.policy.qualify.ready is not None else scene.clock.side
        case = case.on(side)  # type: ignore[arg-type]
        roster = scene.known.roster
        because = Reason("nurtured_by", {"by": caller.name, "why": why})
        placement = placement_of(case, nurtured(case, sequence or True, roster, None), because)
        placement = replace(placement, side=side)  # type: ignore[arg-type]
        return scene.goes_to("nurtured", placement, consequences.placed(scene.clock, placement, now, by_hand=True))

    return act(caller, lead_id, now, decide, kind="nurtured", claim=None)


def reopen(caller: Caller, lead_id: UUID, now: datetime, *, why: str = "") -> Answer:
    """A lead that was given up comes back, and is placed at once as if it had just come: by who had it last, or who leads where it was.

    Refused where its person has come again since, with a lead that is open, and where they must not be contacted.
    """

    def decide(scene: Scene) -> Outcome | Refusal:
        assert scene.active is not None
        book, row = scene.active.book, scene.row
        # An ended lead is not told when its person comes on the list of those who must not be contacted.
        if is_listed(caller.workspace_id, entries_of(row["email"], row["phone"])):
            row = row | {"do_not_contact": True}
        if book.policy.matching.same_person and _is_here_again(scene):
            return Refusal((Reason("here_again"),), remedy=Reason("choose_another"))
        # Whoever let it go before may have it now: it has just come.
        clock = LeadClock(id=scene.clock.id, state="new", received_at=row["received_at"])
        seed = seed_for(row, scene.active.digest)
        placement, turns = place(book, lead_facts(row), _account(scene), clock, scene.known.roster, now, seed)
        if isinstance(placement.to, Retired):
            because = next(
                reason for reason in placement.reasons if reason.code in {"must_not_contact", "no_consent", "not_ready"}
            )
            return Refusal((because,), remedy=Reason("choose_another"))
        scene.turns_after = turns
        because = Reason("reopened", {"by": caller.name, "why": why})
        placement = replace(placement, reasons=(because, *placement.reasons))
        done = scene.goes_to("reopened", placement, consequences.placed(clock, placement, now))
        done.changes = {
            **done.changes,
            "ended_at": None,
            "retired_why": None,
            "follow_up_at": None,
            "do_not_contact": row["do_not_contact"],
        }
        if scene.held_by is not None and scene.held_by == caller.rep_id and scene.clock.contacted_at is None:
            # Given up and brought back by the same hand is given back: not theirs to claim again at once.
            done.passed_over = (scene.held_by, scene.how_given_back())
        return done

    return act(caller, lead_id, now, decide, kind="reopened", claim=None)


def _is_here_again(scene: Scene) -> bool:
    """Whether what the lead's person is known by is another lead's by now, one that is open."""
    row = scene.row
    known = known_by(row["email"], row["phone"], row["name"], tuple(row["flags"]))
    if not known:
        return False
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT 1 FROM unnest(%s::text[], %s::text[]) AS said(value, name)
            JOIN crm_knownby known ON known.workspace_id = %s AND known.value = said.value AND known.name = said.name
            JOIN crm_lead lead ON lead.id = known.lead_id AND lead.workspace_id = known.workspace_id
            WHERE known.lead_id <> %s AND NOT lead.state = ANY(%s) LIMIT 1
            """,
            [
                [one.value for one in known],
                [one.name for one in known],
                scene.caller.workspace_id,
                row["id"],
                sorted(ENDED),
            ],
        )
        return cursor.fetchone() is not None


def _account(scene: Scene) -> AccountFacts | None:
    account = scene.row["account_id"]
    return accounts_by_id(scene.caller.workspace_id, [account]).get(account)
