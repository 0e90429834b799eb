"""There is no way round: who is not ready, or must not be contacted, does not come to sales; and what was decided of a lead is not undone
by its person's look at a web page."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from dibs.crm.arrival import Enrichment
from dibs.delivery import mailing
from dibs.delivery.models import Mail
from dibs.distribution import acting, claiming, nurturing
from dibs.distribution.models import Decision
from dibs.distribution.placing import enrich
from dibs.distribution.scene import Acted, Refused
from dibs.distribution.ticking import tick
from dibs.people.tenancy import enter
from tests.concurrency.truths import assert_true
from tests.integration.distribution.two_sides import Company, after
from tests.making import publish

pytestmark = pytest.mark.django_db(transaction=True)

POLICY = """
policy: Marketing first
qualify:
  score:
    - {when: 'lead.employees >= 100', add: 30}
    - {when: 'lead.pages >= 5', add: 40}
  rank: {hot: 80, warm: 20}
  ready:
    when: lead.score >= 60
    until: {team: marketing}
    give_up: {after: 60d, then: {retire: unqualified}}
  stale: {after: 30d, rank: warm, then: {pool: phones}}
route:
  - {name: Everybody, pull: {pool: inbound}}
pools:
  inbound: {lock: 15m, assign_after: 24h}
  phones: {lock: 15m, assign_after: 40d, teams: [phones]}
sla: {first_contact: 2h, then: {reassign: 2}}
idle: {after: 20d, then: {pool: inbound}}
privacy: {do_not_contact: {review: managers}}
nurture:
  sequences:
    drip: {steps: [{after: 3d, mail: hello}]}
    slow: {steps: [{after: 9d, mail: hello}, {after: 9d, mail: hello}]}
  mails:
    hello: {en: {subject: Hello, text: Hello}}
"""
#: Where what is not worth a call yet gets mails.
DRIP = """
policy: Mails
qualify: {score: [{when: 'lead.pages >= 5', add: 80}, {when: 'lead.pages >= 2', add: 10}]}
route:
  - {name: Hot, when: 'lead.score >= 75', pull: {pool: inbound}}
  - {name: Rest, nurture: true}
pools: {inbound: {assign_after: 24h}, phones: {assign_after: 90d}}
nurture:
  sequences:
    course: {steps: [{after: 1d, mail: hello}, {after: 3d, mail: hello}], replied: {review: managers}, then: {pool: phones}}
  mails:
    hello: {en: {subject: Hello, text: Hello}}
"""


def make(policy: str = POLICY) -> Company:
    return Company(policy, mia="marketing", moe="marketing", aiko="closers")


@pytest.fixture
def company() -> Company:
    return make()


def arrives(company: Company, **fields: Any) -> UUID:
    """Somebody who may be written to."""
    return company.arrives(**{"email": "ana@acme.example", "consent": True, **fields})


def test_a_lead_that_is_not_ready_any_more_is_not_given_back_to_the_pool_of_sales_that_it_came_from(
    company: Company,
) -> None:
    lead = arrives(company, pages=5)
    assert company.where(lead) == "pooled inbound"
    enrich(company.workspace.id, [Enrichment(lead, {"pages": 0})], now=after(0.01))
    assert company.lead(lead).side == "marketing"
    first = company.rep_of(lead)
    assert isinstance(acting.release(first, lead, after(0.02)), Acted)
    assert company.where(lead) == f"owned {'moe' if first is company.mia else 'mia'}"
    assert company.lead(lead).side == "marketing"
    # Nor does it come there by a first contact that was missed, from one of marketing's to the next.
    tick(after(0.2))
    assert company.where(lead) == "review"
    assert_true(company.workspace.id)


@pytest.mark.parametrize("how", ["released", "lapsed"])
def test_one_that_a_rep_of_sales_claimed_and_that_is_not_ready_any_more_goes_back_to_marketing(
    company: Company, how: str
) -> None:
    lead = arrives(company, pages=5)
    assert isinstance(claiming.claim_lead(company.aiko, lead, after(0)), claiming.Claimed)
    enrich(company.workspace.id, [Enrichment(lead, {"pages": 0})], now=after(0.001))
    assert company.where(lead) == "owned aiko", "what somebody has does not go back by itself"
    if how == "released":
        acting.release(company.aiko, lead, after(0.002))
    else:
        tick(after(0.02))
    found = company.lead(lead)
    assert (found.side, company.rep_of(lead) is not company.aiko) == ("marketing", True)
    kind = Decision.objects.filter(lead_id=lead).order_by("nth").values_list("kind", flat=True).last()
    assert kind == how
    assert_true(company.workspace.id)


@pytest.mark.parametrize("how", ["released", "lapsed", "idle"])
def test_who_must_not_be_contacted_is_not_put_before_the_next_rep(company: Company, how: str) -> None:
    lead = arrives(company, pages=5)
    claiming.claim_lead(company.aiko, lead, after(0))
    if how == "idle":
        acting.contact(company.aiko, lead, after(0.001))
    company.refuses("ana@acme.example", after(0.002))
    assert company.where(lead).endswith("aiko")
    if how == "released":
        acting.release(company.aiko, lead, after(0.003))
    else:
        tick(after(0.02 if how == "lapsed" else 21))
    assert company.where(lead) == "review"
    assert_true(company.workspace.id)


def test_one_of_marketings_that_is_left_alone_goes_to_the_next_of_marketing_and_not_to_a_pool_of_sales(
    company: Company,
) -> None:
    lead = arrives(company)
    first = company.rep_of(lead)
    acting.contact(first, lead, after(0.01))
    tick(after(20.5))
    assert company.lead(lead).side == "marketing"
    assert company.rep_of(lead) is not first


def test_one_that_went_stale_stays_on_the_phones_though_its_person_looks_at_a_page(company: Company) -> None:
    lead = arrives(company)
    acting.contact(company.rep_of(lead), lead, after(15))
    tick(after(31))
    assert company.where(lead) == "pooled phones"
    company.looks(lead, after(32))
    assert company.where(lead) == "pooled phones"
    assert Decision.objects.filter(lead_id=lead).order_by("nth").last().kind == "touched"  # type: ignore[union-attr]
    enrich(company.workspace.id, [Enrichment(lead, {"pages": 6})], now=after(33))
    assert company.where(lead) == "pooled inbound", "ready it goes on to sales"


def ready_and_put_aside(company: Company, sequence: str | None = None) -> UUID:
    lead = arrives(company, pages=5)
    claiming.claim_lead(company.aiko, lead, after(0))
    assert isinstance(acting.nurture(company.aiko, lead, after(0.001), sequence), Acted)
    assert company.where(lead) == "nurture"
    return lead


def test_a_lead_that_a_rep_put_aside_stays_aside_though_its_person_looks_at_a_page(company: Company) -> None:
    lead = ready_and_put_aside(company, "slow")
    company.looks(lead, after(1))
    found = company.lead(lead)
    assert (found.state, found.sequence, found.pages) == ("nurture", "slow", 6)
    assert tick(after(9.1)).moved["mailed"] == 1, "and it gets its mails"
    enrich(company.workspace.id, [Enrichment(lead, {"employees": 5})], now=after(10))
    assert (company.where(lead), company.lead(lead).sequence) == ("nurture", "slow"), "not from the first one again"


def test_it_comes_back_when_its_score_rises_or_its_person_writes() -> None:
    company = make(POLICY.replace("add: 40}", "add: 40}\n    - {when: 'lead.pages >= 8', add: 5}"))
    lead = ready_and_put_aside(company)
    company.looks(lead, after(1))
    assert company.where(lead) == "nurture"
    enrich(company.workspace.id, [Enrichment(lead, {"pages": 8})], now=after(2))
    assert company.where(lead) == "pooled inbound"
    other = arrives(company, pages=5, email="bo@acme.example")
    claiming.claim_lead(company.aiko, other, after(3))
    acting.nurture(company.aiko, other, after(3.001))
    company.looks(other, after(4), kind="mail")
    assert company.where(other) == "pooled inbound"


def test_one_that_was_put_aside_is_given_up_too_in_the_end(company: Company) -> None:
    lead = ready_and_put_aside(company)
    enrich(company.workspace.id, [Enrichment(lead, {"pages": 0, "employees": 5})], now=after(1))
    for day in (4, 31, 61, 62):
        tick(after(day))
    assert (company.where(lead), company.lead(lead).retired_why) == ("retired", "unqualified")


def test_who_answered_stays_before_managers_and_who_is_through_with_the_mails_stays_where_they_lead() -> None:
    company = make(DRIP)
    answered, through = arrives(company), arrives(company, email="bo@acme.example")
    tick(after(1))
    company.looks(answered, after(2), kind="mail")
    assert company.where(answered) == "review"
    company.looks(answered, after(2.1))
    assert (company.where(answered), company.lead(answered).sequence) == ("review", None)
    tick(after(4))
    tick(after(7))
    assert company.where(through) == "pooled phones"
    for count in (2, 1):
        for _ in range(count):
            company.looks(through, after(8))
        assert company.where(through) == "pooled phones"
    assert company.lead(through).score == 10
    enrich(company.workspace.id, [Enrichment(through, {"pages": 5})], now=after(9))
    assert company.where(through) == "pooled inbound"
    assert tick(after(9.5)).moved["mailed"] == 0


def test_who_refused_all_contact_after_their_lead_was_given_up_is_not_brought_back(company: Company) -> None:
    lead = arrives(company, pages=5)
    acting.retire(company.ops, lead, after(1), why="no_interest")
    company.refuses("ana@acme.example", after(2))
    assert isinstance(acting.reopen(company.ops, lead, after(3)), Acted)
    assert (company.where(lead), company.lead(lead).do_not_contact) == ("review", True), "where the policy sends them"
    publish(company.workspace, POLICY.replace("privacy: {do_not_contact: {review: managers}}\n", ""))
    acting.retire(company.ops, lead, after(4), why="no_interest")
    answer = acting.reopen(company.ops, lead, after(5))
    assert isinstance(answer, Refused)
    assert answer.refusal.code == "must_not_contact"


def test_a_mail_of_the_last_time_is_not_sent_to_a_lead_that_came_into_the_sequence_again() -> None:
    company = make(DRIP)
    lead = arrives(company)
    tick(after(1))
    enrich(company.workspace.id, [Enrichment(lead, {"pages": 5})], now=after(1.1))
    enrich(company.workspace.id, [Enrichment(lead, {"pages": 0})], now=after(1.2))
    assert (company.where(lead), company.lead(lead).sequence) == ("nurture", "course")
    enter(company.workspace.id)
    assert nurturing.send(company.workspace.id, lambda: after(1.3)) == mailing.Done(stopped=1)
    tick(after(2.3))
    assert nurturing.send(company.workspace.id, lambda: after(2.3)) == mailing.Done(sent=1)
    assert list(Mail.objects.order_by("at").values_list("state", "step")) == [("stopped", 1), ("sent", 1)]
