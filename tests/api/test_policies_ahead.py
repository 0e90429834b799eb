"""Announcing policies over HTTP, and what those concerned find: their tier, what is ahead, and their notices."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from dibs.delivery import notices
from dibs.distribution import policies
from dibs.engine.decision import Reason
from dibs.people.tenancy import enter
from tests.api.conftest import POLICY, Company
from tests.making import make_token, publish

AHEAD = datetime.now(UTC).replace(microsecond=0) + timedelta(days=4)
TIGHTER = POLICY.replace("hold_at_most: 3", "hold_at_most: 2")
PROMISED = POLICY.replace("hold_at_most: 3", "hold_at_most: 3, notice: 3d")


def announce(company: Company, source: str = TIGHTER, at: datetime = AHEAD) -> Any:
    return company.post(company.ops, "/policies", {"source": source, "effective_from": at.isoformat()})


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_a_policy_is_announced_seen_and_taken_back(company: Company) -> None:
    answer = announce(company)
    body = answer.json()
    assert (answer.status_code, body["number"], body["active"], body["pending"]) == (201, 2, False, True)
    assert moment(body["effective_from"]) == AHEAD
    assert company.get(company.manager, "/policies/pending").json()["number"] == 2
    assert company.get(company.manager, "/policies/active").json()["number"] == 1
    listed = company.get(company.ops, "/policies").json()["items"]
    assert [(item["number"], item["active"], item["pending"]) for item in listed] == [
        (2, False, True),
        (1, True, False),
    ]
    taken_back = company.post(company.ops, "/policies/pending/cancel")
    assert taken_back.status_code == 200
    assert (taken_back.json()["number"], taken_back.json()["pending"]) == (2, False)
    assert taken_back.json()["cancelled_at"] is not None
    assert company.get(company.ops, "/policies/pending").status_code == 404
    assert company.post(company.ops, "/policies/pending/cancel").status_code == 404


def test_the_same_announcement_again_is_no_new_version(company: Company) -> None:
    assert announce(company).status_code == 201
    assert announce(company).status_code == 200
    assert len(company.get(company.ops, "/policies").json()["items"]) == 2


def test_one_that_is_too_sudden_is_refused_with_the_earliest_moment(company: Company) -> None:
    publish(company.workspace, PROMISED)
    before = datetime.now(UTC)
    answer = announce(company, PROMISED.replace("hold_at_most: 3", "hold_at_most: 2"), before + timedelta(days=1))
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["errors"][0]["code"]) == (422, "policy_refused", "too_sudden")
    assert before + timedelta(days=3) <= moment(problem["earliest"]) <= datetime.now(UTC) + timedelta(days=3)
    assert company.get(company.ops, "/policies/pending").status_code == 404
    earliest = moment(problem["earliest"]) + timedelta(minutes=1)
    assert announce(company, PROMISED.replace("hold_at_most: 3", "hold_at_most: 2"), earliest).status_code == 201


def test_a_moment_needs_a_zone_and_an_end(company: Company) -> None:
    for wrong in ("2026-12-01T09:00:00", "tomorrow", "9999-12-31T23:59:59-14:00"):
        answer = company.post(company.ops, "/policies", {"source": TIGHTER, "effective_from": wrong})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert len(company.get(company.ops, "/policies").json()["items"]) == 1


def test_a_rep_finds_what_is_ahead_and_the_notice_of_it(company: Company) -> None:
    announce(company)
    me = company.get(company.aiko, "/me").json()
    assert (me["upcoming"]["number"], me["notices"]) == (2, 1)
    assert moment(me["upcoming"]["at"]) == AHEAD
    (change,) = me["upcoming"]["changes"]
    assert (change["code"], change["params"]["before"], change["params"]["after"]) == ("rule_tightens", 3, 2)
    assert change["text"]
    (notice,) = company.get(company.aiko, "/me/notices").json()["items"]
    assert (notice["kind"], notice["read_at"]) == ("rules_announced", None)
    assert notice["reasons"] == [change]
    assert company.get(company.ops, "/me").json()["notices"] == 0
    assert company.get(company.integration, "/me").json()["upcoming"]["number"] == 2
    without = make_token(company.integration, scopes=["leads:read"])
    assert company.get(without, "/me").json()["upcoming"] is None


def test_notices_come_in_pages_and_are_read_by_id_or_all(company: Company) -> None:
    enter(company.workspace.id)
    for n in range(3):
        why = Reason("below_floor", {"have": n, "count": 5, "per": "day", "missing": 5 - n}, "fair_play.claim_at_least")
        at = datetime.now(UTC) + timedelta(minutes=n)
        notices.tell(company.workspace.id, [company.aiko.user.id], "below_floor", [why], at)
    first = company.get(company.aiko, "/me/notices", limit=2).json()
    second = company.get(company.aiko, "/me/notices", limit=2, cursor=first["next"]).json()
    have = [item["reasons"][0]["params"]["have"] for item in first["items"] + second["items"]]
    assert (have, second["next"]) == ([2, 1, 0], None)
    newest = first["items"][0]["id"]
    assert company.post(company.aiko, "/me/notices/read", {"ids": [newest, str(uuid4())]}).json() == {"unread": 2}
    assert company.get(company.aiko, "/me/notices").json()["items"][0]["read_at"] is not None
    assert company.post(company.budi, "/me/notices/read", {}).json() == {"unread": 0}
    assert company.get(company.aiko, "/me").json()["notices"] == 2
    assert company.post(company.aiko, "/me/notices/read", {}).json() == {"unread": 0}


def test_a_cursor_of_somebody_elses_notices_is_refused(company: Company) -> None:
    enter(company.workspace.id)
    for rep in (company.aiko, company.budi):
        for _ in range(2):
            notices.tell(company.workspace.id, [rep.user.id], "rules_kept", [], datetime.now(UTC))
    cursor = company.get(company.budi, "/me/notices", limit=1).json()["next"]
    answer = company.get(company.aiko, "/me/notices", cursor=cursor)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_cursor")


def test_a_manager_is_told_of_a_rep_by_name(company: Company) -> None:
    enter(company.workspace.id)
    why = Reason("rep_below_floor", {"rep": "aiko", "have": 1, "count": 5, "per": "day", "missing": 4})
    notices.tell(company.workspace.id, [company.manager.id], "below_floor", [why], datetime.now(UTC))
    (notice,) = company.get(company.manager, "/me/notices").json()["items"]
    assert notice["reasons"][0]["text"].startswith("Aiko ")


def test_a_rep_finds_their_tier(company: Company) -> None:
    assert company.get(company.aiko, "/me").json()["tier"] is None
    tiers = "tiers:\n  - {name: top, when: 'rep.closed >= 5', sees: full}\n  - {name: new, sees: preview}\n"
    enter(company.workspace.id)
    policies.publish(company.workspace.id, POLICY + tiers, by=None)
    tier = company.get(company.aiko, "/me").json()["tier"]
    assert {**tier, "since": None, "next": None} == {
        "name": "new",
        "sees": "preview",
        "only": None,
        "since": None,
        "closed": 0,
        "converted": 0,
        "over": 90 * 86400,
        "confirm": 3,
        "candidate": None,
        "days": 0,
        "next": None,
    }
    assert (tier["next"]["code"], tier["next"]["params"]["tier"]) == ("reach_tier", "top")
    assert company.get(company.manager, "/me").json()["tier"] is None
