"""What the tests of distribution play on: a small workspace, and the clock moved by hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from dibs.crm.models import Lead
from dibs.distribution import acting, claiming
from dibs.distribution.models import Decision, Standing
from dibs.distribution.placing import Placed, place
from dibs.people.caller import Caller, caller_of
from dibs.people.models import Workspace
from dibs.people.tenancy import enter
from tests.making import MONDAY, make_arrival, make_rep, make_team, make_user, make_workspace, publish

POLICY = """
policy: Hot push, warm pull
qualify:
  score:
    - {when: 'lead.employees >= 1000', add: 80}
    - {when: 'lead.employees >= 100', add: 50}
route:
  - {name: Named, when: 'account.owner != null', push: {to: account.owner}}
  - {name: Offer, when: 'lead.source == "offer"', push: {team: closers, accept_within: 5m}}
  - {name: Hot, when: 'lead.score >= 75', push: {team: closers}}
  - {name: Everyone else, pull: {pool: inbound}}
pools:
  inbound:
    lock: 15m
    reclaim_after: 1h
    escalate:
      - {after: 30m, push: {team: closers, by: round_robin}}
      - {after: 60m, review: managers}
    assign_after: 24h
fair_play:
  hold_at_most: 2
"""


def after(minutes: float) -> datetime:
    return MONDAY + timedelta(minutes=minutes)


@dataclass
class Scene:
    workspace: Workspace
    aiko: Caller
    budi: Caller
    manager: Caller

    def arrives(self, **fields: Any) -> Placed:
        return place(self.workspace.id, [make_arrival(**fields)], now=MONDAY)[0]

    def lead(self, lead_id: UUID) -> Lead:
        enter(self.workspace.id)
        return Lead.objects.select_related("owner").get(id=lead_id)

    def story(self, lead_id: UUID) -> list[tuple[str, str, str]]:
        enter(self.workspace.id)
        return list(Decision.objects.filter(lead_id=lead_id).order_by("nth").values_list("kind", "before", "after"))

    def standing(self, caller: Caller) -> Standing:
        enter(self.workspace.id)
        return Standing.objects.get(rep_id=caller.rep_id)


def claimed(caller: Caller, lead_id: UUID, now: datetime) -> claiming.Claimed:
    answer = claiming.claim_lead(caller, lead_id, now)
    assert isinstance(answer, claiming.Claimed), answer
    return answer


def refused(answer: Any) -> str:
    assert isinstance(answer, claiming.Refused | acting.Refused), answer
    assert answer.refusal.remedy is not None
    return str(answer.refusal.code)


def make_scene() -> Scene:
    """A workspace with two reps of a team and a manager, and the policy published."""
    workspace = make_workspace()
    reps = [make_rep(workspace, handle, teams=("closers",)) for handle in ("aiko", "budi")]
    aiko, budi = (caller_of(rep.user) for rep in reps)
    boss = make_user(workspace, "manager")
    make_team(workspace, "closers", managers=(boss,))
    manager = caller_of(boss)
    publish(workspace, POLICY)
    return Scene(workspace, aiko, budi, manager)
