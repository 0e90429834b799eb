"""A company whose marketing has leads until they are ready for its sales."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from dibs.crm.arrival import Enrichment, Touching
from dibs.crm.do_not_contact import entries_of
from dibs.crm.models import Lead
from dibs.distribution import refusing
from dibs.distribution.models import Decision, Standing
from dibs.distribution.placing import enrich, place
from dibs.people.caller import Caller, caller_of
from dibs.people.models import Workspace
from dibs.people.tenancy import enter
from tests.making import MONDAY, make_arrival, make_rep, make_team, make_user, make_workspace, publish


class Company:
    """``reps``: the team of each, by handle. The marketing team has a manager, ``boss``."""

    def __init__(self, policy: str, **reps: str) -> None:
        self.workspace: Workspace = make_workspace()
        self.reps: dict[str, Caller] = {
            handle: caller_of(make_rep(self.workspace, handle, teams=(team,)).user) for handle, team in reps.items()
        }
        manager = make_user(self.workspace, "manager", name="Boss")
        make_team(self.workspace, "marketing", managers=(manager,))
        self.boss = caller_of(manager)
        self.ops = caller_of(make_user(self.workspace, "ops"))
        publish(self.workspace, policy)

    @property
    def mia(self) -> Caller:
        """Of marketing."""
        return self.reps["mia"]

    @property
    def aiko(self) -> Caller:
        """Of sales."""
        return self.reps["aiko"]

    def arrives(self, at: datetime = MONDAY, **fields: Any) -> UUID:
        facts = {"employees": 500, "received_at": at, **fields}
        return place(self.workspace.id, [make_arrival(**facts)], now=at)[0].lead_id

    def looks(self, lead: UUID, now: datetime, kind: str = "page", **facts: Any) -> None:
        """The lead's person comes by, which says these ``facts``."""
        enrich(self.workspace.id, [Enrichment(lead, facts, Touching(now, kind, "site"))], now=now)

    def refuses(self, email: str, now: datetime) -> None:
        refusing.refuse(self.workspace.id, entries_of(email, None), why="asked", now=now)

    def lead(self, lead: UUID) -> Lead:
        enter(self.workspace.id)
        return Lead.objects.select_related("owner").get(id=lead)

    def where(self, lead: UUID) -> str:
        """Its state, and who has it or where it waits."""
        found = self.lead(lead)
        pool = found.pool if found.state == "pooled" else None
        return " ".join(filter(None, [found.state, found.owner.handle if found.owner else None, pool]))

    def rep_of(self, lead: UUID) -> Caller:
        """Who has the lead."""
        return self.reps[self.lead(lead).owner.handle]  # type: ignore[union-attr]

    def decisions(self, lead: UUID) -> list[tuple[str, list[str]]]:
        """The kind of each, and the codes of its reasons."""
        enter(self.workspace.id)
        found = Decision.objects.filter(lead_id=lead).order_by("nth")
        return [(one.kind, [reason["code"] for reason in one.reasons]) for one in found]

    def standing(self, caller: Caller) -> Standing:
        enter(self.workspace.id)
        return Standing.objects.get(rep_id=caller.rep_id)


def after(days: float) -> datetime:
    return MONDAY + timedelta(days=days)
