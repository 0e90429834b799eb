"""The policy's pages: its text and picture, and a new version with every problem at its line."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from django.utils.timezone import now

from dibs.distribution.models import PolicyVersion
from dibs.people.tenancy import enter
from tests.api.conftest import POLICY, Company
from tests.api.test_assessments import QUESTIONNAIRES
from tests.making import publish
from tests.web.conftest import as_
from tests.web.test_leads import words


def test_the_policy_is_shown_as_text_and_as_a_picture_of_its_rules(company: Company) -> None:
    page = as_(company.manager).get("/policy/")
    told = words(page)
    assert "Every kind of pool" in told
    assert "1 Japan Country is Japan pool: Japan" in told
    assert "pushed: Closers, in turn to accept within 5 minutes" in told
    assert "Checks: nothing wrong" in told
    assert 'data-line="3"' in page.content.decode()
    assert "Change it" not in told


def test_operations_publish_a_new_version_and_go_back(company: Company) -> None:
    browser = as_(company.ops)
    changed = POLICY.replace("add: 60", "add: 70")
    said = browser.post("/policy/edit/", {"text": changed, "note": "More for the large", "do": "publish"}, follow=True)
    assert "Published as version 2. It is in force from now on." in words(said)
    assert "More for the large" in words(said)
    again = browser.post("/policy/edit/", {"text": changed, "do": "publish"}, follow=True)
    assert "Nothing changed" in words(again)
    assert "Version 3 is in force now." in words(browser.post("/policy/back/", {"number": "1"}, follow=True))
    assert "There is no such version." in words(browser.post("/policy/back/", {"number": "99"}, follow=True))
    assert "no longer in force" in words(browser.get("/policy/?version=2"))


def test_problems_are_named_with_their_line_and_nothing_is_published(company: Company) -> None:
    browser = as_(company.ops)
    broken = POLICY.replace("lead.employees >= 200", "lead.employes >= 200")
    line = next(number for number, text in enumerate(broken.splitlines(), 1) if "employes" in text)
    for do in ("check", "publish"):
        page = browser.post("/policy/edit/", {"text": broken, "do": do})
        assert page.status_code == 422
        assert "It can't be published yet:" in words(page)
        assert f'href="#line-{line}"' in page.content.decode()
        assert 'class="err"' in page.content.decode()
        assert "lead.employes" in page.content.decode()
    enter(company.workspace.id)
    assert PolicyVersion.objects.count() == 1


def test_a_check_changes_nothing(company: Company) -> None:
    page = as_(company.ops).post("/policy/edit/", {"text": POLICY.replace("add: 60", "add: 61"), "do": "check"})
    assert page.status_code == 200
    assert "Nothing wrong" in words(page)
    enter(company.workspace.id)
    assert PolicyVersion.objects.count() == 1


def test_nobody_else_publishes(company: Company) -> None:
    for person in (company.aiko, company.manager, company.integration):
        assert as_(person).post("/policy/edit/", {"text": POLICY, "do": "publish"}).status_code == 403
        assert as_(person).post("/policy/back/", {"number": "1"}).status_code == 403


def test_text_that_is_no_policy_at_all_is_refused_kindly(company: Company) -> None:
    browser = as_(company.ops)
    for text in ("", "{", "a: [", "\x00", "policy: x\n" * 3, "💥", "- a\n- b"):
        assert browser.post("/policy/edit/", {"text": text, "do": "check"}).status_code == 422, text


TIGHTER = POLICY.replace("hold_at_most: 3", "hold_at_most: 2")
NOTICE = POLICY.replace("hold_at_most: 3,", "hold_at_most: 3, notice: 2d,")


def confirmed(browser: Any, text: str, **form: str) -> Any:
    """Published after what it changes was shown."""
    shown = browser.post("/policy/edit/", {"text": text, "do": "publish"} | form)
    mark = re.search(r'name="shown" value="(\w+)"', shown.content.decode())
    assert mark is not None
    return browser.post("/policy/edit/", {"text": text, "do": "publish", "shown": mark[1]} | form, follow=True)


def test_what_tightens_and_loosens_is_shown_before_it_is_published(company: Company) -> None:
    browser = as_(company.ops)
    text = TIGHTER.replace("skip_at_most: 2", "skip_at_most: 9")
    page = browser.post("/policy/edit/", {"text": text, "do": "publish"})
    told = words(page)
    assert "What changes for the reps" in told
    assert "Leads in hand, at most 3 2 tighter" in told
    assert "Leads passed by between two claims, at most 2 9 looser" in told
    enter(company.workspace.id)
    assert PolicyVersion.objects.count() == 1
    assert "Published as version 2. It is in force from now on." in words(confirmed(browser, text))


def test_the_confirmation_is_of_the_text_that_was_shown(company: Company) -> None:
    browser = as_(company.ops)
    shown = browser.post("/policy/edit/", {"text": TIGHTER, "do": "publish"}).content.decode()
    mark = re.search(r'name="shown" value="(\w+)"', shown)
    assert mark is not None
    changed = TIGHTER.replace("hold_at_most: 2", "hold_at_most: 1")
    page = browser.post("/policy/edit/", {"text": changed, "do": "publish", "shown": mark[1]})
    assert "Leads in hand, at most 3 1 tighter" in words(page)
    enter(company.workspace.id)
    assert PolicyVersion.objects.count() == 1


def test_a_policy_is_announced_and_taken_back(company: Company) -> None:
    browser = as_(company.ops)
    page = confirmed(browser, TIGHTER, **{"from": "2099-03-31T09:00"})
    assert "Announced as version 2, in force from Mar 31, 2099 09:00." in words(page)
    assert "Version 2 is announced" in words(page)
    assert "Leads in hand, at most 3 2 tighter" in words(page)
    assert "Version 1, in force since" in words(page)
    assert "Version 2, in force from Mar 31, 2099 09:00" in words(browser.get("/policy/?version=2"))
    assert "Version 2 is announced for" in words(browser.get("/policy/edit/"))
    assert "Take it back" not in words(as_(company.manager).get("/policy/"))
    assert as_(company.manager).post("/policy/cancel/").status_code == 403
    assert "Version 2 is taken back, and the reps are told so." in words(browser.post("/policy/cancel/", follow=True))
    assert "Nothing is announced any more." in words(browser.post("/policy/cancel/", follow=True))
    assert "taken back" in words(browser.get("/policy/"))
    assert "Version 2, announced and taken back" in words(browser.get("/policy/?version=2"))


def test_what_tightens_is_announced_for_the_earliest_moment_if_none_is_given(company: Company) -> None:
    browser, before = as_(company.ops), now()
    publish(company.workspace, NOTICE)
    page = browser.post("/policy/edit/", {"text": NOTICE.replace("hold_at_most: 3", "hold_at_most: 2"), "do": "check"})
    assert "What tightens is announced first:" in words(page)
    offered = re.search(r'name="from" value="([^"]+)"', page.content.decode())
    assert offered is not None
    assert (
        before + timedelta(days=2)
        < datetime.fromisoformat(offered[1] + "+00:00")
        < now() + timedelta(days=2, minutes=25)
    )
    done = confirmed(browser, NOTICE.replace("hold_at_most: 3", "hold_at_most: 2"))
    assert "Announced as version 3" in words(done)
    enter(company.workspace.id)
    coming = PolicyVersion.objects.get(pending=True)
    assert before + timedelta(days=2) <= coming.effective_from < now() + timedelta(days=2, minutes=5)


def test_a_moment_too_soon_is_refused_with_the_earliest_one(company: Company) -> None:
    browser = as_(company.ops)
    publish(company.workspace, NOTICE)
    text = NOTICE.replace("hold_at_most: 3", "hold_at_most: 2")
    soon = (now() + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M")
    page = confirmed(browser, text, **{"from": soon})
    assert page.status_code == 422
    assert "That is too soon: what it tightens has to be announced. The earliest moment is" in words(page)
    # Shortly before the year 10,000 there is no such moment where a rep is ahead of it.
    for no_moment in ("tomorrow", "9999-12-31T23:59", "2200-01-01T00:00"):
        page = confirmed(browser, text, **{"from": no_moment})
        assert "That is no moment." in words(page)
    enter(company.workspace.id)
    assert not PolicyVersion.objects.filter(pending=True).exists()


def test_going_back_to_what_was_tighter_goes_by_the_form(company: Company) -> None:
    browser = as_(company.ops)
    publish(company.workspace, NOTICE)
    page = browser.post("/policy/back/", {"number": "1"}, follow=True)
    assert page.redirect_chain[-1][0] == "/policy/edit/?version=1"
    assert "Version 1 tightens rules, which have to be announced." in words(page)
    assert "notice: 2d" not in page.content.decode()


def test_a_new_version_may_begin_with_any_older_one(company: Company) -> None:
    browser = as_(company.ops)
    publish(company.workspace, TIGHTER)
    assert "hold_at_most: 3" in browser.get("/policy/edit/?version=1").content.decode()
    for odd in ("99", "no", "٣"):
        assert "hold_at_most: 2" in browser.get("/policy/edit/", {"version": odd}).content.decode()


def test_the_policy_page_says_what_is_asked_of_leads_and_what_it_leads_to(company: Company) -> None:
    publish(company.workspace, POLICY + QUESTIONNAIRES)
    said = words(as_(company.manager).get("/policy/"))
    for expected in (
        "First call from 70 Go on with it from 10 Keep it, and look at it again in 14 days from 0 Send it to the pool Open",
        "Need? × 3, must be answered Much: 100; Some: 50; None: 0",
        "Fair Campaign is fair",
    ):
        assert expected in said, expected
