"""The policy's pages: its text and picture, and a new version with every problem at its line."""

from __future__ import annotations

from dibs.distribution.models import PolicyVersion
from dibs.people.tenancy import enter
from tests.api.conftest import POLICY, Company
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
