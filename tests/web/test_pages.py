"""Every page, for every role: who may see it, and that it works for who may."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import get_resolver

from dibs.people.models import User
from tests.api.conftest import POLICY, Company
from tests.making import at_noon, publish
from tests.web.conftest import as_
from tests.web.test_leads import lead_of

#: What each page answers to: rep of the team, rep of another team, manager, operations, integration, nobody.
PAGES: dict[str, tuple[str, str, str, str, str, str]] = {
    # path                    aiko   budi   manager ops   program nobody
    "/": ("302", "302", "302", "302", "200", "login"),
    "/pools/inbound/": ("200", "200", "200", "200", "200", "login"),
    "/pools/japan/": ("404", "200", "404", "200", "200", "login"),
    "/pools/nowhere/": ("404", "404", "404", "404", "404", "login"),
    "/pools/line/": ("302", "302", "200", "200", "200", "login"),
    "/pools/inbound/values/country/": ("200", "200", "200", "200", "200", "login"),
    "/pools/inbound/values/email/": ("404", "404", "404", "404", "404", "login"),
    "/queue/line/": ("200", "200", "403", "403", "403", "login"),
    "/queue/inbound/": ("404", "404", "403", "403", "403", "login"),
    "/mine/": ("200", "200", "403", "403", "403", "login"),
    "/mine/held/": ("200", "200", "403", "403", "403", "login"),
    "/mine/?view=ended": ("200", "200", "403", "403", "403", "login"),
    "/appointments/01890000-0000-7000-8000-000000000000.ics": ("404", "404", "404", "404", "404", "login"),
    "/notices/": ("200", "200", "200", "200", "200", "login"),
    "/standing/": ("200", "200", "403", "403", "403", "login"),
    "/floor/": ("403", "403", "200", "200", "403", "login"),
    "/matches/": ("403", "403", "200", "200", "403", "login"),
    "/opportunities/": ("200", "200", "200", "200", "403", "login"),
    "/review/": ("403", "403", "200", "200", "403", "login"),
    "/reports/": ("403", "403", "200", "200", "403", "login"),
    "/reports/leads/": ("403", "403", "200", "200", "403", "login"),
    "/reports/leads.csv": ("403", "403", "200", "200", "403", "login"),
    "/score/": ("403", "403", "200", "200", "403", "login"),
    "/score/1/": ("403", "403", "404", "404", "403", "login"),
    "/nurture/": ("403", "403", "200", "200", "403", "login"),
    "/do-not-contact/": ("403", "403", "403", "200", "403", "login"),
    "/privacy/": ("403", "403", "403", "200", "403", "login"),
    "/fair-play/": ("200", "200", "200", "200", "403", "login"),
    "/fair-play/credits.csv": ("200", "200", "200", "200", "403", "login"),
    "/people/": ("403", "403", "200", "200", "403", "login"),
    "/people/aiko/": ("200", "403", "200", "200", "403", "login"),
    "/people/nobody/": ("404", "404", "404", "404", "403", "login"),
    "/imports/": ("403", "403", "403", "200", "403", "login"),
    "/sources/": ("403", "403", "403", "200", "403", "login"),
    "/sources/one/?name=none": ("403", "403", "403", "404", "403", "login"),
    "/campaigns/": ("403", "403", "403", "200", "403", "login"),
    "/moves/": ("403", "403", "200", "200", "403", "login"),
    "/moves/new/rep/": ("403", "403", "200", "200", "403", "login"),
    "/moves/new/leave/": ("403", "403", "200", "200", "403", "login"),
    "/moves/new/leaving/": ("403", "403", "403", "200", "403", "login"),
    "/moves/new/filter/": ("403", "403", "200", "200", "403", "login"),
    "/moves/new/nothing/": ("403", "403", "404", "404", "403", "login"),
    "/policy/": ("403", "403", "200", "200", "403", "login"),
    "/policy/try/": ("403", "403", "200", "200", "403", "login"),
    "/policy/compare/": ("403", "403", "200", "200", "403", "login"),
    "/policy/edit/": ("403", "403", "403", "200", "403", "login"),
    "/faces/aiko.svg": ("200", "200", "200", "200", "403", "login"),
    "/faces/nobody.svg": ("404", "404", "404", "404", "403", "login"),
}


def _answer(browser: Client, path: str) -> str:
    response = browser.get(path)
    if response.status_code == 302 and response["Location"].startswith("/account/login/"):
        return "login"
    return str(response.status_code)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_for_whom_it_is_for(company: Company, path: str) -> None:
    for source in ("web", "open", "line", "unclear"):
        company.lead(source=source)
    company.lead(country="JP")
    who = [company.aiko, company.budi, company.manager, company.ops, company.integration]
    answers = tuple(_answer(as_(person), path) for person in who)
    # An integration without a token's scopes sees no leads: pools, like everything else but itself, are closed to it.
    assert (*answers[:4], _answer(Client(), path)) == (*PAGES[path][:4], PAGES[path][5])
    assert answers[4] in {"200", "403"} if path in {"/", "/notices/"} else answers[4] == "403"


def test_every_page_there_is_stands_in_the_table() -> None:
    listed = {
        re.sub(r"<\w+:(\w+)>", "", str(pattern.pattern)) for pattern in get_resolver("dibs.web.urls").url_patterns
    }
    known = {
        "language/",
        "available/",
        "faces/.svg",
        "leads//",
        "queue//next/",
        "policy/back/",
        "pools//leads//",
        "policy/cancel/",
    }
    known |= {"moves/new//", "moves//", "moves//progress/", "moves///"}  # single moves: test_moves
    known |= {"policy/compare//", "policy/compare//leads.csv"}  # single comparisons: test_trying
    known |= {"opportunities//", "opportunities///", "opportunities/hand/"}  # single ones: test_opportunities
    known |= {"people///"}  # changes of a rep: test_people
    known |= {"privacy/person/", "privacy/export/", "privacy/erase/"}  # who is asked for comes in a form: test_privacy
    known |= {"nurture///", "nurture///test/", "nurture/retry/"}  # single letters, and what is done: test_nurture
    known |= {"unsubscribe//", "do-not-contact//"}  # test_unsubscribing
    known |= {"campaigns//", "campaigns///", "imports/new//"}  # single ones: test_imports
    known |= {"imports//", "imports//progress/", "imports//refused.csv", "imports//undo/"}  # the same
    known |= {"score/learn/", "score//", "score///"}  # what is done, and single models: test_scoring
    known |= {"matches///"}  # decisions: test_matches
    known |= {"leads//claim/", "leads//skip/", "leads//open/", "leads///"}  # acts and single leads: test_leads
    known |= {"leads//assess//", "leads//assess//graded/"}  # questionnaires: test_assessing
    known |= {"leads//answers/would-be/"}  # test_questions
    given = r"inbound|japan|nowhere|line|aiko|nobody|country|email|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\?.*"
    shown = {re.sub(given, "", path.lstrip("/")) for path in PAGES}
    assert listed - known <= shown


def test_only_links_that_work_for_the_role_are_shown(company: Company) -> None:
    for person in (company.aiko, company.budi, company.manager, company.ops):
        browser = as_(person)
        page = browser.get("/", follow=True).content.decode()
        links = re.findall(r'<a href="(/[^"]*)"', page.split("<nav", 1)[1].split("</nav>", 1)[0])
        assert links
        for link in links:
            assert browser.get(link).status_code in {200, 302}, link


def test_nothing_but_acts_changes_anything_by_following_a_link(company: Company) -> None:
    lead = company.lead(source="open")
    browser = as_(company.aiko)
    for act in ("claim", "skip"):
        assert browser.get(f"/leads/{lead}/{act}/").status_code == 405
    # Where a form came back as it was filled in, the address is its own.
    for act in ("contact", "release", "retire", "convert"):
        assert browser.get(f"/leads/{lead}/{act}/").headers["Location"] == f"/leads/{lead}/"
    assert lead_of(company, lead).state == "pooled"
    for path in ("/language/", "/available/", "/queue/line/next/"):
        assert browser.get(path).status_code == 405


def test_a_post_from_elsewhere_is_refused_in_words(company: Company) -> None:
    lead = company.lead(source="open")
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(company.aiko.user, backend="allauth.account.auth_backends.AuthenticationBackend")
    response = browser.post(f"/leads/{lead}/claim/")
    assert response.status_code == 403
    assert "That page was too old" in response.content.decode()


def test_a_user_who_was_switched_off_is_out_at_once(company: Company) -> None:
    browser = as_(company.aiko)
    assert browser.get("/mine/").status_code == 200
    User.objects.filter(id=company.aiko.user_id).update(is_active=False)
    assert browser.get("/mine/")["Location"].startswith("/account/login/")


def test_the_content_policy_forbids_everything_inline_and_no_page_needs_it(company: Company) -> None:
    lead = company.lead(source="open")
    paths = ["/pools/inbound/", "/queue/line/", "/mine/", "/standing/", f"/leads/{lead}/"]
    pages = [(as_(company.aiko), path) for path in paths]
    pages += [
        (as_(company.ops), path)
        for path in (
            "/floor/",
            "/review/",
            "/fair-play/",
            "/people/",
            "/policy/",
            "/policy/edit/",
            "/moves/",
            "/moves/new/leave/",
        )
    ]
    pages += [(Client(), "/account/login/"), (Client(), "/account/logout/")]
    for browser, path in pages:
        response = browser.get(path, follow=True)
        allowed = response["Content-Security-Policy"]
        assert "unsafe" not in allowed
        page = response.content.decode()
        assert not re.search(r"\sstyle=", page), path
        assert not re.search(r"\son[a-z]+=", page), path
        assert not re.search(r"<script(?![^>]*\ssrc=)", page), path
        assert not re.search(r'(?:src|href)="(?:https?:)?//', page), path


def test_a_page_that_is_not_there_is_told_in_the_same_look(company: Company) -> None:
    for browser in (as_(company.aiko), Client()):
        response = browser.get("/no/such/page/")
        assert response.status_code == 404
        assert "base.css" in response.content.decode()


def test_a_workspace_without_a_policy_says_what_to_do(db: Any) -> None:
    from tests.making import make_rep, make_user, make_workspace

    workspace = make_workspace()
    rep, ops = make_rep(workspace, "aiko"), make_user(workspace, "ops")
    assert "My standing" in as_(rep).get("/", follow=True).content.decode()
    assert "No policy is published yet" in as_(ops).get("/policy/").content.decode()
    assert as_(ops).get("/floor/").status_code == 200
    assert as_(ops).get("/policy/edit/").status_code == 200


@pytest.mark.parametrize(
    ("language", "word"), [("en", "My leads"), ("ja", "マイリード"), ("es", "Mis leads"), ("id", "Prospek saya")]
)
def test_the_language_is_the_readers_own(company: Company, language: str, word: str) -> None:
    browser = as_(company.aiko)
    assert browser.post("/language/", {"language": language, "next": "/mine/"})["Location"] == "/mine/"
    page = browser.get("/mine/").content.decode()
    assert word in page
    assert f'<html lang="{language}">' in page
    browser.post("/account/logout/")
    assert f'<html lang="{language}">' in browser.get("/account/login/").content.decode()


def test_the_way_back_from_a_form_never_leads_elsewhere(company: Company) -> None:
    browser = as_(company.aiko)
    assert browser.post("/language/", {"language": "es", "next": "https://evil.example/"})["Location"] == "/"
    assert browser.post("/available/", {"available": "no", "next": "//evil.example/"})["Location"] == "/"
    # A path and nothing else: not what would be taken for the name of a page, or of a host.
    for made_up in ("floor", "%(n)s{0}", "-1", "/\\evil.example", "\t//evil.example", "javascript:alert(1)", "mine/"):
        assert browser.post("/language/", {"language": "es", "next": made_up})["Location"] == "/", made_up
    assert (
        browser.post("/available/", {"available": "no", "next": "/mine/?view=ended"})["Location"] == "/mine/?view=ended"
    )
    company.aiko.refresh_from_db()
    assert company.aiko.available is False


def test_logging_in_by_form(company: Company) -> None:
    browser = Client()
    wrong = browser.post("/account/login/", {"login": company.aiko.user.email, "password": "wrong"})
    assert wrong.status_code == 200
    assert 'role="alert"' in wrong.content.decode()
    right = browser.post("/account/login/", {"login": company.aiko.user.email, "password": "open sesame 1"})
    assert right["Location"] == "/"
    assert browser.get("/", follow=True).status_code == 200


def test_the_language_chosen_on_the_login_page_is_the_users_from_then_on(company: Company) -> None:
    browser = Client()
    browser.post("/language/", {"language": "id", "next": "/account/login/"})
    browser.post("/account/login/", {"login": company.aiko.user.email, "password": "open sesame 1"})
    assert '<html lang="id">' in browser.get("/mine/").content.decode()
    # In another browser, where none was chosen, too.
    other = Client()
    other.cookies["dibs_language"] = "made-up"
    other.post("/account/login/", {"login": company.aiko.user.email, "password": "open sesame 1"})
    assert '<html lang="id">' in other.get("/mine/").content.decode()


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "2, at least 1"),
        ("ja", "2 件（1 件以上）"),
        ("es", "2, al menos 1"),
        ("id", "2, paling sedikit 1"),
    ],
)
def test_more_than_the_least_is_not_told_as_a_part_of_it(company: Company, language: str, said: str) -> None:
    fair_play = "fair_play: {claim_at_least: {count: 1, per: day}, mix: {low_below: 30, share: 34%, over: 3}}"
    publish(company.workspace, re.sub(r"(?m)^fair_play: .*$", fair_play, POLICY))
    at_noon(company.aiko)
    browser = as_(company.aiko)
    for _ in range(2):
        browser.post(f"/leads/{company.lead(source='open')}/claim/")
    browser.post("/language/", {"language": language})
    assert browser.get("/standing/").content.decode().count(f'<div class="figure">{said}</div>') == 2
    assert browser.get("/pools/inbound/").content.decode().count(f">{said}</b>") == 2


def test_a_page_of_fifty_leads_asks_the_database_no_more_than_one_of_five(
    company: Company, django_assert_max_num_queries: Any
) -> None:
    browser = as_(company.aiko)
    for number in range(5):
        company.lead(company=f"Company {number}")
    browser.get("/pools/inbound/")
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as few:
        browser.get("/pools/inbound/")
    for number in range(50):
        company.lead(company=f"More {number}")
    with CaptureQueriesContext(connection) as many:
        browser.get("/pools/inbound/")
    assert len(many) <= len(few) + 1
    with django_assert_max_num_queries(40):
        browser.get("/pools/inbound/")


def test_pages_of_the_login_library_look_like_ours(company: Company) -> None:
    changing = as_(company.aiko).get("/account/password/change/")
    forgotten = Client().get("/account/password/reset/")
    for response in (changing, forgotten):
        assert response.status_code == 200
        page = response.content.decode()
        assert "dibs/base.css" in page
        assert not re.search(r"\sstyle=|<script(?![^>]*\ssrc=)", page)


def test_nobody_signs_up_by_themselves(company: Company) -> None:
    assert 'name="password1"' not in Client().get("/account/signup/").content.decode()
