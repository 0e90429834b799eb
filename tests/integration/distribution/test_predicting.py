"""A model is learnt from the leads of a workspace, switched on by a person, and says of leads how likely they are to be won."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from dibs.crm.arrival import Enrichment, Touching
from dibs.crm.models import Lead
from dibs.delivery.models import Outbox
from dibs.distribution import comparing, drafts, endings, learning, policies, predictions, tasks
from dibs.distribution.claiming import claim_lead
from dibs.distribution.models import Decision, ScoreModel
from dibs.distribution.placing import Placed, enrich, place
from dibs.distribution.predictions import NotReady, UnknownModel
from dibs.engine.prediction import Model
from dibs.insight import feed
from dibs.insight.dry_run import try_arrival
from dibs.insight.sight import Eyes
from dibs.people.caller import caller_of
from dibs.people.models import Rep, User, Workspace
from dibs.people.tenancy import enter
from tests.integration.distribution.endings_made import past as made
from tests.integration.distribution.endings_made import truth
from tests.making import MONDAY, make_arrival, make_rep, make_team, make_user, make_workspace, publish

pytestmark = pytest.mark.django_db

POINTS = """
policy: By points
qualify: {score: [{when: 'lead.source == "list"', add: 50}]}
route:
  - {name: Hot, when: 'lead.score >= 75', push: {team: closers}}
  - {name: The rest, pull: {pool: inbound}}
pools: {inbound: {mode: pool}}
"""
PREDICTED = POINTS.replace("qualify: {", "qualify: {by: prediction, ")
BEFORE = MONDAY - timedelta(days=300)


class Past:
    """A workspace with leads that ended: of those from the pricing page most were won, of those from a list few."""

    def __init__(self, policy: str = POINTS, *, leads: int = 360) -> None:
        self.workspace: Workspace = make_workspace()
        self.rep: Rep = make_rep(self.workspace, "aiko", teams=("closers",))
        publish(self.workspace, policy)
        lots = random.Random(5)
        won, lost = [], []
        arrivals = []
        for nth in range(leads):
            source = lots.choice(["pricing", "list", "webinar"])
            at = BEFORE + timedelta(hours=nth)
            arrivals.append(make_arrival(source=source, received_at=at, employees=lots.choice([5, 50, 500])))
        placed = place(self.workspace.id, arrivals, now=BEFORE)
        for arrival, where in zip(arrivals, placed, strict=True):
            share = {"pricing": 0.7, "list": 0.05, "webinar": 0.3}[arrival.source]
            (won if lots.random() < share else lost).append(where.lead_id)
        self.end(won, "converted")
        self.end(lost, "retired")
        self.won, self.lost = won, lost

    def end(self, leads: list[UUID], state: str, **fields: Any) -> None:
        Lead.objects.filter(id__in=leads).update(
            state=state, ended_at=MONDAY - timedelta(days=1), owner=self.rep, due_at=None, **fields
        )

    def learn(self, **given: Any) -> ScoreModel:
        asked = predictions.ask(self.workspace.id, None, MONDAY, **given)
        return predictions.learn(self.workspace.id, asked.id, lambda: MONDAY)

    def arrives(self, source: str, now: datetime = MONDAY, **fields: Any) -> Placed:
        return place(self.workspace.id, [make_arrival(source=source, received_at=now, **fields)], now=now)[0]

    def reasons(self, lead_id: UUID, nth: int = 1) -> dict[str, Any]:
        decision = Decision.objects.get(lead=lead_id, nth=nth)
        return {reason["code"]: reason["params"] for reason in decision.reasons}


def test_a_model_is_learnt_and_says_nothing_until_it_is_switched_on() -> None:
    past = Past()
    model = past.learn()
    assert (model.state, model.number, model.active) == ("ready", 1, False)
    assert model.measures["model"]["auc"]["low"] > 0.6
    assert model.measures["verdict"] == "better"
    lead = Lead.objects.get(id=past.arrives("pricing").lead_id)
    assert (lead.likelihood, lead.score) == (None, 1)


def test_switched_on_it_says_how_likely_a_lead_is_to_be_won_and_by_which_facts() -> None:
    past = Past()
    past.learn()
    predictions.switch_on(past.workspace.id, 1, "Ops", MONDAY)
    good, bad = past.arrives("pricing"), past.arrives("list")
    likely, unlikely = (Lead.objects.get(id=placed.lead_id) for placed in (good, bad))
    assert likely.likelihood > 0.5
    assert unlikely.likelihood < 0.2
    assert (likely.score, unlikely.score) == (1, 50), "the policy counts points"
    said = past.reasons(good.lead_id)["predicted"]
    assert said["model"] == 1
    assert said["likelihood"] == likely.likelihood
    assert said["parts"][0]["fact"] == "source"
    assert said["parts"][0]["value"] == "pricing"
    assert said["parts"][0]["effect"] > 0.5


def test_a_policy_by_prediction_routes_by_what_the_model_says() -> None:
    past = Past(PREDICTED)
    assert past.arrives("list").score == 50, "until a model is switched on, points count"
    past.learn()
    predictions.switch_on(past.workspace.id, 1, "Ops", MONDAY)
    good, bad = past.arrives("pricing", employees=500), past.arrives("list", employees=500)
    assert (good.rank, good.owner) == ("hot", "aiko")
    assert (bad.rank, bad.pool) == ("cool", "inbound")


def test_new_facts_and_touches_are_heard() -> None:
    past = Past()
    past.learn(without=["touches"])
    predictions.switch_on(past.workspace.id, 1, "Ops", MONDAY)
    lead = past.arrives("webinar", employees=None)
    enrich(past.workspace.id, [Enrichment(lead.lead_id, {"source": "pricing"})], now=MONDAY)
    known = Lead.objects.get(id=lead.lead_id)
    assert known.likelihood > past.reasons(lead.lead_id)["predicted"]["likelihood"]
    assert past.reasons(lead.lead_id, 2)["predicted"]["likelihood"] == known.likelihood
    touch = Touching(MONDAY, "page", "site", "p1")
    enrich(past.workspace.id, [Enrichment(lead.lead_id, {}, touch)], now=MONDAY)
    assert "predicted" in past.reasons(lead.lead_id, 3)


def test_switching_looks_at_open_leads_again_and_at_none_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictions, "BATCH", 2)
    past = Past(PREDICTED)
    waiting = [past.arrives(source) for source in ("pricing", "list", "webinar", "list", "pricing")]
    past.learn()
    model = predictions.switch_on(past.workspace.id, 1, "Ops", MONDAY)
    assert predictions.rescore(past.workspace.id, model.id, lambda: MONDAY) == 5
    enter(past.workspace.id)
    leads = [Lead.objects.get(id=placed.lead_id) for placed in waiting]
    assert [lead.state for lead in leads] == ["owned", "pooled", "pooled", "pooled", "owned"], "the likely ones are hot"
    assert past.reasons(waiting[0].lead_id, 2)["rescored"] == {"model": 1}
    assert "enriched" not in past.reasons(waiting[0].lead_id, 2)
    assert predictions.rescore(past.workspace.id, model.id, lambda: MONDAY) == 0
    assert Lead.objects.filter(id__in=past.won, likelihood__isnull=False).count() == 0, "what has ended is left alone"

    predictions.switch_off(past.workspace.id, 1, "Ops", MONDAY)
    assert predictions.rescore(past.workspace.id, None, lambda: MONDAY) == 5
    enter(past.workspace.id)
    assert Lead.objects.filter(likelihood__isnull=False).count() == 0
    assert past.reasons(waiting[1].lead_id, 3)["rescored"] == {"model": None}
    assert Lead.objects.get(id=waiting[1].lead_id).score == 50
    assert Lead.objects.get(id=waiting[0].lead_id).owner_id == past.rep.id, "who has a lead keeps it"


def test_all_that_a_model_moves_is_one_line_of_what_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    past = Past(PREDICTED)
    ops, leads_them, leads_others = (make_user(past.workspace, role) for role in ("ops", "manager", "manager"))
    make_team(past.workspace, "closers", managers=(leads_them,))
    make_team(past.workspace, "others", managers=(leads_others,))
    placed = [past.arrives(source) for source in ("pricing", "list", "pricing", "webinar", "pricing")]
    claim_lead(caller_of(past.rep.user), placed[1].lead_id, MONDAY)
    past.learn()
    model = predictions.switch_on(past.workspace.id, 1, "Ops", MONDAY + timedelta(minutes=1))
    predictions.rescore(past.workspace.id, model.id, lambda: MONDAY + timedelta(minutes=1))

    def told(user: User, at: datetime) -> list[Any]:
        lines = feed.feed(Eyes(caller_of(user), at))
        return [(line.leads, line.model) if isinstance(line, feed.Lot) else line.kind for line in lines]

    later = MONDAY + timedelta(minutes=2)
    assert told(ops, later) == [(3, 1), "claimed"]
    assert told(leads_them, later) == [(3, 1), "claimed"]
    assert told(leads_others, later) == [], "none of theirs"

    monkeypatch.setattr(feed, "_LOOKED_PAST", 3)
    assert told(ops, later) == [(None, 1)], "more than are looked at"
    monkeypatch.undo()

    predictions.switch_off(past.workspace.id, 1, "Ops", later)
    Lead.objects.filter(id=placed[3].lead_id).update(state="review", pool=None, review="managers")
    predictions.rescore(past.workspace.id, None, lambda: later)
    assert told(ops, later) == [(1, None), (3, 1), "claimed"]


def test_a_job_for_a_model_that_is_off_again_does_nothing() -> None:
    past = Past()
    past.arrives("list")
    past.learn()
    model = predictions.switch_on(past.workspace.id, 1, "Ops", MONDAY)
    predictions.switch_off(past.workspace.id, 1, "Ops", MONDAY)
    assert predictions.rescore(past.workspace.id, model.id, lambda: MONDAY) == 0


def test_one_model_is_on_at_a_time_and_an_older_one_can_be_switched_on_again() -> None:
    past = Past()
    past.learn()
    past.learn(without=["employees"])
    predictions.switch_on(past.workspace.id, 1, "Ops", MONDAY)
    predictions.switch_on(past.workspace.id, 2, "Ops", MONDAY)
    assert list(ScoreModel.objects.filter(active=True).values_list("number", flat=True)) == [2]
    predictions.switch_on(past.workspace.id, 1, "Ops", MONDAY)
    assert past.reasons(past.arrives("list").lead_id)["predicted"]["model"] == 1
    events = Outbox.objects.filter(workspace=past.workspace, event="score_model.on").order_by("seq")
    assert [event.payload for event in events] == [{"number": n, "by": "Ops"} for n in (1, 2, 1)]


def test_what_is_not_learnt_cannot_be_switched_on() -> None:
    past = Past(leads=30)
    model = past.learn()
    assert model.state == "too_little"
    assert model.measures["lacks"] == {"code": "few_ended", "have": 30, "need": 200}
    with pytest.raises(NotReady):
        predictions.switch_on(past.workspace.id, 1, "Ops", MONDAY)
    with pytest.raises(UnknownModel):
        predictions.switch_on(past.workspace.id, 2, "Ops", MONDAY)
    with pytest.raises(UnknownModel):
        predictions.switch_off(past.workspace.id, 2, "Ops", MONDAY)


def test_asking_twice_learns_once_and_one_that_never_ends_does_not_stand_in_the_way() -> None:
    past = Past(leads=30)
    first = predictions.ask(past.workspace.id, None, MONDAY)
    assert predictions.ask(past.workspace.id, None, MONDAY).id == first.id
    assert ProcrastinateJob.objects.filter(task_name=predictions.LEARN).count() == 1
    later = predictions.ask(past.workspace.id, None, MONDAY + predictions.OVERDUE * 2)
    assert later.number == 2
    first.refresh_from_db()
    assert (first.state, first.problem) == ("failed", "overdue")
    assert predictions.learn(past.workspace.id, first.id, lambda: MONDAY).state == "failed", "it is not begun again"


def test_what_goes_wrong_is_noted_and_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    past = Past(leads=30)
    asked = predictions.ask(past.workspace.id, None, MONDAY)
    monkeypatch.setattr(learning, "learn", lambda *given: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        predictions.learn(past.workspace.id, asked.id, lambda: MONDAY)
    asked.refresh_from_db()
    assert asked.state == "failed"


def test_another_workspaces_leads_and_models_are_not_learnt_from() -> None:
    past, other = Past(leads=30), make_workspace()
    publish(other, "policy: Other\nroute: [{name: All, review: managers}]")
    assert endings.count(other.id, MONDAY) == (0, 0)
    assert predictions.latest(other.id) == []
    enter(past.workspace.id)
    assert endings.count(past.workspace.id, MONDAY)[0] == 30


def test_a_model_of_another_version_counts_as_none_and_leads_keep_coming_in() -> None:
    past = Past(PREDICTED)
    past.learn()
    predictions.switch_on(past.workspace.id, 1, "Ops", MONDAY)
    ScoreModel.objects.update(document={"format": 99})
    policies.rulebook.cache_clear()
    from dibs.distribution import rulebooks

    rulebooks.predicting.cache_clear()
    rulebooks.model.cache_clear()
    placed = past.arrives("list")
    assert placed.score == 50


# Nothing is learnt from that was not known when the lead came in.


def known(past: Past) -> dict[UUID, Any]:
    """What is learnt from of each lead, by its external id."""
    active = policies.active(past.workspace.id)
    return {str(one.facts.email): one for one in endings.endings(past.workspace.id, active, MONDAY)}


def test_facts_that_came_while_a_lead_was_worked_on_are_not_learnt_from() -> None:
    past = Past(leads=2)
    lead = past.arrives("webinar", email="late@acme.example", industry=None, attributes={"plan": "pro"}, touches=2)
    told = {"industry": "Food", "attributes": {"stage": "contract signed"}, "employees": 9}
    enrich(past.workspace.id, [Enrichment(lead.lead_id, told)], now=MONDAY)
    for nth, kind in enumerate(("page", "page", "call", "open")):
        touch = Touching(MONDAY, kind, "site", f"t{nth}", 3)
        enrich(past.workspace.id, [Enrichment(lead.lead_id, {}, touch)], now=MONDAY)
    Lead.objects.filter(id=lead.lead_id).update(assessment=90, assessed="pursue", likelihood=0.5)
    past.end([lead.lead_id], "converted")
    row = Lead.objects.get(id=lead.lead_id)
    assert (row.industry, row.touches, row.pages, row.opens) == ("Food", 5, 6, 3)
    facts = known(past)["late@acme.example"].facts
    assert (facts.industry, facts.employees, facts.attributes) == (None, None, {"plan": "pro"})
    assert (facts.touches, facts.pages, facts.opens) == (2, None, None)
    assert (facts.assessment, facts.assessed, facts.likelihood, facts.score) == (None, None, None, None)


def test_a_fact_that_is_written_down_as_leads_are_won_is_worth_nothing() -> None:
    past = Past()
    wins = [Enrichment(lead, {"attributes": {"stage": "signed"}}) for lead in past.won]
    enrich(past.workspace.id, wins, now=MONDAY)
    assert Lead.objects.filter(attributes__stage="signed").count() == len(past.won)
    model = past.learn()
    assert "attributes.stage" not in {fact["fact"] for fact in model.document["facts"]}
    assert model.measures["model"]["auc"]["value"] < 0.98


def test_duplicates_and_erased_people_say_nothing() -> None:
    past = Past(leads=10)
    past.end(past.lost[:1], "retired", retired_why="duplicate")
    past.end(past.lost[1:2], "retired", flags=["erased"])
    assert endings.count(past.workspace.id, MONDAY) == (8, len(past.won))
    assert len(known(past)) == 8


def test_leads_of_one_moment_are_learnt_from_in_one_order_wherever_the_table_has_them() -> None:
    past = Past(leads=8)
    for nth, lead in enumerate([*past.won, *past.lost]):
        Lead.objects.filter(id=lead).update(received_at=BEFORE, employees=nth)

    def in_order() -> list[int | None]:
        return [one.facts.employees for one in endings.endings(past.workspace.id, None, MONDAY)]

    before = in_order()
    Lead.objects.filter(employees=before[0]).update(title="Head of Sales")
    assert in_order() == before


def test_a_lead_that_was_open_for_half_a_year_was_not_won_and_a_younger_one_may_yet_be() -> None:
    past = Past(leads=10)
    past.arrives("list", MONDAY - endings.OPEN_FOR, email="old@acme.example")
    past.arrives("list", email="young@acme.example")
    found = known(past)
    assert not found["old@acme.example"].won
    assert "young@acme.example" not in found
    assert endings.count(past.workspace.id, MONDAY) == (11, len(past.won))


def test_the_points_of_past_leads_are_counted_by_the_policy_in_force_and_never_predicted() -> None:
    past = Past(PREDICTED)
    past.learn()
    predictions.switch_on(past.workspace.id, 1, "Ops", MONDAY)
    assert {(one.facts.source, one.points) for one in known(past).values()} == {
        ("list", 50),
        ("pricing", 1),
        ("webinar", 1),
    }


@pytest.mark.django_db(transaction=True)
def test_the_jobs_do_it_and_survive_a_workspace_that_is_gone() -> None:
    past = Past(leads=30)
    asked = predictions.ask(past.workspace.id, None, MONDAY)
    assert tasks.learn_scores(str(past.workspace.id), str(asked.id)) == "too_little"
    assert tasks.rescore_leads(str(past.workspace.id), "") == 0
    gone = str(UUID(int=1))
    assert tasks.learn_scores(gone, gone) == "gone"
    assert tasks.rescore_leads(gone, gone) == 0


# Where policies are tried, the model is asked too.


def test_drafts_versions_and_past_leads_are_tried_with_the_model_that_is_on() -> None:
    past = Past()
    past.learn()
    assert drafts.draft(past.workspace.id, PREDICTED).book.model is None
    predictions.switch_on(past.workspace.id, 1, "Ops", MONDAY)
    tried = drafts.draft(past.workspace.id, PREDICTED)
    ops = caller_of(make_user(past.workspace, "ops"))
    dry = try_arrival(ops, tried, make_arrival(source="pricing", employees=500), MONDAY)
    assert dry.becomes["likelihood"] > 0.5
    assert dry.becomes["rank"] == "hot"
    assert "predicted" in {reason.code for reason in dry.reasons}
    begun = comparing.begin(past.workspace.id, tried, BEFORE, MONDAY, draft=PREDICTED)
    result = comparing.go_through(begun).result
    assert result["rescored"] > 300
    assert result["teams"]["closers"][1] > result["teams"]["closers"][0]
    assert drafts.version(past.workspace.id, 1).book.model is not None


def test_a_calibration_by_steps_is_as_likely_as_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "way_for", lambda sums, won: "isotonic")
    learnt = learning.learn(made(6_000))
    assert learnt.measures["calibration"] == "isotonic"
    model = Model(1, learnt.document)
    off = [abs(model.predict(lead.facts).likelihood - truth(lead.facts)) for lead in made(2_000, seed=2)]
    assert sum(off) / len(off) < 0.06
    assert 0 < min(model._likelihoods) <= max(model._likelihoods) < 1
