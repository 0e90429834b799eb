"""Opening a lead over HTTP: what a preview hides is in no answer before it, and reading counts nothing."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from dibs.distribution.models import Standing
from tests.api.conftest import Company
from tests.making import publish

HIDDEN = {"email": "canary@canary-mail.example", "name": "Canary Name", "message": "Canary message"}


@pytest.fixture
def teaser(company: Company) -> UUID:
    """A lead in a pool whose details come by opening it."""
    return company.lead(source="open", company="Seen Company", **HIDDEN)


def skips(company: Company, who: Any) -> int:
    return int(company.get(who, "/me").json()["standing"]["counters"]["skips"])


def test_reading_shows_a_preview_and_counts_nothing(company: Company, teaser: UUID) -> None:
    for path in (f"/leads/{teaser}", f"/leads/{teaser}/timeline", "/pools/open/leads", "/leads", "/pools", "/me"):
        for _ in range(2):
            answer = company.get(company.aiko, path)
            assert answer.status_code == 200
            for value in HIDDEN.values():
                assert value not in answer.content.decode(), path
    assert company.get(company.aiko, f"/leads/{teaser}").json()["opens"] is True
    assert company.get(company.aiko, "/pools/open/leads").json()["items"][0]["opens"] is True
    assert not Standing.objects.filter(rep=company.aiko, skips__gt=0).exists()


def test_an_opened_lead_comes_in_full_and_stays_so_for_who_opened_it(company: Company, teaser: UUID) -> None:
    opened = company.post(company.aiko, f"/leads/{teaser}/open")
    assert opened.status_code == 200, opened.content
    assert {name: opened.json()[name] for name in HIDDEN} == HIDDEN
    assert "opens" not in opened.json()
    assert company.get(company.aiko, f"/leads/{teaser}").json()["email"] == HIDDEN["email"]
    assert "email" not in company.get(company.budi, f"/leads/{teaser}").json()
    listed = company.get(company.aiko, "/pools/open/leads").content.decode()
    assert HIDDEN["email"] not in listed, "the list stays a list of previews"
    for _ in range(3):
        assert company.post(company.aiko, f"/leads/{teaser}/open").status_code == 200
    assert skips(company, company.aiko) == 1


def test_at_the_limit_the_answer_says_what_would_open_it(company: Company, teaser: UUID) -> None:
    for _ in range(2):
        assert company.post(company.aiko, f"/leads/{company.lead(source='open')}/open").status_code == 200
    answer = company.post(company.aiko, f"/leads/{teaser}/open")
    assert (answer.status_code, answer.json()["code"]) == (403, "skip_limit")
    assert answer.json()["remedy"]["code"] == "claim_one_first"
    assert HIDDEN["email"] not in answer.content.decode()
    assert HIDDEN["email"] not in company.get(company.aiko, f"/leads/{teaser}").content.decode()
    claimed = company.post(company.aiko, f"/leads/{teaser}/claim")
    assert claimed.status_code == 200
    assert claimed.json()["email"] == HIDDEN["email"]


def test_searching_reaches_no_field_of_an_opened_lead_that_the_list_does_not_show(company: Company) -> None:
    publish(company.workspace, _PREVIEWED)
    lead = company.lead(source="open", company="Seen Company", **HIDDEN)
    company.post(company.aiko, f"/leads/{lead}/open")
    assert company.get(company.aiko, "/pools/open/leads", q="canary-mail").json()["items"] == []
    assert len(company.get(company.aiko, "/pools/open/leads", q="Seen").json()["items"]) == 1


_PREVIEWED = """
policy: Teasers
route: [{name: All, pull: {pool: open}}]
pools: {open: {mode: cherry_pick, preview: [company]}}
fair_play: {skip_at_most: 5}
"""


def test_who_leads_sees_it_whole_and_opens_nothing(company: Company, teaser: UUID) -> None:
    for who in (company.manager, company.ops):
        seen = company.get(who, f"/leads/{teaser}").json()
        assert seen["email"] == HIDDEN["email"]
        assert "opens" not in seen
        assert company.post(who, f"/leads/{teaser}/open").status_code == 200
    assert [entry["kind"] for entry in company.get(company.ops, f"/leads/{teaser}/timeline").json()["items"]] == [
        "placed"
    ]


def test_who_opened_a_lead_is_between_the_rep_and_who_leads_them(company: Company, teaser: UUID) -> None:
    company.post(company.aiko, f"/leads/{teaser}/open")
    kinds = [entry["kind"] for entry in company.get(company.ops, f"/leads/{teaser}/timeline").json()["items"]]
    assert kinds == ["placed", "opened"]
    masked = company.get(company.budi, f"/leads/{teaser}/timeline")
    assert [entry["kind"] for entry in masked.json()["items"]] == ["placed"]
    assert "Aiko" not in masked.content.decode()


def test_a_lead_that_was_only_opened_is_none_of_the_reps_once_another_has_it(company: Company, teaser: UUID) -> None:
    company.post(company.aiko, f"/leads/{teaser}/open")
    assert company.post(company.budi, f"/leads/{teaser}/claim").status_code == 200
    for path in (f"/leads/{teaser}", f"/leads/{teaser}/timeline"):
        assert company.get(company.aiko, path).status_code == 404
    for lead in (teaser, uuid4()):
        assert company.post(company.aiko, f"/leads/{lead}/open").status_code == 404


def test_an_opening_sent_again_under_its_key_counts_once(company: Company, teaser: UUID) -> None:
    for _ in range(2):
        answer = company.post(company.aiko, f"/leads/{teaser}/open", {}, Idempotency_Key="once")
        assert answer.json()["email"] == HIDDEN["email"]
    assert skips(company, company.aiko) == 1


def test_a_queues_head_opens_nothing(company: Company) -> None:
    head = company.lead(source="line", company="First", email="canary@canary-mail.example")
    seen = company.post(company.aiko, f"/leads/{head}/open").json()
    assert "email" not in seen
    assert skips(company, company.aiko) == 0
