"""Borders that move: by another policy, by a day, and by what is known of a lead only later."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from dibs.crm.arrival import Enrichment
from dibs.crm.models import Lead
from dibs.distribution import acting, borders, claiming, drafts, moving, moving_on, policies
from dibs.distribution.models import Decision, Move, PolicyVersion
from dibs.distribution.placing import Placed, enrich, place
from dibs.people.caller import Caller, caller_of
from dibs.people.models import Workspace
from dibs.people.tenancy import enter
from tests.concurrency.truths import assert_true
from tests.making import MONDAY, make_arrival, make_rep, make_team, make_user, make_workspace

pytestmark = pytest.mark.django_db

POLICY = """
policy: By territory
timezone: Asia/Tokyo
territories:
  asia: {{countries: [JP, ID], owner: {{team: east}}}}
  kansai: {{parent: asia, regions: [Osaka], owner: {{rep: {kansai}}}}}
  latam: {{countries: [MX], owner: {{rep: marta}}}}
{more}route:
  - {{name: Trade fair, when: 'lead.source == "fair"', push: {{team: east}}}}
  - {{name: Small, when: 'lead.employees < 10', pull: {{pool: small}}}}
  - {{name: Owners, push: {{to: territory.owner}}, fallback: {{pool: nobodys}}}}
pools:
  small: {{}}
  nobodys: {{}}
"""


def policy(kansai: str = "ken", more: str = "") -> str:
    return POLICY.format(kansai=kansai, more=more)


def minutes(count: float) -> datetime:
    return MONDAY + timedelta(minutes=count)


class Market:
    """A workspace whose leads go to the owners of territories: eri and emi are the east, ken, kai and marta themselves."""

    def __init__(self) -> None:
        self.workspace: Workspace = make_workspace()
        for handle in ("eri", "emi"):
            make_rep(self.workspace, handle, teams=("east",))
        for handle in ("ken", "kai", "marta"):
            make_rep(self.workspace, handle)
        boss = make_user(self.workspace, "manager")
        make_team(self.workspace, "east", managers=(boss,))
        self.user = make_user(self.workspace, "ops")
        self.ops: Caller = caller_of(self.user)
        self.publish(policy())

    def publish(self, text: str, at: datetime = MONDAY, **how: Any) -> PolicyVersion:
        enter(self.workspace.id)
        return policies.publish(self.workspace.id, text, by=self.user, now=at, **how)

    def arrives(self, **fields: Any) -> Placed:
        enter(self.workspace.id)
        return place(self.workspace.id, [make_arrival(**fields)], now=MONDAY)[0]

    def caller(self, handle: str) -> Caller:
        from dibs.people.models import Rep

        enter(self.workspace.id)
        return caller_of(Rep.objects.get(workspace=self.workspace, handle=handle).user)

    def learns(self, lead_id: UUID, at: datetime | None = None, **facts: Any) -> Placed:
        enter(self.workspace.id)
        return enrich(self.workspace.id, [Enrichment(lead_id, facts)], now=at or minutes(1))[0]

    def would_move(self, text: str) -> borders.Border:
        enter(self.workspace.id)
        return borders.would_move(self.workspace.id, drafts.draft(self.workspace.id, text), minutes(1))

    def lead(self, lead_id: UUID) -> Lead:
        enter(self.workspace.id)
        return Lead.objects.select_related("owner").get(id=lead_id)

    def owner(self, lead_id: UUID) -> str | None:
        owner = self.lead(lead_id).owner
        return owner.handle if owner else None

    def last(self, lead_id: UUID) -> Decision:
        return Decision.objects.filter(lead_id=lead_id).order_by("-nth")[0]

    def moves(self, at: datetime) -> list[Move]:
        """What the jobs would do with every move that was started."""
        enter(self.workspace.id)
        for move in Move.objects.filter(state="running"):
            moving_on.carry_on(self.workspace.id, move.id, lambda: at)
        return list(Move.objects.order_by("created_at"))

    def over(self, before: PolicyVersion, after: PolicyVersion, at: datetime) -> list[Move]:
        enter(self.workspace.id)
        borders.move_over(self.workspace.id, before.id, after.id, at)
        return self.moves(at)


@pytest.fixture
def market() -> Market:
    return Market()


def of(moved: borders.Border) -> set[UUID]:
    return {crossing.lead_id for crossing in moved.crossings}


# -- more is known of a lead ------------------------------------------------------------------------------------------


def test_a_region_that_arrives_later_hands_the_lead_on(market: Market) -> None:
    lead = market.arrives(country="JP")
    assert lead.owner in {"eri", "emi"}
    assert market.learns(lead.lead_id, region="osaka").owner == "ken"
    row = market.lead(lead.lead_id)
    assert (row.territory, row.state, row.region) == ("kansai", "owned", "osaka")
    decision = market.last(lead.lead_id)
    assert decision.kind == "reassigned"
    changed = next(reason for reason in decision.reasons if reason["code"] == "territory_changed")
    assert changed["params"] == {"before": "asia", "after": "kansai"}
    assert_true(market.workspace.id)


def test_one_that_the_new_owner_has_already_stays(market: Market) -> None:
    lead = market.arrives(country="JP", region="Osaka")
    assert lead.owner == "ken"
    market.publish(policy(more="  kyoto: {parent: asia, regions: [Kyoto], owner: {territory: kansai}}\n"))
    assert market.learns(lead.lead_id, region="Kyoto").owner == "ken"
    assert market.lead(lead.lead_id).territory == "kyoto"


def test_contact_a_claim_or_a_managers_hand_keeps_it(market: Market) -> None:
    contacted = market.arrives(country="JP")
    assert contacted.owner is not None
    acting.contact(market.caller(contacted.owner), contacted.lead_id, minutes(0.5))
    claimed = market.arrives(country="JP", employees=5)
    assert isinstance(claiming.claim_lead(market.caller("eri"), claimed.lead_id, minutes(0.5)), claiming.Claimed)
    given = market.arrives(country="JP")
    acting.assign(market.ops, given.lead_id, "kai", minutes(0.5))
    for lead, owner in ((contacted, contacted.owner), (claimed, "eri"), (given, "kai")):
        assert market.learns(lead.lead_id, region="Osaka").owner == owner
        assert market.lead(lead.lead_id).territory == "kansai"
    assert market.last(given.lead_id).kind == "enriched"


def test_a_lead_that_another_rule_pushed_stays(market: Market) -> None:
    lead = market.arrives(country="JP", source="fair")
    assert market.learns(lead.lead_id, region="Osaka").owner == lead.owner


def test_a_country_that_arrives_late_finds_its_owner(market: Market) -> None:
    lead = market.arrives(country=None)
    assert lead.pool == "nobodys"
    assert market.learns(lead.lead_id, country="MX").owner == "marta"
    assert market.lead(lead.lead_id).territory == "latam"


def test_facts_that_go_to_and_fro_end_in_review(market: Market) -> None:
    lead = market.arrives(country="JP", region="Osaka")
    states = []
    for turn in range(8):
        region = "Tokyo" if turn % 2 == 0 else "Osaka"
        states.append(market.learns(lead.lead_id, minutes(turn + 1), region=region).state)
    assert states[-1] == "review"
    assert market.lead(lead.lead_id).reassigned <= 3
    assert_true(market.workspace.id)


# -- another policy ---------------------------------------------------------------------------------------------------


def test_what_would_move_is_shown_and_nothing_is_written(market: Market) -> None:
    osaka = [market.arrives(country="JP", region="Osaka").lead_id for _ in range(3)]
    market.arrives(country="MX")
    decisions = Decision.objects.count()
    moved = market.would_move(policy("kai"))
    assert of(moved) == set(osaka)
    assert moved.between == [("kansai", "kansai", 3)]
    assert not moved.more
    assert {(shown.rep, shown.to and shown.to["rep"]) for shown in moved.first} == {("ken", "kai")}
    assert Decision.objects.count() == decisions
    assert not Move.objects.exists()
    assert market.would_move(policy()).leads == 0


def test_a_border_counts_leads_in_review_and_where_they_fell_back_to(market: Market) -> None:
    fallen = market.arrives(country="BR")
    assert fallen.pool == "nobodys"
    small = market.arrives(country="BR", employees=3)
    moved = market.would_move(policy(more="  brazil: {countries: [BR], owner: {rep: marta}}\n"))
    assert of(moved) == {fallen.lead_id}
    assert small.lead_id not in of(moved)
    assert moved.first[0].to is not None
    assert moved.first[0].to["rep"] == "marta"


def test_publish_and_move_is_one_step(market: Market) -> None:
    before = PolicyVersion.objects.get(workspace=market.workspace, active=True)
    osaka = [market.arrives(country="JP", region="Osaka").lead_id for _ in range(3)]
    acting.contact(market.caller("ken"), osaka[1], minutes(0.5))
    kept = market.arrives(country="JP", region="Osaka")
    acting.assign(market.ops, kept.lead_id, "ken", minutes(0.5))
    shown = market.would_move(policy("kai"))
    after = market.publish(policy("kai"), minutes(2), move=True)
    assert after.moves_leads
    (move,) = market.over(before, after, minutes(3))
    assert (move.kind, move.state, move.total, move.moved) == ("border", "done", 3, 3)
    assert move.by_id == market.user.id
    assert {market.owner(lead) for lead in osaka} == {"kai"}
    assert of(shown) == set(osaka)
    assert market.owner(kept.lead_id) == "ken"
    assert_true(market.workspace.id)
    # Once more finds nothing to do, as a job that is run twice does.
    assert len(market.over(before, after, minutes(4))) == 1


def test_moving_a_border_can_be_undone(market: Market) -> None:
    before = PolicyVersion.objects.get(workspace=market.workspace, active=True)
    lead = market.arrives(country="JP", region="Osaka")
    after = market.publish(policy("kai"), minutes(2), move=True)
    (move,) = market.over(before, after, minutes(3))
    assert market.owner(lead.lead_id) == "kai"
    moving.undo(market.ops, move.id, minutes(4))
    moving_on.carry_on(market.workspace.id, move.id, lambda: minutes(4))
    assert market.owner(lead.lead_id) == "ken"
    assert_true(market.workspace.id)


def test_a_policy_replaced_before_its_leads_moved_moves_none(market: Market) -> None:
    before = PolicyVersion.objects.get(workspace=market.workspace, active=True)
    lead = market.arrives(country="JP", region="Osaka")
    after = market.publish(policy("kai"), minutes(2), move=True)
    market.publish(policy("ken"), minutes(3))
    assert market.over(before, after, minutes(4)) == []
    assert market.owner(lead.lead_id) == "ken"


def test_an_announced_policy_moves_leads_when_it_comes_into_force(market: Market) -> None:
    from procrastinate.contrib.django.models import ProcrastinateJob

    lead = market.arrives(country="JP", region="Osaka")
    version = market.publish(policy("kai"), minutes(2), effective_from=minutes(60), move=True)
    jobs = ProcrastinateJob.objects.filter(task_name=policies.MOVE_OVER)
    assert version.pending
    assert not jobs.exists()
    policies.come_into_force(market.workspace.id, minutes(60))
    (job,) = jobs
    assert job.args["version"] == str(version.id)
    borders.move_over(market.workspace.id, UUID(job.args["replaced"]), UUID(job.args["version"]), minutes(61))
    market.moves(minutes(61))
    assert market.owner(lead.lead_id) == "kai"


def test_who_has_left_since_does_not_keep_their_border_from_moving(market: Market) -> None:
    before = PolicyVersion.objects.get(workspace=market.workspace, active=True)
    market.arrives(country="JP", region="Osaka")
    after = market.publish(policy("kai"), minutes(2), move=True)
    market.user.is_active = False
    market.user.save()
    (move,) = market.over(before, after, minutes(3))
    assert (move.moved, move.by_id) == (1, None)


def test_another_workspaces_leads_never_move(market: Market) -> None:
    other = Market()
    theirs = other.arrives(country="JP", region="Osaka")
    assert market.would_move(policy("kai")).leads == 0
    before = PolicyVersion.objects.get(workspace=market.workspace, active=True)
    after = market.publish(policy("kai"), minutes(2), move=True)
    assert market.over(before, after, minutes(3)) == []
    assert other.owner(theirs.lead_id) == "ken"


def test_only_so_many_leads_are_looked_at_for_a_preview(market: Market) -> None:
    for _ in range(4):
        market.arrives(country="JP", region="Osaka")
    enter(market.workspace.id)
    draft = drafts.draft(market.workspace.id, policy("kai"))
    some = borders.would_move(market.workspace.id, draft, minutes(1), at_most=3)
    assert (some.leads, some.more) == (3, True)
    every = borders.would_move(market.workspace.id, draft, minutes(1), at_most=4)
    assert (every.leads, every.more) == (4, False)


# -- a day begins or ends ---------------------------------------------------------------------------------------------

#: It begins with Tuesday in Tokyo, six hours after Monday's arrivals: 15:00 UTC.
TUESDAY = "  hyogo: {parent: asia, regions: [Kobe], owner: {rep: kai}, starts: 2026-03-03, ends: 2026-03-03}\n"


def test_a_territory_that_begins_has_its_leads_looked_at_again(market: Market) -> None:
    market.publish(policy(more=TUESDAY))
    kobe, other = market.arrives(country="JP", region="Kobe"), market.arrives(country="JP")
    touched = market.arrives(country="JP", region="Kobe")
    assert kobe.owner is not None
    assert touched.owner is not None
    acting.contact(market.caller(touched.owner), touched.lead_id, minutes(1))
    enter(market.workspace.id)
    assert borders.look_at_days(market.workspace.id, datetime(2026, 3, 2, 14, 59, tzinfo=UTC)) == 0
    assert borders.look_at_days(market.workspace.id, datetime(2026, 3, 2, 15, 0, tzinfo=UTC)) == 1
    (move,) = market.moves(datetime(2026, 3, 2, 15, 1, tzinfo=UTC))
    assert (move.kind, move.moved, move.why, move.by_id) == ("border", 1, "hyogo", None)
    assert market.owner(kobe.lead_id) == "kai"
    assert market.owner(touched.lead_id) == touched.owner
    assert market.owner(other.lead_id) == other.owner
    assert borders.look_at_days(market.workspace.id, datetime(2026, 3, 2, 15, 5, tzinfo=UTC)) == 0
    # It ends with the day, and what nobody has contacted goes back to the team.
    assert borders.look_at_days(market.workspace.id, datetime(2026, 3, 3, 15, 0, tzinfo=UTC)) == 1
    market.moves(datetime(2026, 3, 3, 15, 1, tzinfo=UTC))
    assert market.owner(kobe.lead_id) in {"eri", "emi"}
    assert_true(market.workspace.id)


def test_days_that_passed_while_no_worker_ran_are_caught_up_with(market: Market) -> None:
    market.publish(policy(more=TUESDAY.replace(", ends: 2026-03-03", "")))
    kobe = market.arrives(country="JP", region="Kobe")
    enter(market.workspace.id)
    assert borders.look_at_days(market.workspace.id, datetime(2026, 3, 20, tzinfo=UTC)) == 1
    market.moves(datetime(2026, 3, 20, tzinfo=UTC))
    assert market.owner(kobe.lead_id) == "kai"


def test_without_days_nothing_is_looked_at(market: Market) -> None:
    market.arrives(country="JP", region="Osaka")
    enter(market.workspace.id)
    assert borders.look_at_days(market.workspace.id, datetime(2027, 1, 1, tzinfo=UTC)) == 0
