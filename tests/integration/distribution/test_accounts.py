"""Leads matched to accounts: by domain, name, number and likeness, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from dibs.crm.accounts import Told, Written, write_accounts
from dibs.crm.marks import LONGEST, marks_of, marks_sought
from dibs.crm.models import Account, AccountMark, NearMiss
from dibs.distribution.matching import match_accounts
from dibs.distribution.models import Decision
from dibs.distribution.placing import Placed, place
from dibs.engine.facts import LeadFacts
from dibs.engine.policy_market import Matching
from dibs.people.models import Rep
from dibs.people.tenancy import enter, new_id
from tests.integration.distribution.scene import Scene, make_scene
from tests.making import MONDAY, make_arrival, make_rep


@pytest.fixture
def scene(db: None) -> Scene:
    return make_scene()


def told(**fields: Any) -> Told:
    return Told(frozenset(fields), **fields)


def write(scene: Scene, *accounts: Told) -> list[Written]:
    enter(scene.workspace.id)
    return write_accounts(scene.workspace.id, accounts, MONDAY)


def arrives(scene: Scene, **fields: Any) -> Placed:
    enter(scene.workspace.id)
    return place(scene.workspace.id, [make_arrival(**({"domain": None, "company": None} | fields))], now=MONDAY)[0]


def reason(placed: Placed, code: str) -> dict[str, Any] | None:
    (logged,) = Decision.objects.filter(lead_id=placed.lead_id, kind="placed").values_list("reasons", flat=True)
    return next((one["params"] for one in logged if one["code"] == code), None)


ACME = {"name": "Acme Manufacturing S.A. de C.V.", "domain": "acme.example", "phone": "+525512345678", "owner": "aiko"}


@pytest.mark.parametrize(
    ("lead", "part"),
    [
        ({"domain": "acme.example"}, "domain"),
        ({"company": "ACME Manufacturing, Inc."}, "name"),
        ({"company": "Acme Manufacturng"}, "name"),
        ({"company": "Manufacturing Acme GmbH"}, "name"),
        ({"phone": "+525512345678"}, "phone"),
    ],
)
def test_a_lead_of_a_named_account_goes_to_its_owner(scene: Scene, lead: dict[str, Any], part: str) -> None:
    write(scene, told(**ACME), told(name="Other Works", domain="other.example", owner="budi"))
    placed = arrives(scene, **lead)
    assert placed.owner == "aiko"
    params = reason(placed, "matched_account")
    assert params is not None
    assert (params["account"], params["owner"]) == (ACME["name"], "aiko")
    assert [one["part"] for one in params["parts"]] == [part]
    assert scene.lead(placed.lead_id).account.name == ACME["name"]


@pytest.mark.parametrize(
    ("account", "lead"),
    [
        ("株式会社トヨタ自動車", "トヨタ自動車(株)"),
        ("PT Sumber Rejeki Makmur Tbk", "Sumber Rejeki Makmur"),
        ("Société Générale S.A.", "Societe Generale"),
        ("华为技术股份有限公司", "华为技术有限公司"),
        ("Bergmann Maschinenbau GmbH & Co. KG", "Bergmann Maschinenbau"),
        ("Transportes del Río S. de R.L. de C.V.", "Transportes del Rio"),
        ("삼성전자 주식회사", "삼성전자"),
        ("東京電力ホールディングス株式会社", "㈱東京電力ホールディングス"),
    ],
)
def test_names_compare_in_the_languages_of_the_field(scene: Scene, account: str, lead: str) -> None:
    write(scene, told(name=account, owner="budi"))
    assert arrives(scene, company=lead).owner == "budi"


@pytest.mark.parametrize("company", ["Acme Manufacturing Services", "Acme Manufakturing Co Mexico", "Acme Mfg"])
def test_a_somewhat_like_name_is_no_match(scene: Scene, company: str) -> None:
    (account,) = write(scene, told(**ACME))
    placed = arrives(scene, company=company)
    assert placed.owner is None
    assert scene.lead(placed.lead_id).account_id != account.id


def test_a_near_miss_is_put_before_a_person(scene: Scene) -> None:
    (account,) = write(scene, told(**ACME))
    placed = arrives(scene, company="Acme Manufacturing Services")
    miss = NearMiss.objects.get()
    assert (miss.lead_id, miss.account_id, miss.other_id, miss.state) == (placed.lead_id, account.id, None, "open")
    assert 0.7 <= miss.score < 0.9
    params = reason(placed, "near_account")
    assert params is not None
    assert params["score"] == miss.score


def test_of_two_accounts_of_one_name_neither_is_taken(scene: Scene) -> None:
    write(
        scene, told(name="Apex", domain="apex.example", owner="aiko"), told(name="Apex", external_id="7", owner="budi")
    )
    placed = arrives(scene, company="Apex Ltd")
    assert placed.owner is None
    assert NearMiss.objects.count() == 1


def test_a_company_whose_parent_has_an_owner_goes_to_the_same_rep(scene: Scene) -> None:
    write(
        scene,
        told(name="Grupo Norte", external_id="top", owner="budi", customer=True),
        told(name="Norte Logística", external_id="mid", parent="top"),
        told(name="Envíos del Norte", domain="envios.example", parent="mid"),
    )
    placed = arrives(scene, domain="envios.example")
    assert placed.owner == "budi"
    assert reason(placed, "in_family") == {"parent": "Grupo Norte", "owner": "budi"}


def test_a_branch_with_an_owner_of_its_own_keeps_it(scene: Scene) -> None:
    write(
        scene,
        told(name="Grupo Norte", external_id="top", owner="budi"),
        told(name="Envíos del Norte", domain="envios.example", parent="top", owner="aiko"),
    )
    assert arrives(scene, domain="envios.example").owner == "aiko"


def test_nobody_is_above_themselves(scene: Scene) -> None:
    write(scene, told(name="A", external_id="a"), told(name="B", external_id="b", parent="a"))
    (refused,) = write(scene, told(external_id="a", parent="b"))
    assert (refused.outcome, refused.code) == ("refused", "parent_circle")
    (itself,) = write(scene, told(external_id="a", parent="a"))
    assert itself.code == "parent_circle"


def test_a_family_that_goes_round_in_a_circle_has_an_end(scene: Scene) -> None:
    one, other = write(scene, told(name="A", domain="a.example"), told(name="B", domain="b.example"))
    Account.objects.filter(id=one.id).update(parent_id=other.id)
    Account.objects.filter(id=other.id).update(parent_id=one.id, owner_id=scene.aiko.rep_id)
    assert arrives(scene, domain="a.example").owner == "aiko"


def test_accounts_are_written_once_however_often_they_are_told(scene: Scene) -> None:
    first = write(scene, told(**ACME), told(name="No Domain", customer=True), told(name="Third", external_id="3"))
    again = write(
        scene,
        told(**ACME),
        told(name="NO DOMAIN, Inc."),
        told(external_id="3", name="Third and more", phone="+525500000000", owner=None),
    )
    assert [one.outcome for one in first] == ["created"] * 3
    assert [one.outcome for one in again] == ["unchanged", "changed", "changed"]
    assert [one.id for one in first] == [one.id for one in again]
    third = Account.objects.get(external_id="3")
    assert (third.name, third.name_key, third.phone) == ("Third and more", "third and more", "+525500000000")
    assert Account.objects.get(name_key="no domain").customer


def test_marks_of_names_follow_the_names(scene: Scene) -> None:
    (one,) = write(scene, told(name="Zebra", external_id="z"))
    (other,) = write(scene, told(name="Zebrano", external_id="y"))
    write(scene, told(name="Giraffe", external_id="z"))
    for account, key in ((one.id, "giraffe"), (other.id, "zebrano")):
        marks = AccountMark.objects.filter(account_id=account).values_list("mark", flat=True)
        assert set(marks) == marks_of(scene.workspace.id, key)


@pytest.mark.parametrize(
    "written",
    [
        "Balanka Logistiks Systems",  # another letter
        "Blanka Logistics Systems",  # one less
        "Balannka Logistics Systems",  # one more
        "Ablanka Logistics Systems",  # two in the wrong order
        "Balanka Logistics System",
        "Balankalogistics Systems",
        "Logistics Systems Balanka AG",
        "Balanka Systems",
        "Balanka Logistics Systems Europe",
        "The Balanka Logistics Systems Co., Ltd.",
    ],
)
def test_a_name_with_one_slip_is_found_among_many(scene: Scene, written: str) -> None:
    write(
        scene,
        told(name="Balanka Logistics Systems GmbH", external_id="meant"),
        *(told(name=f"{own} Logistics Systems", external_id=own) for own in ("Fortuna", "Meridian", "Kolibri", "Sato")),
        *(told(name=f"Number {n} Logistics", external_id=f"n{n}") for n in range(80)),
    )
    placed = arrives(scene, company=written)
    account = scene.lead(placed.lead_id).account
    miss = NearMiss.objects.filter(lead_id=placed.lead_id).select_related("account").first()
    found = account or (miss and miss.account)
    assert found is not None
    assert found.external_id == "meant"


def test_of_names_of_any_length_one_slip_leaves_a_mark() -> None:
    workspace = new_id()
    letters = "kontramarivelosundabiqegrofuhtypzexwjlaconidersuvantolimbrekassogunefitraldopycheqvizmawu"
    for length in range(3, LONGEST):
        name = letters[:length]
        kept = marks_of(workspace, name)
        for at in range(length):
            slips = [name[:at] + name[at + 1 :], name[:at] + "ß" + name[at + 1 :], name[:at] + "ß" + name[at:]]
            if at + 1 < length > 4:
                slips.append(name[:at] + name[at + 1] + name[at] + name[at + 2 :])
            for slip in slips:
                assert kept & marks_sought(workspace, slip), (name, slip)


def test_a_name_in_another_workspace_is_marked_otherwise() -> None:
    assert not marks_of(new_id(), "zebrano") & marks_of(new_id(), "zebrano")


def test_what_says_nothing_of_an_account_asks_nothing(
    scene: Scene, django_assert_num_queries: Callable[..., AbstractContextManager[object]]
) -> None:
    write(scene, told(**ACME))
    with django_assert_num_queries(0):
        (found,) = match_accounts(scene.workspace.id, [(LeadFacts(), {"flags": ()})], Matching())
    assert found.judged.reasons[0].code == "no_domain"


def test_whom_a_domain_or_the_name_itself_settles_is_not_looked_for_by_likeness(
    scene: Scene, django_assert_num_queries: Callable[..., AbstractContextManager[object]]
) -> None:
    write(scene, told(**ACME))
    leads = [LeadFacts(company="Anything Else", domain="acme.example"), LeadFacts(company="Acme Manufacturing")]
    with django_assert_num_queries(3):  # is there any, those there are, their families
        found = match_accounts(scene.workspace.id, [(facts, {"flags": ()}) for facts in leads], Matching())
    assert len({one.account_id for one in found}) == 1


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"external_id": "9"}, "name_missing", "name"),
        ({"name": "X", "owner": "nobody"}, "owner_unknown", "owner"),
        ({"name": "X", "external_id": "9", "parent": "nothing"}, "parent_unknown", "parent"),
        ({"name": "X", "external_id": "9", "domain": "acme.example"}, "domain_taken", "domain"),
    ],
)
def test_what_cannot_be_is_refused_and_keeps_no_other_out(
    scene: Scene, fields: dict[str, Any], code: str, field: str
) -> None:
    write(scene, told(**ACME, external_id="acme"))
    refused, other = write(scene, told(**fields), told(name="Another"))
    assert (refused.outcome, refused.code, refused.field) == ("refused", code, field)
    assert other.outcome == "created"
    assert set(Account.objects.values_list("name", flat=True)) == {str(ACME["name"]), "Another"}


def test_one_refused_for_its_parent_stays_as_it_was_and_takes_those_below_it_along(scene: Scene) -> None:
    write(scene, told(**ACME, external_id="acme"))
    answers = write(
        scene,
        told(name="Acme anew", external_id="acme", parent="nothing"),
        told(name="One", external_id="1", parent="2"),
        told(name="Two", external_id="2", parent="3"),
        told(name="Three", external_id="3", parent="1"),
        told(name="Four", external_id="4", parent="acme"),
        *(told(name=f"Link {n}", external_id=f"link-{n}", parent=f"link-{n + 1}") for n in range(50)),
    )
    unknown = "parent_unknown"
    assert [answer.code for answer in answers] == [unknown, unknown, unknown, "parent_circle", None, *[unknown] * 50]
    there = {account.external_id: account for account in Account.objects.select_related("parent")}
    assert set(there) == {"acme", "4"}
    assert (there["acme"].name, there["4"].parent) == (ACME["name"], there["acme"])
    assert not AccountMark.objects.exclude(account_id__in=[account.id for account in there.values()]).exists()


def test_an_account_of_another_workspace_is_nobodys_here(scene: Scene) -> None:
    write(scene, told(**ACME))
    there = make_scene()
    make_rep(there.workspace, "emi")
    placed = arrives(there, domain="acme.example", company="Acme Manufacturing", phone="+525512345678")
    assert placed.owner is None
    assert reason(placed, "no_account") == {"domain": "acme.example"}


def test_an_owner_who_left_does_not_get_it_and_the_lead_lands_all_the_same(scene: Scene) -> None:
    write(scene, told(**ACME))
    Rep.objects.filter(handle="aiko").update(active=False)
    placed = arrives(scene, domain="acme.example")
    assert (placed.owner, placed.state) == (None, "pooled")


def test_a_batch_is_matched_as_its_leads_would_be_one_by_one(scene: Scene) -> None:
    write(
        scene, told(**ACME), *(told(name=f"Company {n} Works", domain=f"w{n}.example", owner="budi") for n in range(40))
    )
    enter(scene.workspace.id)
    given = [
        {"domain": None, "company": "Acme Manufacturng", "email": "x@gmail.com"},
        {"domain": "w7.example", "company": None},
        {"domain": None, "company": "Nothing Alike"},
    ]
    placed = place(scene.workspace.id, [make_arrival(**one) for one in given * 10], now=MONDAY)
    assert {one.owner for one in placed[1::3]} == {"budi"}
    assert {one.owner for one in placed[2::3]} == {None}
    assert {one.lead_id for one in placed[::3]} == {placed[0].lead_id}
    assert placed[0].owner == "aiko"
