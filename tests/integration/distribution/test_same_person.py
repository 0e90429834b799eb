"""The same person again is a touch on the open lead, and not a second lead."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from dibs.crm.arrival import Enrichment, Touching
from dibs.crm.models import KnownBy, Lead, NearMiss, Touch
from dibs.delivery.models import Notice, Outbox
from dibs.distribution import acting
from dibs.distribution.placing import Placed, enrich, place
from dibs.people.tenancy import enter
from tests.integration.distribution.scene import POLICY, Scene, after, claimed, make_scene
from tests.making import MONDAY, make_arrival, publish


@pytest.fixture
def scene(db: None) -> Scene:
    return make_scene()


def arrive(scene: Scene, *given: dict[str, Any], minutes: float = 0) -> list[Placed]:
    enter(scene.workspace.id)
    return place(scene.workspace.id, [make_arrival(**fields) for fields in given], now=after(minutes))


AIKO = {"email": "aiko.tanaka@acme.example", "name": "Aiko Tanaka", "phone": None}


def test_a_second_message_of_the_same_mailbox_touches_the_open_lead(scene: Scene) -> None:
    (first,) = arrive(scene, AIKO)
    (again,) = arrive(scene, {**AIKO, "email": "Aiko.Tanaka+Demo@acme.example", "source": "demo_request"}, minutes=5)
    assert (again.lead_id, again.touched, first.touched) == (first.lead_id, True, False)
    lead = scene.lead(first.lead_id)
    assert (Lead.objects.count(), lead.touches, lead.last_touch_at) == (1, 2, MONDAY)
    touch = Touch.objects.get()
    assert (touch.lead_id, touch.kind, touch.source, touch.count) == (first.lead_id, "form", "demo_request", 1)
    assert scene.story(first.lead_id) == [("placed", "new", "pooled"), ("touched", "pooled", "pooled")]
    assert Outbox.objects.filter(event="lead.touched", lead=first.lead_id).count() == 1


def test_a_touch_fills_what_the_lead_lacks_and_says_what_the_person_wants_now(scene: Scene) -> None:
    (first,) = arrive(scene, {**AIKO, "employees": 50, "product": "crm", "attributes": {"campaign": "spring"}})
    arrive(
        scene,
        {**AIKO, "employees": 900, "industry": "Software", "product": "erp", "attributes": {"page": "/demo"}},
        minutes=1,
    )
    lead = scene.lead(first.lead_id)
    assert (lead.employees, lead.industry, lead.product, lead.source) == (50, "Software", "erp", "webform")
    assert lead.attributes == {"campaign": "spring", "page": "/demo", "last_source": "webform"}


def test_a_touch_has_a_waiting_lead_qualified_and_routed_anew(scene: Scene) -> None:
    (first,) = arrive(scene, {**AIKO, "employees": None})
    assert first.pool == "inbound"
    (again,) = arrive(scene, {**AIKO, "employees": 2000}, minutes=1)
    assert (again.state, again.lead_id) == ("owned", first.lead_id)
    assert scene.story(first.lead_id)[-1] == ("requalified", "pooled", "owned")


def test_who_has_the_lead_keeps_it_and_is_told(scene: Scene) -> None:
    (first,) = arrive(scene, {**AIKO, "employees": 2000})
    assert first.state == "owned"
    (again,) = arrive(scene, AIKO, minutes=3)
    assert (again.owner, again.state) == (first.owner, "owned")
    notice = Notice.objects.get(kind="lead_touched")
    assert notice.reasons[0]["params"] == {"lead": str(first.lead_id), "count": 1}
    assert scene.lead(first.lead_id).acted_at == after(3)


def test_a_number_with_a_like_name_is_the_same_person_and_with_another_name_is_not(scene: Scene) -> None:
    phone = "+81335803311"
    (first,) = arrive(scene, {"email": None, "phone": phone, "name": "Aiko Tanaka"})
    (turned,) = arrive(scene, {"email": None, "phone": phone, "name": "Tanaka, Aiko"})
    (misspelt,) = arrive(scene, {"email": "a@other.example", "phone": phone, "name": "Aiko Tanakka"})
    (other,) = arrive(scene, {"email": None, "phone": phone, "name": "Benito Juárez"})
    assert {turned.lead_id, misspelt.lead_id} == {first.lead_id}
    assert other.lead_id != first.lead_id
    assert scene.lead(first.lead_id).touches == 3


def test_a_companys_mailbox_is_nobodys_own(scene: Scene) -> None:
    info = {"email": "info@acme.example"}
    (first,) = arrive(scene, {**info, "name": "Aiko Tanaka"})
    (same,) = arrive(scene, {**info, "name": "AIKO TANAKA"})
    (other,) = arrive(scene, {**info, "name": "Benito Juárez"})
    assert same.lead_id == first.lead_id
    assert other.lead_id != first.lead_id


def test_names_that_are_somewhat_alike_are_put_before_a_person(scene: Scene) -> None:
    phone = "+81335803311"
    (first,) = arrive(scene, {"email": None, "phone": phone, "name": "Aiko Tanaka"})
    (near,) = arrive(scene, {"email": None, "phone": phone, "name": "A. Tanaka"})
    assert near.lead_id != first.lead_id
    miss = NearMiss.objects.get()
    assert (miss.lead_id, miss.other_id, miss.state) == (near.lead_id, first.lead_id, "open")
    assert miss.score == 0.75
    assert [part["part"] for part in miss.parts] == ["phone", "name"]


def test_who_are_somewhat_alike_in_one_batch_are_put_before_a_person_too(scene: Scene) -> None:
    phone = "+81335803311"
    names = ("Aiko Tanaka", "A. Tanaka", "Benito Juárez")
    placed = arrive(scene, *({"email": None, "phone": phone, "name": name} for name in names))
    assert len({one.lead_id for one in placed}) == 3
    miss = NearMiss.objects.get()
    assert (miss.lead_id, miss.other_id) == (placed[1].lead_id, placed[0].lead_id)


MARIA = {"email": "maria.garcia@norte.example", "domain": "norte.example", "company": "Norte", "name": "Maria Garcia"}


@pytest.mark.parametrize(
    ("other", "asked"),
    [
        ({"name": "Mario Garcia", "email": "mario.garcia@norte.example", "domain": "norte.example", "company": "Norte"}, True),
        ({"name": "Mario Garcia", "email": "mario@home.example", "domain": None, "company": None}, True),
        ({"name": "Mariana Grande", "email": "m.grande@norte.example", "domain": "norte.example", "company": "Norte"}, False),
        ({"name": "Mariana Grande", "email": None, "domain": None, "company": "Zapatería Juárez"}, False),
        ({"name": "Mariana Grande", "email": None, "domain": None, "company": None}, True),
    ],
)  # fmt: skip
@pytest.mark.parametrize("together", [False, True])
def test_colleagues_and_other_companies_people_at_one_number_are_not_made_one(
    scene: Scene, other: dict[str, Any], asked: bool, together: bool
) -> None:
    both = [{**one, "phone": "+525512345678"} for one in (MARIA, other)]
    first, second = arrive(scene, *both) if together else [arrive(scene, one)[0] for one in both]
    assert not second.touched
    assert second.lead_id != first.lead_id
    assert NearMiss.objects.filter(lead_id=second.lead_id, other_id=first.lead_id).exists() == asked


def test_a_number_and_a_common_mailbox_are_no_two_proofs_of_a_name_that_is_half_alike(scene: Scene) -> None:
    both = {"email": "info@norte.example", "phone": "+525512345678"}
    arrive(scene, {**both, "name": "John Smith"})
    (other,) = arrive(scene, {**both, "name": "Jane Smith"})
    assert not other.touched
    assert NearMiss.objects.filter(lead_id=other.lead_id).exists()


def test_a_switchboards_number_says_nothing_of_who_is_who(scene: Scene) -> None:
    phone = "+81335803311"
    names = ["Aiko", "Benito", "Carmen", "Dewi", "Eduardo", "Fumiko", "Guadalupe"]
    arrive(scene, *({"email": None, "phone": phone, "name": f"{name} Sato"} for name in names))
    (near,) = arrive(scene, {"email": None, "phone": phone, "name": "Aiki Sato-Mori"})
    assert not near.touched
    assert not NearMiss.objects.filter(lead_id=near.lead_id).exists()


@pytest.mark.parametrize("end", ["convert", "retire"])
def test_after_its_lead_has_ended_a_person_is_a_new_lead(scene: Scene, end: str) -> None:
    (first,) = arrive(scene, AIKO)
    claimed(scene.aiko, first.lead_id, after(1))
    assert acting.contact(scene.aiko, first.lead_id, after(2))
    if end == "convert":
        assert acting.convert(scene.aiko, first.lead_id, after(3))
    else:
        assert acting.retire(scene.aiko, first.lead_id, after(3), why="no_answer")
    (second,) = arrive(scene, AIKO, minutes=9)
    (third,) = arrive(scene, AIKO, minutes=10)
    assert second.lead_id != first.lead_id
    assert (third.lead_id, third.touched) == (second.lead_id, True)
    assert {known.lead_id for known in KnownBy.objects.all()} == {second.lead_id}


def test_in_one_batch_the_first_is_the_lead_and_the_others_touch_it(scene: Scene) -> None:
    placed = arrive(
        scene,
        AIKO,
        {"email": "other@else.example", "name": "Somebody Else"},
        {**AIKO, "email": "aiko.tanaka+2@acme.example", "phone": "+81335803311"},
        {"email": "aiko@private.example", "name": "Aiko Tanaka", "phone": "+81335803311"},
    )
    assert [one.touched for one in placed] == [False, False, True, True]
    assert {placed[0].lead_id} == {placed[2].lead_id, placed[3].lead_id}
    lead = scene.lead(placed[0].lead_id)
    assert (lead.touches, lead.phone, Lead.objects.count()) == (3, "+81335803311", 2)
    assert scene.story(lead.id) == [("placed", "new", "pooled"), ("touched", "pooled", "pooled")]


def test_who_comes_twice_in_one_batch_may_name_a_number_that_another_lead_is_known_by(scene: Scene) -> None:
    theirs = "+81335803311"
    (before,) = arrive(scene, {**AIKO, "email": "aiko@old.example", "phone": theirs})
    new = {**AIKO, "email": "aiko@new.example"}
    first, again = arrive(scene, {**new, "phone": "+81335803322"}, {**new, "phone": theirs}, minutes=1)
    assert (first.touched, again.touched, again.lead_id) == (False, True, first.lead_id)
    known = dict(KnownBy.objects.values_list("value", "lead_id"))
    assert known[theirs] == before.lead_id
    assert known["+81335803322"] == known["aiko@new.example"] == first.lead_id


def test_a_policy_may_want_each_message_for_a_lead(scene: Scene) -> None:
    publish(scene.workspace, POLICY + "matching: {same_person: false}\n")
    first, second = arrive(scene, AIKO, AIKO)
    assert first.lead_id != second.lead_id
    assert not KnownBy.objects.exists()


def test_what_cannot_be_an_address_or_a_number_is_nothing_to_know_anybody_by(scene: Scene) -> None:
    wrong = {"email": "n/a@", "phone": "+000", "name": "Aiko", "flags": ("email_invalid", "phone_invalid")}
    first, second = arrive(scene, wrong, wrong)
    assert first.lead_id != second.lead_id


def test_another_companys_person_is_another_person(scene: Scene) -> None:
    (first,) = arrive(scene, AIKO)
    there = make_scene()
    (other,) = arrive(there, AIKO)
    assert (other.touched, other.lead_id == first.lead_id) == (False, False)


@pytest.mark.parametrize(
    ("kind", "count", "counts", "told"),
    [
        ("page", 12, (1, 12, None), 0),
        ("open", 2, (1, None, 2), 0),
        ("visit", 3, (4, None, None), 0),
        ("call", 1, (2, None, None), 1),
    ],
)
def test_pages_and_mails_are_counted_apart_and_told_only_where_meant(
    scene: Scene, kind: str, count: int, counts: tuple[int, int | None, int | None], told: int
) -> None:
    (first,) = arrive(scene, {**AIKO, "employees": 2000})
    touch(scene, first.lead_id, kind, count)
    lead = scene.lead(first.lead_id)
    assert (lead.touches, lead.pages, lead.opens) == counts
    assert lead.last_touch_at == after(4)
    assert Notice.objects.filter(kind="lead_touched").count() == told


def test_a_count_without_end_stops_before_its_column_does(scene: Scene) -> None:
    (first,) = arrive(scene, AIKO)
    Lead.objects.filter(id=first.lead_id).update(pages=2**31 - 1, touches=2**31 - 1)
    (again,) = arrive(scene, {**AIKO, "pages": 1_000_000, "touches": 1_000_000}, minutes=1)
    lead = scene.lead(again.lead_id)
    assert (again.touched, lead.pages, lead.touches) == (True, 1_000_000_000, 1_000_000_000)


def test_engagement_is_a_fact_that_rules_ask_for(scene: Scene) -> None:
    engaged = POLICY.replace(
        "- {name: Hot,", "- {name: Engaged, when: 'lead.pages >= 5', push: {team: closers}}\n  - {name: Hot,"
    )
    publish(scene.workspace, engaged)
    (first,) = arrive(scene, AIKO)
    touch(scene, first.lead_id, "page", 4)
    assert scene.lead(first.lead_id).state == "pooled"
    touch(scene, first.lead_id, "page", 1)
    assert scene.lead(first.lead_id).state == "owned"


def touch(scene: Scene, lead: UUID, kind: str, count: int) -> None:
    enter(scene.workspace.id)
    told = Enrichment(lead, {}, Touching(MONDAY + timedelta(minutes=4), kind, "site", count=count))
    assert enrich(scene.workspace.id, [told], now=after(5))
