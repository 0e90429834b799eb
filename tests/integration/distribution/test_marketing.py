"""Leads that marketing has until they are ready for sales: who has them, what makes them ready, and what becomes of the others."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from dibs.crm.arrival import Enrichment, Touching
from dibs.crm.models import Helper, Lead
from dibs.delivery.models import Notice
from dibs.distribution import acting, moving, moving_on, policies, sooner
from dibs.distribution.answering import UnknownAnswer, answer
from dibs.distribution.dealing import Aim
from dibs.distribution.models import Decision
from dibs.distribution.moving import Wanted
from dibs.distribution.placing import enrich
from dibs.distribution.scene import Acted, Refused
from dibs.distribution.ticking import tick
from dibs.people.caller import caller_of
from dibs.people.tenancy import enter
from tests.concurrency.truths import assert_true
from tests.integration.distribution.scene import claimed
from tests.integration.distribution.two_sides import Company, after
from tests.making import make_user, publish

pytestmark = pytest.mark.django_db

POLICY = """
policy: Marketing first
qualify:
  score:
    - {when: 'lead.employees >= 100', add: 30}
    - {when: 'lead.pages >= 5', add: 40}
  questions:
    budget:
      ask: {en: Is there a budget?, ja: 予算はありますか}
      answers: {yes: 60, soon: {add: 20, says: Next year}, no: -20}
    time: {ask: When?, when: 'lead.answers.budget == "yes"', answers: {now: 10, later: 0}}
  rank: {hot: 80, warm: 20}
  ready:
    when: lead.score >= 60
    until: {team: marketing}
    give_up: {after: 60d, then: {retire: unqualified}}
  stale: {after: 30d, rank: warm, then: {team: phones}}
route:
  - {name: Hot, when: 'lead.rank == "hot"', push: {team: closers}}
  - {name: Rest, pull: {pool: inbound}}
pools:
  inbound: {lock: 15m, assign_after: 24h}
nurture:
  sequences:
    drip: {steps: [{after: 3d, mail: hello}]}
  mails:
    hello: {en: {subject: Hello, text: Hello}}
"""


@pytest.fixture
def company() -> Company:
    return Company(POLICY, mia="marketing", pia="phones", aiko="closers")


def refused(found: Any) -> str:
    assert isinstance(found, Refused), found
    assert found.refusal.remedy is not None
    return found.refusal.code


def test_a_lead_that_is_not_ready_is_a_marketing_reps_and_of_marketings_side(company: Company) -> None:
    lead = company.lead(company.arrives())
    assert (lead.state, lead.owner and lead.owner.handle, lead.side, lead.score) == ("owned", "mia", "marketing", 30)
    assert (lead.due_at, lead.due_for) == (after(30), "stale")
    codes = company.decisions(lead.id)[0][1]
    assert codes[codes.index("scored") :][:3] == ["scored", "not_ready", "chosen"]
    assert "routed" not in codes


def test_an_answer_makes_it_ready_and_it_goes_on_to_sales_in_the_same_transaction(company: Company) -> None:
    lead_id = company.arrives()
    acting.contact(company.mia, lead_id, after(0.1))
    answered = answer(company.mia, lead_id, {"budget": "yes"}, after(0.2))
    assert isinstance(answered, Acted)
    lead = company.lead(lead_id)
    assert (lead.state, lead.owner and lead.owner.handle, lead.side, lead.score) == ("owned", "aiko", "sales", 90)
    assert (lead.answers, lead.contacted_at, lead.taken_by) == ({"budget": "yes"}, None, "assigned")
    kind, codes = company.decisions(lead_id)[-1]
    assert kind == "qualified"
    assert codes[:2] == ["answered", "scored"]
    assert {"ready", "routed", "chosen"} <= set(codes)
    assert "enriched" not in codes
    # Who had it is free of it, without fault, and hears of it.
    assert (company.standing(company.mia).open_leads, company.standing(company.mia).skips) == (0, 0)
    assert (company.standing(company.aiko).open_leads, company.standing(company.aiko).holding) == (1, 1)
    (notice,) = Notice.objects.filter(user_id=company.mia.user_id)
    assert (notice.kind, notice.reasons[0]["params"]) == ("lead_qualified", {"lead": str(lead_id)})
    assert_true(company.workspace.id)


def test_so_does_what_the_person_does_and_what_becomes_known(company: Company) -> None:
    touched, enriched = company.arrives(email="ann@acme.example"), company.arrives(email="bob@acme.example")
    company_id = company.workspace.id
    enrich(company_id, [Enrichment(touched, {}, Touching(after(1), "page", "site", count=6))], now=after(1))
    enrich(company_id, [Enrichment(enriched, {"answers": {"budget": "yes"}})], now=after(1))
    for lead_id in (touched, enriched):
        lead = company.lead(lead_id)
        assert (lead.side, company.decisions(lead_id)[-1][0]) == ("sales", "qualified")
    assert company.lead(touched).pool == "inbound"
    assert company.lead(touched).waiting_since == after(1)
    assert Notice.objects.filter(user_id=company.mia.user_id, kind="lead_qualified").count() == 2
    assert_true(company_id)


def test_a_lead_of_sales_that_somebody_has_stays_there_though_it_is_not_ready_any_more(company: Company) -> None:
    lead_id = company.arrives(answers={"budget": "yes"})
    assert company.lead(lead_id).side == "sales"
    assert isinstance(answer(company.aiko, lead_id, {"budget": "no"}, after(1)), Acted)
    lead = company.lead(lead_id)
    assert (lead.owner and lead.owner.handle, lead.side, lead.score) == ("aiko", "sales", 10)


def test_one_that_a_manager_gave_by_hand_stays_with_whom_they_gave_it_to(company: Company) -> None:
    lead_id = company.arrives()
    acting.assign(company.ops, lead_id, "pia", after(1))
    answer(company.reps["pia"], lead_id, {"budget": "yes"}, after(2))
    lead = company.lead(lead_id)
    assert (lead.owner and lead.owner.handle, lead.score) == ("pia", 90)
    tick(after(90))
    assert company.lead(lead_id).state == "owned"


def test_what_a_manager_sends_to_a_pool_of_sales_is_kept_by_who_claims_it_there(company: Company) -> None:
    publish(company.workspace, POLICY.replace("until: {team: marketing}", "until: {review: managers}"))
    lead_id = company.arrives()
    assert (company.lead(lead_id).state, company.lead(lead_id).side) == ("review", "marketing")
    assert isinstance(acting.return_to_pool(company.ops, lead_id, "inbound", after(0.1)), Acted)
    enrich(company.workspace.id, [Enrichment(lead_id, {}, Touching(after(0.2), "page", "site"))], now=after(0.2))
    lead = company.lead(lead_id)
    assert (lead.state, lead.pool, lead.side, lead.pages) == ("pooled", "inbound", "sales", 1)
    claimed(company.aiko, lead_id, after(0.3))
    assert isinstance(acting.contact(company.aiko, lead_id, after(0.3)), Acted)
    # What makes it ready does not take it away from who sells it already.
    assert isinstance(answer(company.aiko, lead_id, {"budget": "yes"}, after(0.4)), Acted)
    lead = company.lead(lead_id)
    assert (lead.state, lead.owner and lead.owner.handle, lead.side, lead.score) == ("working", "aiko", "sales", 90)


def test_so_it_is_with_many_that_are_moved_there(company: Company) -> None:
    lead_id = company.arrives()
    move = moving.plan(company.ops, Wanted(aim=Aim("pool", "inbound")), after(0.1), [lead_id])
    assert moving.start(company.ops, move.id, after(0.1)) is not None
    moving_on.carry_on(company.workspace.id, move.id, lambda: after(0.1))
    company.looks(lead_id, after(0.2))
    lead = company.lead(lead_id)
    assert (lead.state, lead.pool, lead.side, lead.by_hand) == ("pooled", "inbound", "sales", True)


def test_given_back_unready_it_is_marketings_again(company: Company) -> None:
    publish(company.workspace, POLICY.replace("until: {team: marketing}", "until: {review: managers}"))
    lead_id = company.arrives()
    assert isinstance(acting.return_to_pool(company.ops, lead_id, "inbound", after(0.1)), Acted)
    claimed(company.aiko, lead_id, after(0.2))
    assert isinstance(acting.release(company.aiko, lead_id, after(0.2)), Acted)
    lead = company.lead(lead_id)
    assert (lead.state, lead.side, lead.owner) == ("review", "marketing", None)
    assert_true(company.workspace.id)


def test_after_30_days_a_warm_one_goes_to_the_phones_and_after_60_it_is_given_up(company: Company) -> None:
    lead_id = company.arrives()
    tick(after(29.9))
    assert company.lead(lead_id).version == 1
    tick(after(30))
    lead = company.lead(lead_id)
    assert (lead.owner and lead.owner.handle, lead.side, lead.due_for, lead.due_at) == (
        "pia",
        "marketing",
        "unready",
        after(60),
    )
    tick(after(45))
    tick(after(60))
    lead = company.lead(lead_id)
    assert (lead.state, lead.retired_why, lead.ended_at, lead.owner, lead.due_at) == (
        "retired",
        "unqualified",
        after(60),
        None,
        None,
    )
    assert company.decisions(lead_id)[-1] == ("retired", ["gave_up", "retired_by_policy"])
    assert company.standing(company.reps["pia"]).open_leads == 0
    assert_true(company.workspace.id)


def test_many_that_fall_due_at_once_are_each_done_once(company: Company) -> None:
    leads = [company.arrives(email=f"p{n}@acme.example") for n in range(30)]
    tick(after(60))
    tick(after(60))
    assert {company.lead(lead).state for lead in leads} == {"retired"}
    assert all(len(company.decisions(lead)) == 2 for lead in leads)


def test_answers_come_with_a_lead_too_and_unknown_ones_are_kept_and_flagged(company: Company) -> None:
    known = company.lead(company.arrives(answers={"budget": "soon"}))
    assert (known.score, known.flags) == (50, [])
    unknown = company.lead(company.arrives(answers={"budget": "plenty", "mood": "good"}))
    assert (unknown.score, unknown.flags, unknown.answers) == (
        30,
        ["answers_unknown"],
        {"budget": "plenty", "mood": "good"},
    )
    more = company.arrives()
    enrich(company.workspace.id, [Enrichment(more, {"answers": {"mood": "good"}})], now=after(1))
    enrich(company.workspace.id, [Enrichment(more, {"answers": {"budget": "soon"}})], now=after(2))
    lead = company.lead(more)
    assert (lead.answers, lead.flags, lead.score) == ({"mood": "good", "budget": "soon"}, ["answers_unknown"], 50)


def test_the_same_person_again_adds_answers_to_their_lead(company: Company) -> None:
    lead_id = company.arrives(email="ann@acme.example", answers={"budget": "soon"})
    company.arrives(at=after(1), email="ann@acme.example", answers={"time": "now"})
    assert company.lead(lead_id).answers == {"budget": "soon", "time": "now"}


def test_who_may_answer(company: Company) -> None:
    lead_id = company.arrives()
    assert refused(answer(company.aiko, lead_id, {"budget": "yes"}, after(1))) == "not_yours"
    assert (
        refused(answer(caller_of(make_user(company.workspace, "manager")), lead_id, {"budget": "yes"}, after(1)))
        == "not_yours"
    )
    Helper.objects.create(workspace=company.workspace, lead_id=lead_id, rep_id=company.reps["pia"].rep_id)
    for caller, given in ((company.reps["pia"], "no"), (company.boss, "soon"), (company.ops, None)):
        assert isinstance(answer(caller, lead_id, {"budget": given}, after(1)), Acted)
    assert company.lead(lead_id).answers == {}
    enter(company.workspace.id)
    assert list(Decision.objects.filter(lead_id=lead_id, kind="enriched").values_list("actor_id", flat=True)) == [
        company.reps["pia"].user_id,
        company.boss.user_id,
        company.ops.user_id,
    ]


def test_a_question_is_asked_of_leads_that_it_is_for_and_takes_its_own_answers(company: Company) -> None:
    lead_id = company.arrives()
    for wrong in ({"budget": "plenty"}, {"mood": "good"}, {"time": "now"}, {"mood": None}):
        with pytest.raises(UnknownAnswer):
            answer(company.mia, lead_id, wrong, after(1))
    assert company.lead(lead_id).answers == {}
    # One answer may be what another question is asked for.
    assert isinstance(answer(company.mia, lead_id, {"budget": "yes", "time": "now"}, after(1)), Acted)
    assert company.lead(lead_id).score == 100


def test_the_same_answer_again_changes_nothing_and_an_ended_lead_takes_none(company: Company) -> None:
    lead_id = company.arrives()
    answer(company.mia, lead_id, {"budget": "no"}, after(1))
    version = company.lead(lead_id).version
    assert isinstance(answer(company.mia, lead_id, {"budget": "no"}, after(2)), Acted)
    assert company.lead(lead_id).version == version
    acting.retire(company.mia, lead_id, after(3), why="no_budget")
    assert refused(answer(company.mia, lead_id, {"budget": "yes"}, after(4))) == "already_ended"
    assert answer(company.mia, UUID(int=1), {"budget": "yes"}, after(4)) is None


# By hand.


def test_a_rep_takes_a_lead_away_from_sales_for_now_and_it_comes_back_when_it_is_ready(company: Company) -> None:
    lead_id = company.arrives(email="ann@acme.example", consent=True)
    acting.contact(company.mia, lead_id, after(1))
    assert isinstance(acting.nurture(company.mia, lead_id, after(2), why="next year"), Acted)
    lead = company.lead(lead_id)
    assert (lead.state, lead.owner, lead.side, lead.sequence, lead.mailed, lead.mailed_at) == (
        "nurture", None, "marketing", "drip", 0, after(2),
    )  # fmt: skip
    kind, codes = company.decisions(lead_id)[-1]
    assert (kind, codes) == ("nurtured", ["nurtured_by", "in_nurture", "in_sequence"])
    assert company.standing(company.mia).open_leads == 0
    enrich(company.workspace.id, [Enrichment(lead_id, {"answers": {"budget": "yes"}})], now=after(3))
    lead = company.lead(lead_id)
    assert (lead.owner and lead.owner.handle, lead.side, lead.sequence, lead.mailed_at) == ("aiko", "sales", None, None)
    assert_true(company.workspace.id)


def test_who_may_take_it_away_and_into_which_sequence(company: Company) -> None:
    lead_id = company.arrives()
    assert refused(acting.nurture(company.aiko, lead_id, after(1))) == "not_yours"
    with pytest.raises(LookupError):
        acting.nurture(company.mia, lead_id, after(1), "weekly")
    assert isinstance(acting.nurture(company.boss, lead_id, after(1), "drip"), Acted)
    assert refused(acting.nurture(company.boss, lead_id, after(2))) == "not_now"


def test_a_retired_lead_is_reopened_and_placed_as_if_it_had_just_come(company: Company) -> None:
    lead_id = company.arrives(answers={"budget": "yes"})
    acting.contact(company.aiko, lead_id, after(1))
    acting.retire(company.aiko, lead_id, after(2), why="bad_timing", note="after summer")
    assert (company.lead(lead_id).retired_why, company.lead(lead_id).ended_at) == ("bad_timing", after(2))
    assert refused(acting.reopen(company.mia, lead_id, after(3))) == "not_yours"
    assert isinstance(acting.reopen(company.aiko, lead_id, after(3), why="they rang"), Acted)
    lead = company.lead(lead_id)
    assert (lead.state, lead.owner and lead.owner.handle, lead.retired_why, lead.ended_at, lead.contacted_at) == (
        "owned", "aiko", None, None, None,
    )  # fmt: skip
    assert (lead.waiting_since, lead.reassigned, lead.escalated) == (after(3), 0, 0)
    kind, codes = company.decisions(lead_id)[-1]
    assert (kind, codes[0]) == ("reopened", "reopened")
    assert company.standing(company.aiko).open_leads == 1
    assert refused(acting.reopen(company.ops, lead_id, after(4))) == "not_now"
    assert_true(company.workspace.id)


def test_what_the_policy_gave_up_a_manager_reopens(company: Company) -> None:
    lead_id = company.arrives()
    tick(after(60))
    assert company.lead(lead_id).state == "retired"
    assert refused(acting.reopen(company.mia, lead_id, after(61))) == "not_yours"
    assert isinstance(acting.reopen(company.boss, lead_id, after(61)), Acted)
    lead = company.lead(lead_id)
    assert (lead.owner and lead.owner.handle, lead.side, lead.due_at) == ("mia", "marketing", after(91))


def test_a_converted_lead_is_not_reopened(company: Company) -> None:
    lead_id = company.arrives(answers={"budget": "yes"})
    acting.contact(company.aiko, lead_id, after(1))
    acting.convert(company.aiko, lead_id, after(2))
    assert refused(acting.reopen(company.aiko, lead_id, after(3))) == "already_ended"


def test_nor_one_whose_person_has_come_again_or_must_not_be_contacted(company: Company) -> None:
    first = company.arrives(email="ann@acme.example")
    acting.retire(company.mia, first, after(1), why="no_interest")
    second = company.arrives(at=after(2), email="ann@acme.example")
    assert second != first
    assert refused(acting.reopen(company.mia, first, after(3))) == "here_again"
    acting.retire(company.mia, second, after(4), why="no_interest")
    Lead.objects.filter(id=second).update(do_not_contact=True)
    assert refused(acting.reopen(company.mia, second, after(5))) == "must_not_contact"
    assert isinstance(acting.reopen(company.mia, first, after(5)), Acted)


def test_whoever_must_not_be_contacted_is_given_up_on_arrival_or_as_the_policy_says(company: Company) -> None:
    lead_id = company.arrives(email="ann@acme.example")
    Lead.objects.filter(id=lead_id).update(
        do_not_contact=True, state="review", review="managers", owner=None, claim=None
    )
    enrich(company.workspace.id, [Enrichment(lead_id, {"title": "CEO"})], now=after(1))
    lead = company.lead(lead_id)
    assert (lead.state, lead.retired_why, lead.ended_at) == ("retired", "do_not_contact", after(1))
    assert company.decisions(lead_id)[-1][0] == "requalified"


# Policies that change.


def test_a_policy_that_gives_up_sooner_has_leads_of_marketing_looked_at_sooner(company: Company) -> None:
    reps, pooled = company.arrives(email="a@acme.example"), company.arrives(email="b@acme.example")
    acting.nurture(company.mia, pooled, after(0.5))
    assert {company.lead(lead).due_at for lead in (reps,)} == {after(30)}
    before = policies.active(company.workspace.id)
    publish(company.workspace, POLICY.replace("after: 60d", "after: 10d"))
    now_active = policies.active(company.workspace.id)
    assert before is not None
    assert now_active is not None
    sooner.bring_forward(company.workspace.id, before.book.policy, now_active.book.policy, after(1))
    assert (company.lead(reps).due_at, company.lead(reps).due_for) == (after(10), "unready")
    tick(after(11))
    assert company.lead(reps).state == company.lead(pooled).state == "retired"
    assert sooner.bring_forward(company.workspace.id, before.book.policy, now_active.book.policy, after(1)) == 0
