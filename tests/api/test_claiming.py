"""Claiming over HTTP: what a yes brings, and what each no says."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from django.utils.timezone import now

from dibs.crm.models import Lead
from dibs.people.models import ApiToken
from dibs.people.tenancy import enter
from tests.api.conftest import Company
from tests.making import make_rep, make_token


def test_a_claimed_lead_comes_in_full_with_its_lease(company: Company) -> None:
    lead = company.lead(email="lucia@example.mx", phone="+523300000000")
    answer = company.post(company.aiko, f"/leads/{lead}/claim")
    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert body["id"] == str(lead)
    assert body["email"] == "lucia@example.mx"
    assert body["state"] == "owned"
    assert body["owner"] == "aiko"
    assert body["hidden"] == []
    enter(company.workspace.id)
    held = Lead.objects.get(id=lead)
    assert body["claim"] == str(held.claim)
    assert body["lock_expires_at"] == held.lock_expires_at.isoformat().replace("+00:00", "Z")
    assert company.get(company.aiko, f"/leads/{lead}").json() == body


def test_a_lead_that_somebody_has_is_refused_by_name(company: Company) -> None:
    lead = company.lead()
    assert company.post(company.aiko, f"/leads/{lead}/claim").status_code == 200
    answer = company.post(company.budi, f"/leads/{lead}/claim")
    assert answer.status_code == 409
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "already_claimed"
    assert answer.json()["by"] == "Aiko"


def test_a_rule_in_the_way_says_what_would_make_it_a_yes(company: Company) -> None:
    for _ in range(3):
        assert company.post(company.aiko, f"/leads/{company.lead()}/claim").status_code == 200
    answer = company.post(company.aiko, f"/leads/{company.lead()}/claim")
    assert answer.status_code == 403
    assert answer.json()["code"] == "holding_cap"
    assert answer.json()["remedy"]["code"] == "contact_first"
    assert answer.json()["remedy"]["text"]


def test_unknown_foreign_hidden_and_impossible_ids_answer_alike(company: Company, other: Company) -> None:
    foreign = other.lead()
    not_in_sight = company.lead(country="JP")
    taken_there = company.lead(country="JP")
    assert company.post(company.budi, f"/leads/{taken_there}/claim").status_code == 200
    answers = [
        company.post(company.aiko, f"/leads/{lead}/claim")
        for lead in (uuid4(), foreign, not_in_sight, taken_there, "no-id")
    ]
    assert {(a.status_code, a.content) for a in answers} == {(404, answers[0].content)}
    assert answers[0].json()["code"] == "not_found"


def test_without_a_good_token_nobody_claims(company: Company, other: Company) -> None:
    lead = company.lead()
    expired = make_token(company.aiko.user, expires_at=now() - timedelta(seconds=1))
    revoked = make_token(company.aiko.user)
    ApiToken.objects.filter(digest=ApiToken.digest_of(revoked)).delete()
    foreign = other.token(other.aiko)
    dressed_up = foreign.replace(other.workspace.id.hex, company.workspace.id.hex)
    for token in ("nonsense", expired, revoked, dressed_up, f"dibs_{company.workspace.id.hex}_x"):
        answer = company.post(token, f"/leads/{lead}/claim")
        assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated"), token
        assert answer["WWW-Authenticate"] == "Bearer"
    assert company.client.post(f"/api/v1/leads/{lead}/claim").status_code == 401
    assert other.post(foreign, f"/leads/{lead}/claim").status_code == 404
    enter(company.workspace.id)
    assert Lead.objects.get(id=lead).state == "pooled"


def test_who_is_no_rep_cannot_claim(company: Company) -> None:
    lead = company.lead()
    assert company.post(company.ops, f"/leads/{lead}/claim").json()["code"] == "not_a_rep"
    assert company.post(company.integration, f"/leads/{lead}/claim").json()["code"] == "not_allowed"


def test_a_token_can_be_narrowed_to_claiming(company: Company) -> None:
    reading = make_token(company.aiko.user, scopes=["leads:read"])
    claiming = make_token(company.aiko.user, scopes=["claim"])
    lead = company.lead()
    assert company.post(reading, f"/leads/{lead}/claim").json()["code"] == "not_allowed"
    assert company.post(claiming, f"/leads/{lead}/claim").status_code == 200
    assert company.get(claiming, f"/leads/{lead}").status_code == 403


def test_next_takes_the_first_in_the_pool_and_nothing_is_204(company: Company) -> None:
    low, high = company.lead(), company.lead(employees=500)
    assert (a := company.post(company.aiko, "/pools/inbound/next")).json().get("id") == str(high), a.content
    assert company.post(company.aiko, "/pools/inbound/next").json()["id"] == str(low)
    assert company.post(company.aiko, "/pools/inbound/next").status_code == 204
    assert company.post(company.aiko, "/pools/japan/next").status_code in {204, 404}
    assert company.post(company.aiko, "/pools/nowhere/next").status_code == 404


def _lapse(lead: Any) -> None:
    Lead.objects.filter(id=lead).update(
        lock_expires_at=now() - timedelta(seconds=1), due_at=now() - timedelta(seconds=1)
    )


def test_acting_on_a_lapsed_claim_is_a_conflict(company: Company) -> None:
    lead = company.lead()
    lease = company.post(company.aiko, f"/leads/{lead}/claim").json()["claim"]
    enter(company.workspace.id)
    _lapse(lead)
    answer = company.post(company.aiko, f"/leads/{lead}/contact", {"claim": lease})
    assert (answer.status_code, answer.json()["code"]) == (409, "claim_lapsed")
    # Somebody else may have it at once, and the old lease still does nothing.
    assert company.post(company.budi, f"/leads/{lead}/claim").status_code == 200
    answer = company.post(company.aiko, f"/leads/{lead}/contact", {"claim": lease})
    assert (answer.status_code, answer.json()["code"]) == (409, "claim_lapsed")
    assert company.post(company.aiko, f"/leads/{lead}/claim").json()["code"] == "already_claimed"


def test_a_claim_is_worked_to_its_end(company: Company) -> None:
    lead = company.lead()
    lease = company.post(company.aiko, f"/leads/{lead}/claim").json()["claim"]
    contacted = company.post(company.aiko, f"/leads/{lead}/contact", {"kind": "call", "claim": lease})
    assert contacted.json()["state"] == "working"
    assert contacted.json()["lock_expires_at"] is None
    done = company.post(company.aiko, f"/leads/{lead}/convert", {"amount": 1800, "currency": "USD", "claim": lease})
    assert done.json()["state"] == "converted"
    again = company.post(company.aiko, f"/leads/{lead}/convert", {})
    assert again.status_code == 409


def test_a_released_lead_waits_again_and_is_out_of_full_sight(company: Company) -> None:
    lead = company.lead(email="hidden@example.com")
    company.post(company.aiko, f"/leads/{lead}/claim")
    released = company.post(company.aiko, f"/leads/{lead}/release", {"why": "wrong region"})
    assert released.status_code == 200, released.content
    assert released.json()["state"] == "pooled"
    assert b"hidden@example.com" not in released.content
    assert company.post(company.budi, f"/leads/{lead}/release").status_code == 403


def test_an_offer_is_accepted_or_declined(company: Company) -> None:
    first, second = company.lead(source="demo"), company.lead(source="demo")
    assert company.post(company.aiko, f"/leads/{first}/accept").json()["state"] == "owned"
    declined = company.post(company.aiko, f"/leads/{second}/reject", {"why": "busy"})
    assert declined.status_code == 200, declined.content
    assert company.post(company.budi, f"/leads/{first}/accept").status_code == 404


def test_a_manager_assigns_within_reach(company: Company) -> None:
    lead = company.lead(source="unclear")
    assert company.post(company.manager, f"/leads/{lead}/assign", {"rep": "nobody"}).json()["code"] == "unknown_rep"
    assert company.post(company.manager, f"/leads/{lead}/assign", {"rep": "aiko"}).json()["owner"] == "aiko"
    assert company.post(company.aiko, f"/leads/{lead}/assign", {"rep": "aiko"}).json()["code"] == "not_allowed"
    elsewhere = company.lead(country="JP")
    company.post(company.budi, f"/leads/{elsewhere}/claim")
    assert company.post(company.manager, f"/leads/{elsewhere}/assign", {"rep": "aiko"}).status_code == 404
    assert company.post(company.ops, f"/leads/{elsewhere}/assign", {"rep": "aiko"}).status_code == 200


def test_a_manager_has_no_say_over_a_lead_that_was_theirs_as_a_rep(company: Company) -> None:
    lead = company.lead()
    company.post(company.aiko, f"/leads/{lead}/claim")
    company.post(company.aiko, f"/leads/{lead}/release")
    company.aiko.user.role = "manager"
    company.aiko.user.save()
    company.post(company.budi, f"/leads/{lead}/claim")
    assert company.get(company.aiko, f"/leads/{lead}").status_code == 404
    for act, body in (("retire", {"why": "other"}), ("assign", {"rep": "aiko"}), ("release", {})):
        assert company.post(company.aiko, f"/leads/{lead}/{act}", body).status_code == 404
    assert company.get(company.budi, f"/leads/{lead}").json()["owner"] == "budi"


def test_a_refusal_tells_times_as_the_rep_reads_the_clock(company: Company) -> None:
    chie, lead = make_rep(company.workspace, "chie", timezone="Asia/Tokyo"), company.lead()
    company.post(chie, f"/leads/{lead}/claim")
    enter(company.workspace.id)
    ended = now() - timedelta(minutes=1)
    Lead.objects.filter(id=lead).update(lock_expires_at=ended, due_at=ended)
    answer = company.post(chie, f"/leads/{lead}/claim").json()
    assert answer["code"] == "reclaim_too_soon"
    until = datetime.fromisoformat(answer["reasons"][0]["params"]["until"]).astimezone(ZoneInfo("Asia/Tokyo"))
    assert f"{until:%H:%M}" in answer["detail"]
    assert f"{until:%H:%M}" in answer["remedy"]["text"]


def test_skips_are_counted_until_the_limit(company: Company) -> None:
    leads = [company.lead() for _ in range(3)]
    assert company.post(company.aiko, f"/leads/{leads[0]}/skip").status_code == 200
    assert company.post(company.aiko, f"/leads/{leads[1]}/skip").status_code == 200
    assert company.get(company.aiko, "/me").json()["standing"]["counters"]["skips"] == 2
    answer = company.post(company.aiko, f"/leads/{leads[2]}/skip")
    assert (answer.status_code, answer.json()["code"]) == (403, "skip_limit")


def test_deactivated_people_are_nobody(company: Company) -> None:
    carmen = make_rep(company.workspace, "carmen")
    token = company.token(carmen)
    carmen.user.is_active = False
    carmen.user.save()
    assert company.get(token, "/me").status_code == 401
    assert company.post(token, f"/leads/{company.lead()}/claim").status_code == 401
