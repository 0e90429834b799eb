"""Review: the leads that wait for a person, and deciding about many of them at once, by form alone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.utils.timezone import now

from dibs.distribution.models import Decision
from dibs.people.models import Membership, Rep, User
from dibs.people.tenancy import enter
from tests.api.conftest import POLICY, Company
from tests.making import make_team, publish
from tests.web.conftest import as_
from tests.web.test_leads import lead_of, words


def unclear(at: Company, **fields: Any) -> UUID:
    return at.lead(source="unclear", **fields)


def decide(company: Company, who: Any, leads: list[UUID], act: str, **form: str) -> Any:
    return as_(who).post("/review/", {"lead": [str(lead) for lead in leads], "act": act} | form)


def test_many_are_handed_over_at_once_and_the_result_is_told_lead_by_lead(company: Company) -> None:
    one, two, stays = (unclear(company, company=f"Unclear {n}") for n in range(3))
    page = decide(company, company.manager, [one, two], "assign", rep="aiko", note="You know them")
    assert page.status_code == 200
    told = words(page)
    assert "2 leads handed over." in told
    assert told.count("Now with Aiko.") == 2
    for lead in (one, two):
        assert lead_of(company, lead).owner.handle == "aiko"
        assert "You know them" in words(as_(company.ops).get(f"/leads/{lead}/"))
    assert lead_of(company, stays).state == "review"
    assert f'id="case-{stays}"' in page.content.decode()
    assert f'id="case-{one}"' not in page.content.decode()


def test_many_are_sent_back_to_the_pool_each_was_in_or_to_one(company: Company) -> None:
    text = POLICY.replace(
        "inbound: {mode: pool,", "inbound: {mode: pool, escalate: [{after: 1m, review: closers}], assign_after: 1h,"
    )
    publish(company.workspace, text)
    waited = company.lead()
    from dibs.distribution.ticking import tick

    tick(now() + timedelta(minutes=2))
    assert lead_of(company, waited).state == "review"
    never = unclear(company, company="Never Waited")
    told = words(decide(company, company.manager, [waited, never], "return"))
    assert "1 lead sent back. 1 could not be." in told
    assert "It was in no pool before. Choose a pool for it." in told
    assert lead_of(company, waited).pool == "inbound"
    assert "Now in Open, where its wait begins anew." in words(
        decide(company, company.manager, [never], "return", to="open")
    )
    assert lead_of(company, never).state == "pooled"


def test_many_are_given_up_with_one_reason(company: Company) -> None:
    leads = [unclear(company) for _ in range(3)]
    told = words(decide(company, company.ops, leads, "retire", why="spam", note="Same sender"))
    assert "3 leads given up." in told
    assert {lead_of(company, lead).state for lead in leads} == {"retired"}
    assert "Given up: spam. “Same sender”" in words(as_(company.ops).get(f"/leads/{leads[0]}/"))


def test_one_that_is_over_does_not_keep_the_others(company: Company) -> None:
    over, fine = unclear(company, company="Over Ltd"), unclear(company, company="Fine Ltd")
    as_(company.ops).post(f"/leads/{over}/retire/", {"why": "spam"})
    told = words(decide(company, company.ops, [over, fine], "assign", rep="aiko"))
    assert "1 lead handed over. 1 could not be." in told
    assert "Over Ltd It is over with this lead: it is retired." in told
    assert lead_of(company, fine).owner.handle == "aiko"


def test_what_is_done_already_is_not_done_twice(company: Company) -> None:
    lead = unclear(company)
    for _ in range(2):
        page = decide(company, company.manager, [lead], "assign", rep="aiko")
        assert "1 lead handed over." in words(page)
    assert "It was so already." in words(page)
    enter(company.workspace.id)
    assert Decision.objects.filter(lead_id=lead, kind="assigned").count() == 1


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"act": "assign", "rep": "aiko"}, "Choose at least one lead first."),
        ({"act": "assign", "chosen": "yes"}, "Choose who gets it."),
        ({"act": "assign", "rep": "nobody", "chosen": "yes"}, "Choose who gets it."),
        ({"act": "return", "to": "nowhere", "chosen": "yes"}, "Choose a pool."),
        ({"act": "retire", "chosen": "yes"}, "Say why it is given up."),
        ({"act": "explode", "chosen": "yes"}, "Choose what to do with them."),
    ],
)
def test_a_form_filled_in_wrongly_says_what_is_missing_and_keeps_what_was_chosen(
    company: Company, form: dict[str, str], said: str
) -> None:
    lead = unclear(company)
    wants = dict(form)
    sent = {"lead": [str(lead)]} if wants.pop("chosen", "") else {"lead": ["no id"]}
    page = as_(company.manager).post("/review/", sent | wants)
    assert page.status_code == 422
    assert said in words(page)
    assert lead_of(company, lead).state == "review"
    assert (f'value="{lead}" checked' in page.content.decode()) == ("chosen" in form)


def test_a_manager_decides_about_what_is_theirs_alone(company: Company, other: Company) -> None:
    lead, theirs = unclear(company, company="Ours"), unclear(other, company="Their Secret")
    enter(company.workspace.id)
    elsewhere = User.objects.create_user(
        workspace=company.workspace, role="manager", email="elsewhere@example.com", name="Elsewhere", password="x"
    )
    make_team(company.workspace, "tokyo", managers=(elsewhere,))
    page = as_(elsewhere).get("/review/")
    assert "Ours" not in words(page)
    told = words(decide(company, elsewhere, [lead, theirs, uuid4()], "retire", why="spam"))
    assert "3 could not be." in told
    assert "Secret" not in told
    assert "Ours" not in told
    assert lead_of(company, lead).state == "review"
    assert lead_of(other, theirs).state == "review"
    enter(company.workspace.id)
    assert decide(company, company.aiko, [lead], "retire", why="spam").status_code == 403


def test_each_says_why_it_is_there(company: Company) -> None:
    unclear(company)
    assert "“Unclear” was the first rule that matched." in words(as_(company.manager).get("/review/"))


def test_the_longest_waiting_comes_first_and_the_best_score_if_asked(company: Company) -> None:
    unclear(company, company="Second", employees=300, now=now() - timedelta(minutes=5))
    unclear(company, company="First", employees=3, now=now() - timedelta(minutes=9))
    browser = as_(company.manager)

    def order(query: str) -> list[str]:
        page = words(browser.get(f"/review/{query}"))
        return sorted(["First", "Second"], key=page.index)

    assert order("") == ["First", "Second"]
    assert order("?sort=-score") == ["Second", "First"]
    assert order("?sort=nonsense") == ["First", "Second"]


def test_filters_narrow_the_list_and_stay_when_something_is_decided(company: Company) -> None:
    mexican, spanish = (
        unclear(company, company="Mexican", country="MX"),
        unclear(company, company="Spanish", country="ES"),
    )
    browser = as_(company.manager)
    assert "Spanish" not in words(browser.get("/review/?country=MX")).split("Mexican", 1)[1]
    page = browser.post("/review/", {"lead": [str(mexican)], "act": "retire", "why": "spam", "country": "MX"})
    assert f'id="case-{spanish}"' not in page.content.decode()
    assert "No lead here fits that" in words(page)
    assert browser.get("/review/?country=%00&industry=nothing").status_code == 200


def test_a_long_list_goes_on_where_it_ended(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dibs.web.review.ROWS", 2)
    for number in range(5):
        unclear(
            company, company=f"Lead {number}.", employees=300 * (number % 2), now=now() - timedelta(minutes=9 - number)
        )
    browser = as_(company.manager)
    for query in ("", "?sort=-score"):
        seen: list[str] = []
        page = browser.get(f"/review/{query}").content.decode()
        while True:
            seen += [f"Lead {n}." for n in range(5) if f"<b>Lead {n}.</b>" in page]
            if 'rel="next" href="' not in page:
                break
            page = browser.get(
                page.split('rel="next" href="', 1)[1].split('"', 1)[0].replace("&amp;", "&")
            ).content.decode()
        assert sorted(seen) == [f"Lead {n}." for n in range(5)], query
    assert browser.get("/review/?cursor=made-up").status_code == 302


def test_a_thousand_are_decided_about_in_a_few_statements(company: Company, django_assert_max_num_queries: Any) -> None:
    leads = [unclear(company) for _ in range(60)]
    browser = as_(company.ops)
    browser.get("/review/")
    with django_assert_max_num_queries(55):
        page = browser.post("/review/", {"lead": [str(lead) for lead in leads], "act": "assign", "rep": "aiko"})
    assert "60 leads handed over." in words(page)


@pytest.mark.parametrize(("act", "form"), [("assign", {"rep": "mio"}), ("return", {"to": "inbound"})])
def test_who_leads_others_hands_over_nothing_that_they_see_as_a_rep(
    company: Company, act: str, form: dict[str, str]
) -> None:
    rep = Rep.objects.create(workspace=company.workspace, user=company.manager, handle="mio", name="Mio")
    Membership.objects.create(workspace=company.workspace, rep=rep, team=make_team(company.workspace, "tokyo"))
    lead = company.lead(country="JP", email="private@hidden.example")
    page = decide(company, company.manager, [lead], act, **form)
    assert "1 could not be." in words(page)
    assert "You see this lead as a rep; it is not among those you lead" in words(page)
    one = as_(company.manager).post(f"/leads/{lead}/{act}/", form | {"pool": "inbound"}, follow=True)
    assert "You see this lead as a rep; it is not among those you lead" in words(one)
    assert "Hand over" not in words(one)
    assert "Hand over" in words(as_(company.ops).get(f"/leads/{lead}/"))
    for seen in (page, one):
        assert "private@hidden.example" not in seen.content.decode()
    assert lead_of(company, lead).state == "pooled"
