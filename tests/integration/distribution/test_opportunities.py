"""Opportunities on their way: moved, changed, handed over, won, lost, opened again; and who sees them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from dibs.crm.models import Account, Opportunity
from dibs.delivery.models import Outbox
from dibs.distribution import acting, helping, opportunities
from dibs.distribution.joining import leave
from dibs.distribution.models import Decision
from dibs.insight import deals
from dibs.insight.sight import lead_in_sight
from dibs.insight.story import story_of
from dibs.people.caller import Caller, caller_of, operator
from dibs.people.models import Rep
from dibs.people.tenancy import enter
from tests.concurrency.truths import assert_true
from tests.integration.distribution.scene import POLICY, Scene, after, claimed, make_scene, refused
from tests.making import make_rep, make_team, make_user, publish

pytestmark = pytest.mark.django_db


def converted(scene: Scene, rep: Caller | None = None, **given: Any) -> Opportunity:
    """An opportunity of a lead that the rep, or Aiko, has claimed and converted."""
    rep = rep or scene.aiko
    lead_id = scene.arrives().lead_id
    claimed(rep, lead_id, after(1))
    assert isinstance(acting.convert(rep, lead_id, after(5), **given), acting.Acted)
    return Opportunity.objects.get(lead_id=lead_id)


def now_is(deal: Opportunity) -> Opportunity:
    return Opportunity.objects.select_related("owner").get(id=deal.id)


def done(answer: opportunities.Answer) -> list[str]:
    assert isinstance(answer, opportunities.Done), answer
    return [reason.code for reason in answer.reasons]


def ops(scene: Scene) -> Caller:
    return caller_of(make_user(scene.workspace, "ops"))


def events(scene: Scene) -> list[str]:
    enter(scene.workspace.id)
    found = Outbox.objects.filter(event__startswith="opportunity.").order_by("seq")
    return [event.removeprefix("opportunity.") for event in found.values_list("event", flat=True)]


def test_it_goes_from_stage_to_stage_in_the_leads_story(scene: Scene) -> None:
    deal = converted(scene)
    moved = opportunities.change(scene.aiko, deal.id, after(10), {"stage": "negotiation"}, version=0)
    assert done(moved) == ["opportunity_moved"]
    found = now_is(deal)
    assert (found.stage, found.staged_at, found.version) == ("negotiation", after(10), 1)
    assert deal.lead_id is not None
    last = (story_of(scene.aiko, deal.lead_id, after(11)) or [])[-1]
    assert (last.kind, last.by) == ("dealt", "Aiko")
    assert last.reasons[0]["text"] == "The opportunity went from Qualified to Negotiation"
    assert events(scene) == ["created", "moved"]
    assert_true(scene.workspace.id)


def test_what_is_in_it_can_be_changed_and_taken_away(scene: Scene) -> None:
    deal = converted(scene, amount=Decimal(100), currency="EUR", close_on=date(2026, 4, 1))
    given = {"name": "Renamed", "amount": None, "close_on": None}
    assert done(opportunities.change(scene.aiko, deal.id, after(6), given)) == ["opportunity_changed"]
    found = now_is(deal)
    assert (found.name, found.amount, found.currency, found.close_on) == ("Renamed", None, "EUR", None)


def test_what_is_so_already_is_no_change(scene: Scene) -> None:
    deal = converted(scene, amount=Decimal("100.00"), currency="EUR")
    given = {"amount": Decimal(100), "currency": "EUR", "stage": "qualified", "owner": "aiko"}
    assert done(opportunities.change(scene.aiko, deal.id, after(6), given)) == []
    assert now_is(deal).version == 0
    assert events(scene) == ["created"]


def test_who_decided_on_an_older_version_looks_again(scene: Scene) -> None:
    deal = converted(scene)
    opportunities.change(scene.aiko, deal.id, after(6), {"stage": "proposal"}, version=0)
    for late in (
        opportunities.change(scene.manager, deal.id, after(7), {"stage": "negotiation"}, version=0),
        opportunities.win(scene.manager, deal.id, after(7), version=0),
        opportunities.lose(scene.manager, deal.id, after(7), version=0),
        opportunities.reopen(scene.manager, deal.id, after(7), version=0),
    ):
        assert refused(late) == "opportunity_outdated"
    assert now_is(deal).stage == "proposal"


def test_an_unknown_stage_or_rep_is_refused(scene: Scene) -> None:
    deal = converted(scene)
    for given in ({"stage": "won"}, {"stage": "of_another_policy"}):
        with pytest.raises(acting.UnknownStage):
            opportunities.change(scene.aiko, deal.id, after(6), given)
    with pytest.raises(opportunities.UnknownRep):
        opportunities.change(scene.manager, deal.id, after(6), {"owner": "nobody"})
    Rep.objects.filter(handle="budi").update(active=False)
    with pytest.raises(opportunities.UnknownRep):
        opportunities.change(scene.manager, deal.id, after(6), {"owner": "budi"})
    assert now_is(deal).version == 0


def test_it_is_won_for_what_it_came_to_and_its_account_buys(scene: Scene) -> None:
    deal = converted(scene, amount=Decimal(100), currency="EUR")
    assert deal.account_id is not None
    assert not Account.objects.get(id=deal.account_id).customer
    said = opportunities.win(scene.aiko, deal.id, after(20), amount=Decimal("90.5"))
    assert done(said) == ["opportunity_won", "customer_won"]
    found = now_is(deal)
    assert (found.state, found.amount, found.currency, found.ended_at) == ("won", Decimal("90.50"), "EUR", after(20))
    assert Account.objects.get(id=deal.account_id).customer
    assert events(scene)[-1] == "won"
    assert refused(opportunities.win(scene.aiko, deal.id, after(21))) == "opportunity_ended"
    assert refused(opportunities.lose(scene.aiko, deal.id, after(21))) == "opportunity_ended"
    assert refused(opportunities.change(scene.aiko, deal.id, after(21), {"stage": "proposal"})) == "opportunity_ended"


def test_a_lost_one_says_why_and_changes_nothing_of_the_conversion(scene: Scene) -> None:
    deal = converted(scene)
    before = scene.standing(scene.aiko)
    assert done(opportunities.lose(scene.aiko, deal.id, after(20), why="Too dear")) == ["opportunity_lost"]
    assert (now_is(deal).state, now_is(deal).lost_why) == ("lost", "Too dear")
    assert deal.lead_id is not None
    assert scene.lead(deal.lead_id).state == "converted"
    after_it = scene.standing(scene.aiko)
    assert (after_it.open_leads, after_it.converted, after_it.version) == (
        before.open_leads, before.converted, before.version,
    )  # fmt: skip


def test_an_ended_one_is_reopened_in_its_stage(scene: Scene) -> None:
    deal = converted(scene, stage="proposal")
    assert refused(opportunities.reopen(scene.aiko, deal.id, after(6))) == "opportunity_open"
    opportunities.lose(scene.aiko, deal.id, after(20), why="Silence")
    assert done(opportunities.reopen(scene.aiko, deal.id, after(30))) == ["opportunity_reopened"]
    found = now_is(deal)
    assert (found.state, found.stage, found.ended_at, found.lost_why) == ("open", "proposal", None, "")
    assert done(opportunities.change(scene.aiko, deal.id, after(31), {"stage": "negotiation"})) == ["opportunity_moved"]


# Whose it is


def test_another_rep_neither_changes_nor_sees_it(scene: Scene) -> None:
    deal = converted(scene)
    assert deals.deal_in_sight(scene.budi, deal.id, after(6)) is None
    for answer in (
        opportunities.change(scene.budi, deal.id, after(6), {"stage": "proposal"}),
        opportunities.win(scene.budi, deal.id, after(6)),
        opportunities.lose(scene.budi, deal.id, after(6)),
    ):
        assert refused(answer) == "not_yours"
    assert now_is(deal).version == 0


def test_who_helped_with_the_lead_sees_it_and_leaves_it_as_it_is(scene: Scene) -> None:
    deal = converted(scene)
    assert deal.lead_id is not None
    other = scene.arrives().lead_id
    claimed(scene.aiko, other, after(6))
    helping.add_helper(scene.aiko, other, "budi", after(6))
    acting.convert(scene.aiko, other, after(7))
    seen = deals.deals_page(scene.budi, {}, now=after(8)).items
    assert [one.lead for one in seen] == [other]
    assert refused(opportunities.win(scene.budi, seen[0].id, after(8))) == "not_yours"


def test_a_manager_sees_and_works_those_of_their_own_teams(scene: Scene) -> None:
    make_team(scene.workspace, "tokyo")
    stranger = caller_of(make_rep(scene.workspace, "citra", teams=("tokyo",)).user)
    mine, theirs = converted(scene), converted(scene, stranger)
    assert [one.id for one in deals.deals_page(scene.manager, {}, now=after(8)).items] == [mine.id]
    assert deals.deal_in_sight(scene.manager, theirs.id, after(8)) is None
    assert done(opportunities.change(scene.manager, mine.id, after(8), {"stage": "proposal"})) == ["opportunity_moved"]
    assert refused(opportunities.win(scene.manager, theirs.id, after(8))) == "not_yours"
    assert len(deals.deals_page(ops(scene), {}, now=after(8)).items) == 2


def test_only_who_leads_its_rep_hands_it_over_and_who_gets_it_sees_the_lead(scene: Scene) -> None:
    deal = converted(scene)
    assert deal.lead_id is not None
    assert refused(opportunities.change(scene.aiko, deal.id, after(6), {"owner": "budi"})) == "opportunity_not_led"
    assert lead_in_sight(scene.budi, deal.lead_id, after(6)) is None
    assert done(opportunities.change(scene.manager, deal.id, after(6), {"owner": "budi"})) == ["opportunity_handed"]
    assert now_is(deal).owner.handle == "budi"
    seen = lead_in_sight(scene.budi, deal.lead_id, after(7))
    assert seen is not None
    assert (seen.level, seen["owner"]) == ("full", "aiko")
    assert done(opportunities.win(scene.budi, deal.id, after(8)))[0] == "opportunity_won"
    enter(scene.workspace.id)
    assert Outbox.objects.get(event="opportunity.handed").payload["rep"] == "budi"


def test_an_ended_one_can_still_be_handed_over(scene: Scene) -> None:
    deal = converted(scene)
    opportunities.win(scene.aiko, deal.id, after(6))
    assert done(opportunities.change(scene.manager, deal.id, after(7), {"owner": "budi"})) == ["opportunity_handed"]


def test_all_open_ones_of_a_rep_who_left_go_to_another(scene: Scene) -> None:
    one, two, ended = (converted(scene) for _ in range(3))
    opportunities.lose(scene.aiko, ended.id, after(6))
    leave(Rep.objects.get(handle="aiko").user)
    assert opportunities.hand_all(operator(scene.workspace.id), "aiko", "budi", after(8)) == 2
    handed = Decision.objects.filter(kind="dealt", at=after(8))
    assert set(handed.values_list("actor_id", flat=True)) == {None}, "who runs the server is nobody's account"
    assert [now_is(deal).owner.handle for deal in (one, two, ended)] == ["budi", "budi", "aiko"]
    assert opportunities.hand_all(operator(scene.workspace.id), "aiko", "budi", after(9)) == 0
    with pytest.raises(opportunities.UnknownRep):
        opportunities.hand_all(operator(scene.workspace.id), "budi", "aiko", after(9))


def test_another_workspaces_are_not_there(scene: Scene) -> None:
    other = make_scene()
    foreign = converted(other)
    enter(scene.workspace.id)
    for caller in (scene.aiko, scene.manager, ops(scene)):
        assert deals.deal_in_sight(caller, foreign.id, after(6)) is None
        assert opportunities.win(caller, foreign.id, after(6)) is None
    assert opportunities.win(scene.aiko, uuid4(), after(6)) is None
    enter(other.workspace.id)
    assert now_is(foreign).state == "open"


# The board


def test_the_board_has_every_stage_with_what_it_comes_to(scene: Scene) -> None:
    stages = "{talk: {likely: 50%}, offer: {likely: 100%}, wait: {}}"
    publish(scene.workspace, POLICY + f"opportunities: {{stages: {stages}}}\n")
    for amount, currency, stage in ((100, "EUR", "talk"), (50, "EUR", "talk"), (10, "USD", "talk"), (7, "EUR", "wait")):
        converted(scene, amount=Decimal(amount), currency=currency, stage=stage)
    converted(scene, stage="offer")
    board = deals.board(scene.aiko, after(10))
    told = {
        column.stage: (column.count, [(one.currency, one.amount, one.weighted) for one in column.sums])
        for column in board.columns
    }
    assert list(told) == ["talk", "offer", "wait"]
    assert told == {
        "talk": (3, [("EUR", 150, 75), ("USD", 10, 5)]),
        "offer": (1, []),
        "wait": (1, [("EUR", 7, 0)]),
    }
    assert [(one.currency, one.amount, one.weighted) for one in board.sums] == [("EUR", 157, 75), ("USD", 10, 5)]
    assert board.count == 5
    assert deals.board(scene.budi, after(10)).count == 0


def test_what_is_in_a_stage_that_a_newer_policy_has_not_is_still_there(scene: Scene) -> None:
    deal = converted(scene, stage="negotiation")
    publish(scene.workspace, POLICY + "opportunities: {stages: {talk: {}}}\n")
    board = deals.board(scene.aiko, after(10))
    assert [(column.stage, column.known, column.count) for column in board.columns] == [
        ("talk", True, 0), ("negotiation", False, 1),
    ]  # fmt: skip
    assert done(opportunities.change(scene.aiko, deal.id, after(11), {"stage": "talk"})) == ["opportunity_moved"]


def test_the_first_to_close_come_first_and_the_rest_is_counted(scene: Scene) -> None:
    late = converted(scene, close_on=date(2026, 5, 1))
    unknown = converted(scene)
    soon = converted(scene, close_on=date(2026, 4, 1))
    column = deals.board(scene.aiko, after(10), cards=2).columns[0]
    assert [deal.id for deal in column.deals] == [soon.id, late.id]
    assert column.count == 3
    assert unknown.id in [deal.id for deal in deals.board(scene.aiko, after(10)).columns[0].deals]


def test_what_ended_lately_is_told_beside_it(scene: Scene) -> None:
    won, lost = (converted(scene, amount=Decimal(5), currency="EUR") for _ in range(2))
    opportunities.win(scene.aiko, won.id, after(6))
    opportunities.lose(scene.aiko, lost.id, after(6))
    board = deals.board(scene.aiko, after(10))
    assert (board.count, board.won[0], board.lost[0]) == (0, 1, 1)
    assert [(one.currency, one.amount) for one in board.won[1]] == [("EUR", 5)]
    later = deals.board(scene.aiko, after(6) + 2 * deals.LATELY)
    assert (later.won[0], later.lost[0]) == (0, 0)


def test_the_list_is_filtered_and_paged(scene: Scene) -> None:
    all_of = [converted(scene, amount=Decimal(n), currency="EUR", close_on=date(2026, 4, n + 1)) for n in range(5)]
    budis = converted(scene, scene.budi)
    page = deals.deals_page(scene.manager, {"owner": "aiko"}, limit=2, now=after(9))
    found: list[UUID] = [deal.id for deal in page.items]
    while page.next:
        page = deals.deals_page(scene.manager, {"owner": "aiko"}, limit=2, cursor=page.next, now=after(9))
        found += [deal.id for deal in page.items]
    assert found == [deal.id for deal in reversed(all_of)]
    soon = deals.deals_page(scene.manager, {"closes_before": date(2026, 4, 3)}, now=after(9)).items
    assert {deal.id for deal in soon} == {all_of[0].id, all_of[1].id}
    by_lead = deals.deals_page(scene.manager, {"lead": budis.lead_id}, now=after(9)).items
    assert [deal.id for deal in by_lead] == [budis.id]
    assert deals.owners(scene.manager, after(9)) == [("aiko", "Aiko"), ("budi", "Budi")]
