"""What was on offer at each claim, worked out from the log, is what was there when the claim was made."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dibs.crm.arrival import Enrichment
from dibs.crm.models import Lead
from dibs.distribution import acting, claiming, ticking
from dibs.distribution.choices import BANDS, band_of, watch
from dibs.distribution.models import Choice, Decision
from dibs.distribution.placing import enrich, place
from dibs.people.caller import Caller, caller_of
from dibs.people.models import Workspace
from dibs.people.tenancy import enter
from tests.making import MONDAY, make_arrival, make_rep, make_user, make_workspace, publish

POLICY = """
policy: Much that moves
qualify:
  score: [{when: 'lead.employees >= 0', add: 1}, {when: 'lead.employees >= 20', add: 19},
          {when: 'lead.employees >= 40', add: 20}, {when: 'lead.employees >= 60', add: 20},
          {when: 'lead.employees >= 80', add: 20}]
route:
  - {name: Japan, when: 'lead.country == "JP"', pull: {pool: japan}}
  - {name: In line, when: 'lead.source == "line"', pull: {pool: line}}
  - {name: Offered, when: 'lead.source == "offer"', push: {team: closers, accept_within: 10m}}
  - {name: Everyone else, pull: {pool: inbound}}
pools:
  inbound: {mode: pool, lock: 15m, escalate: [{after: 3h, review: managers}]}
  japan: {mode: cherry_pick, teams: [tokyo], lock: 10m}
  line: {mode: queue, lock: 5m}
"""
#: The same with tiers: a bound on the score, and a condition that asks more of a lead than that.
TIERS = """
tiers:
  - {name: low, when: 'rep.handle == "aiko"', sees: preview, only: 'lead.score < 61'}
  - {name: far, when: 'rep.handle == "budi"', sees: preview, only: 'lead.employees != 50 && lead.score >= 20'}
  - {name: all, sees: full}
"""
EMPLOYEES = (None, 0, 10, 20, 50, 60, 90)


@dataclass
class Story:
    """A company where things happen, and what was seen to be on offer at each claim when it was made."""

    workspace: Workspace
    reps: list[Caller]
    manager: Caller
    now: datetime = MONDAY
    leads: list[UUID] = field(default_factory=list)
    offers: dict[UUID, list[int] | None] = field(default_factory=dict)
    tiers: bool = False

    def waiting(self, rep: Caller) -> list[int]:
        """The scores that wait where this rep can choose, read from the leads themselves."""
        pools = ["inbound", "japan"] if "tokyo" in rep.teams else ["inbound"]
        rows = Lead.objects.filter(state="pooled", pool__in=pools).values_list("score", "employees")
        return sorted(score for score, employees in rows if self.shown(rep, score, employees))

    def of(self, act: str, which: int, waiting: list[UUID]) -> list[UUID]:
        """The lead that an act is about: one that waits, or for what is done to others any."""
        among = waiting if act in {"claims", "retires", "enriched"} and which % 5 else self.leads
        return [among[which % len(among)]] if among else []

    def shown(self, rep: Caller, score: int, employees: int | None) -> bool:
        if not self.tiers or rep.handle == "chie":
            return True
        return score < 61 if rep.handle == "aiko" else employees is not None and employees != 50 and score >= 20

    def do(self, act: str, who: int, which: int, what: int) -> None:
        rep = self.reps[who % len(self.reps)]
        enter(self.workspace.id)
        waiting = list(Lead.objects.filter(state="pooled").order_by("id").values_list("id", flat=True))
        # What waits is what moves most: other leads are looked for where the act is about them.
        lead = next(iter(self.of(act, which, waiting)), None)
        match act:
            case "arrives":
                given = ("JP", "web"), ("MX", "line"), ("MX", "offer"), ("MX", "web"), ("ES", "web")
                country, source = given[which % len(given)]
                arrival = make_arrival(country=country, source=source, employees=EMPLOYEES[what], received_at=self.now)
                self.leads.append(place(self.workspace.id, [arrival], now=self.now)[0].lead_id)
            case "enriched" if lead:
                country = ("JP", "MX", "ES")[which % 3]
                enrich(
                    self.workspace.id,
                    [Enrichment(lead, {"employees": EMPLOYEES[what], "country": country})],
                    now=self.now,
                )
            case "claims" if lead:
                row = Lead.objects.get(id=lead)
                ticking.settle(self.workspace.id, [lead], self.now)
                before = self.waiting(rep)
                answer = claiming.claim_lead(rep, lead, self.now)
                if isinstance(answer, claiming.Claimed):
                    decision = Decision.objects.filter(lead_id=lead).latest("nth")
                    self.offers[decision.id] = None if row.pool == "line" else before
            case "next":
                claiming.claim_next(rep, "line", self.now)
            case "contacts" if lead:
                acting.contact(rep, lead, self.now)
            case "releases" if lead:
                acting.release(rep, lead, self.now)
            case "accepts" if lead:
                acting.accept(rep, lead, self.now)
            case "retires" if lead:
                acting.retire(self.manager, lead, self.now, why="other")
            case "returns" if lead:
                acting.return_to_pool(self.manager, lead, ("inbound", "japan")[what % 2], self.now)
            case "waits":
                self.now += timedelta(minutes=(1, 6, 16, 61)[what % 4])
                ticking.settle(self.workspace.id, list(Lead.objects.values_list("id", flat=True)), self.now)
            case "watched":
                watch(self.workspace.id, self.now)


def make_story(text: str = POLICY) -> Story:
    workspace = make_workspace()
    handles = {"aiko": ("closers", "tokyo"), "budi": ("closers",), "chie": ("tokyo",)}
    reps = [caller_of(make_rep(workspace, handle, teams=teams).user) for handle, teams in handles.items()]
    manager = caller_of(make_user(workspace, "ops"))
    publish(workspace, text)
    story = Story(workspace, reps, manager, tiers="tiers:" in text)
    for number in range(12):
        story.do("arrives", 0, (0, 3, 4)[number % 3], number % len(EMPLOYEES))
    return story


ACTS = (
    *(["arrives"] * 3), *(["claims"] * 5), *(["enriched"] * 2),
    "next", "contacts", "releases", "accepts", "retires", "returns", "waits", "watched",
)  # fmt: skip
HISTORIES = st.lists(
    st.tuples(st.sampled_from(ACTS), st.integers(0, 2), st.integers(0, 30), st.integers(0, len(EMPLOYEES) - 1)),
    min_size=10,
    max_size=60,
)


def check(story: Story) -> None:
    watch(story.workspace.id, story.now)
    rows = {choice.id: choice for choice in Choice.objects.all()}
    assert set(story.offers) <= set(rows)
    for decision, offer in story.offers.items():
        row = rows[decision]
        if offer is None:
            assert row.queue
            assert row.seen is None
            continue
        chosen = row.score
        assert (row.seen, row.below, row.ties) == (
            len(offer), sum(score < chosen for score in offer), offer.count(chosen)
        )  # fmt: skip
        assert row.offered == [sum(band_of(score) == band for score in offer) for band in range(len(BANDS))]
        ridits = [(sum(o < s for o in offer) + offer.count(s) / 2) / len(offer) for s in offer]
        assert row.ridit == pytest.approx((row.below + row.ties / 2) / row.seen)
        assert sum(ridits) / len(ridits) == pytest.approx(0.5)
        assert row.variance == pytest.approx(sum((r - 0.5) ** 2 for r in ridits) / len(ridits))


@pytest.mark.django_db
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(history=HISTORIES)
def test_the_log_walked_backwards_finds_what_was_on_offer_at_every_claim(history: list[Any]) -> None:
    story = make_story()
    for moment in history:
        story.do(*moment)
    check(story)


@pytest.mark.django_db
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(history=HISTORIES)
def test_a_tier_narrows_what_was_on_offer(history: list[Any]) -> None:
    # A lead's employees stay: a condition on other facts than the score is asked with the facts of now.
    story = make_story(POLICY + TIERS)
    for act, *moment in history:
        if act != "enriched":
            story.do(act, *moment)
    check(story)
