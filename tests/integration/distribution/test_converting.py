"""A lead becomes an opportunity: what is made, what goes along, what is closed on the spot, and what it counts for."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError

from dibs.crm.accounts import Told, write_accounts
from dibs.crm.models import Account, Activity, Appointment, Contact, NearMiss, Note, Opportunity
from dibs.delivery.models import Outbox
from dibs.distribution import acting, claiming, deciding_near_misses
from dibs.distribution.models import Credit, Decision, Result
from dibs.distribution.placing import place
from dibs.distribution.results import count
from dibs.distribution.standings import records
from dibs.insight.matches import matches_page
from dibs.insight.reports import report
from dibs.people.caller import caller_of
from dibs.people.tenancy import enter
from tests.concurrency.truths import assert_true
from tests.integration.distribution.scene import POLICY, Scene, after, claimed, refused
from tests.making import MONDAY, make_arrival, make_user, publish

pytestmark = pytest.mark.django_db

SMALL = POLICY + "opportunities: {close_at_once: {under: 5000, currency: EUR}}\n"


def convert(scene: Scene, lead_id: UUID, **given: Any) -> Opportunity:
    answer = acting.convert(scene.aiko, lead_id, after(5), **given)
    assert isinstance(answer, acting.Acted), answer
    return deal_of(scene, lead_id)


def deal_of(scene: Scene, lead_id: UUID) -> Opportunity:
    enter(scene.workspace.id)
    return Opportunity.objects.select_related("owner", "account", "contact").get(lead_id=lead_id)


def held(scene: Scene, **fields: Any) -> UUID:
    """A lead that Aiko has claimed."""
    lead_id = scene.arrives(**fields).lead_id
    claimed(scene.aiko, lead_id, after(1))
    return lead_id


def codes(scene: Scene, lead_id: UUID) -> list[str]:
    enter(scene.workspace.id)
    last = Decision.objects.filter(lead_id=lead_id).order_by("-nth").first()
    assert last is not None
    return [reason["code"] for reason in last.reasons]


def test_an_opportunity_is_made_with_what_was_said(scene: Scene) -> None:
    lead_id = held(scene, company="Acme", domain="acme.example", email="lucia@acme.example", name="Lucia Torres")
    deal = convert(
        scene,
        lead_id,
        name="Fleet",
        amount=Decimal("1200.5"),
        currency="EUR",
        stage="proposal",
        close_on=date(2026, 4, 1),
    )
    assert (deal.name, deal.amount, deal.currency, deal.stage, deal.state) == (
        "Fleet", Decimal("1200.50"), "EUR", "proposal", "open",
    )  # fmt: skip
    assert (deal.close_on, deal.owner.handle, deal.version) == (date(2026, 4, 1), "aiko", 0)
    assert deal.account is not None
    assert deal.contact is not None
    assert (deal.account.name, deal.contact.email) == ("Acme", "lucia@acme.example")
    lead = scene.lead(lead_id)
    assert (lead.state, lead.ended_at, lead.owner.handle) == ("converted", after(5), "aiko")
    assert (lead.account_id, lead.contact_id) == (deal.account_id, deal.contact_id)
    assert_true(scene.workspace.id)


def test_what_is_not_said_comes_from_the_lead_and_the_policy(scene: Scene) -> None:
    lead_id = held(scene, company="Acme", deal_value=Decimal(900), currency="MXN")
    deal = convert(scene, lead_id)
    assert (deal.name, deal.amount, deal.currency, deal.stage) == ("Acme", Decimal("900.00"), "MXN", "qualified")


def test_an_account_and_a_contact_that_are_here_are_found_and_not_doubled(scene: Scene) -> None:
    one = held(scene, company="Acme", domain="acme.example", email="a@acme.example", name="Ana")
    account = Account.objects.get(domain="acme.example")
    two = held(scene, company="Acme Inc", domain="acme.example", email="b@acme.example", name="Ben")
    assert convert(scene, one).account_id == convert(scene, two).account_id == account.id
    assert Account.objects.count() == 1
    assert Contact.objects.filter(account=account).count() == 2


def test_a_person_with_nothing_but_a_name_gets_a_contact_at_conversion(scene: Scene) -> None:
    lead_id = held(scene, company=None, domain=None, email=None, name="Lucia Torres")
    assert scene.lead(lead_id).contact_id is None
    deal = convert(scene, lead_id)
    assert deal.contact is not None
    assert (deal.contact.name, deal.account_id) == ("Lucia Torres", None)
    assert "contact_made" in codes(scene, lead_id)


def test_of_one_that_may_belong_to_an_account_none_is_made_until_that_is_decided(scene: Scene) -> None:
    known = {"name": "Acme Manufacturing", "domain": "acme.example"}
    write_accounts(scene.workspace.id, [Told(frozenset(known), **known)], MONDAY)  # type: ignore[arg-type]
    lead_id = held(scene, company="Acme Manufakturing", domain=None, email=None)
    near = NearMiss.objects.get(lead_id=lead_id)
    deal = convert(scene, lead_id)
    assert deal.account_id is None
    assert Account.objects.count() == 1
    ops = caller_of(make_user(scene.workspace, "ops"))
    assert [match.id for match in matches_page(ops, "open", now=after(6)).items] == [near.id]
    assert isinstance(deciding_near_misses.decide(ops, near.id, after(6), same=True), deciding_near_misses.Decided)
    account = Account.objects.get()
    assert (deal_of(scene, lead_id).account_id, scene.lead(lead_id).account_id) == (account.id, account.id)
    assert scene.lead(lead_id).state == "converted"
    deciding_near_misses.reopen(ops, near.id, after(7))
    assert deal_of(scene, lead_id).account_id is None


def test_where_people_alone_make_accounts_none_is_made(scene: Scene) -> None:
    publish(scene.workspace, POLICY + "matching: {make: never}\n")
    deal = convert(scene, held(scene))
    assert (deal.account_id, deal.contact_id) == (None, None)
    assert not Account.objects.exists()


def test_notes_activities_and_appointments_go_along_and_stay_with_the_lead(scene: Scene) -> None:
    lead_id, other = held(scene), held(scene)
    rep = {"workspace_id": scene.workspace.id, "lead_id": lead_id}
    Note.objects.create(**rep, text="Asked for a quote")
    Note.objects.create(workspace_id=scene.workspace.id, lead_id=other, text="Another's")
    Activity.objects.create(**rep, kind="call", rep_id=scene.aiko.rep_id, due_at=after(60))
    Appointment.objects.create(**rep, rep_id=scene.aiko.rep_id, title="Demo", starts_at=after(60), ends_at=after(90))
    deal = convert(scene, lead_id)
    for kind in (Note, Activity, Appointment):
        assert [one.lead_id for one in kind.objects.filter(opportunity=deal)] == [lead_id]


def test_it_is_told_of_without_what_is_in_it(scene: Scene) -> None:
    lead_id = held(scene, company="Canary Ltd")
    deal = convert(scene, lead_id, amount=Decimal(777), currency="EUR")
    enter(scene.workspace.id)
    event = Outbox.objects.get(event="opportunity.created")
    assert event.lead == lead_id
    assert event.payload == {
        "opportunity": str(deal.id), "lead": str(lead_id), "stage": "qualified", "was": None, "state": "open",
        "rep": "aiko", "rep_name": "Aiko",
    }  # fmt: skip
    assert "777" not in str(event.payload) + str(Outbox.objects.get(event="lead.converted").payload)


def test_a_small_one_is_closed_on_the_spot(scene: Scene) -> None:
    publish(scene.workspace, SMALL)
    lead_id = held(scene, company="Acme", domain="acme.example")
    deal = convert(scene, lead_id, amount=Decimal("4999.99"), currency="EUR", close=True)
    assert (deal.state, deal.ended_at) == ("won", after(5))
    assert deal.account is not None
    assert deal.account.customer
    assert {"opportunity_won", "customer_won"} <= set(codes(scene, lead_id))
    events = Outbox.objects.filter(event__startswith="opportunity.").order_by("seq").values_list("event", flat=True)
    assert list(events) == ["opportunity.created", "opportunity.won"]


@pytest.mark.parametrize(
    ("policy", "given", "code"),
    [
        (SMALL, {"amount": Decimal(5000), "currency": "EUR"}, "too_big_to_close"),
        (SMALL, {"amount": Decimal(10), "currency": "USD"}, "too_big_to_close"),
        (SMALL, {}, "too_big_to_close"),
        (POLICY, {"amount": Decimal(1), "currency": "EUR"}, "closing_not_allowed"),
    ],
)
def test_what_may_not_be_closed_on_the_spot_is_refused_and_nothing_is_made(
    scene: Scene, policy: str, given: dict[str, Any], code: str
) -> None:
    publish(scene.workspace, policy)
    lead_id = held(scene)
    before = Account.objects.count(), Contact.objects.count()
    answer = acting.convert(scene.aiko, lead_id, after(5), close=True, **given)
    assert refused(answer) == code
    assert not Opportunity.objects.exists()
    assert (Account.objects.count(), Contact.objects.count()) == before
    assert scene.lead(lead_id).state == "owned"


def test_an_unknown_stage_is_refused_and_nothing_is_made(scene: Scene) -> None:
    lead_id = held(scene)
    with pytest.raises(acting.UnknownStage):
        acting.convert(scene.aiko, lead_id, after(5), stage="won")
    assert not Opportunity.objects.exists()
    assert scene.lead(lead_id).state == "owned"


def test_a_lead_is_converted_once(scene: Scene) -> None:
    lead_id = held(scene)
    convert(scene, lead_id)
    assert refused(acting.convert(scene.aiko, lead_id, after(6))) == "already_ended"
    assert Opportunity.objects.count() == 1
    with pytest.raises(IntegrityError):
        Opportunity.objects.create(
            workspace=scene.workspace, lead_id=lead_id, owner_id=scene.aiko.rep_id, name="x", stage="qualified"
        )


def test_a_lead_that_nobody_has_is_not_converted(scene: Scene) -> None:
    waiting = scene.arrives().lead_id
    ops = caller_of(make_user(scene.workspace, "ops"))
    assert refused(acting.convert(ops, waiting, after(5))) == "not_now"
    assert refused(acting.convert(scene.aiko, waiting, after(5))) == "not_yours"


def test_who_leads_the_rep_converts_for_them_and_the_opportunity_is_the_reps(scene: Scene) -> None:
    lead_id = held(scene)
    assert isinstance(acting.convert(scene.manager, lead_id, after(5)), acting.Acted)
    assert deal_of(scene, lead_id).owner.handle == "aiko"


# What a conversion counts for


def test_it_frees_the_reps_hands(scene: Scene) -> None:
    leads = [held(scene), held(scene)]
    more = scene.arrives().lead_id
    assert refused(claiming.claim_lead(scene.aiko, more, after(2))) == "holding_cap"
    convert(scene, leads[0])
    standing = scene.standing(scene.aiko)
    assert (standing.holding, standing.open_leads) == (1, 1)
    claimed(scene.aiko, more, after(6))


def test_it_counts_for_the_record_that_tiers_are_made_of(scene: Scene) -> None:
    won, lost = held(scene), held(scene)
    convert(scene, won)
    acting.retire(scene.aiko, lost, after(6), why="no_interest")
    assert scene.aiko.rep_id is not None
    assert records(scene.workspace.id, [scene.aiko.rep_id], MONDAY) == {scene.aiko.rep_id: (2, 1)}


def test_it_counts_for_the_best_match(scene: Scene) -> None:
    push = "{name: All, push: {team: closers, by: best_match}, fallback: {review: closers}}"
    publish(scene.workspace, f"policy: P\nbest_match: {{kinds: [country], over: 30d}}\nroute: [{push}]\n")
    (placed,) = place(scene.workspace.id, [make_arrival()], now=MONDAY)
    owner = scene.lead(placed.lead_id).owner
    rep = scene.aiko if owner.handle == "aiko" else scene.budi
    assert isinstance(acting.convert(rep, placed.lead_id, after(5)), acting.Acted)
    count(scene.workspace.id, after(10))
    assert [(one.closed, one.converted) for one in Result.objects.filter(rep_id=rep.rep_id)] == [(1, 1)]


def test_it_earns_what_the_policy_gives_for_it(scene: Scene) -> None:
    publish(scene.workspace, POLICY + "credits: {claim: 1, convert: 10}\n")
    convert(scene, held(scene))
    assert [(one.what, int(one.points)) for one in Credit.objects.filter(what="convert")] == [("convert", 10)]


def test_it_is_counted_in_reports(scene: Scene) -> None:
    publish(scene.workspace, SMALL)
    convert(scene, held(scene), amount=Decimal(10), currency="EUR", close=True)
    convert(scene, held(scene))
    ops = caller_of(make_user(scene.workspace, "ops"))
    told = report(ops, "source", MONDAY, after(60), after(60))
    assert (told.total.leads, told.total.converted, told.total.won) == (2, 2, 1)
    assert dict(told.won) == {"EUR": Decimal("10.00")}
