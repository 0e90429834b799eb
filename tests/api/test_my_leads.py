"""A rep's own leads over HTTP: the list, what is due, and several done at once."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from dibs.crm.models import Lead
from dibs.people.tenancy import enter
from tests.api.conftest import Company, soon
from tests.making import at_noon

# -- the list


def ids(answer: Any) -> list[str]:
    return [lead["id"] for lead in answer.json()["items"]]


@pytest.fixture
def five(company: Company) -> list[str]:
    """Five leads that Budi works, of several sources and scores."""
    found = []
    for employees, source, name in ((300, "open", "Alpha"), (10, "open", "Beta"), (20, "line", "Gamma"), (500, "referral", "Delta"), (1, "open", "Épsilon")):  # fmt: skip
        lead = company.lead(employees=employees, source=source, company=name)
        assert company.post(company.ops, f"/leads/{lead}/assign", {"rep": "budi"}).status_code == 200
        found.append(str(lead))
    return found


def test_the_list_is_filtered_searched_and_sorted(company: Company, five: list[str]) -> None:
    def mine(**asked: Any) -> list[str]:
        return ids(company.get(company.budi, "/me/leads", **asked))

    assert set(mine()) == set(five)
    assert mine(sort="name") == [five[0], five[1], five[3], five[2], five[4]]
    assert mine(sort="-score")[:2] == [five[3], five[0]]
    assert set(mine(source="open")) == {five[0], five[1], five[4]}
    assert mine(source="open", rank="warm") == [five[0]]
    assert mine(q="éPSILON") == [five[4]]
    assert mine(q="' OR 1=1 --") == []
    assert mine(state="working") == []
    company.post(company.budi, f"/leads/{five[2]}/contact")
    assert mine(state="working") == [five[2]]
    assert mine(idle_days=1) == []
    assert mine(due="true") == []
    company.call(company.budi, "PUT", f"/leads/{five[1]}/follow-up", {"at": soon(minutes=-1)})
    assert mine(due="true") == [five[1]]
    at_noon(company.budi)
    meets = {"title": "Talk", "starts_at": soon(hours=1), "ends_at": soon(hours=2)}
    company.post(company.budi, f"/leads/{five[2]}/appointments", meets)
    assert set(mine(due="true")) == {five[1], five[2]}
    assert company.get(company.aiko, "/me/leads").json()["items"] == []


def test_pages_of_the_list_come_to_all_of_it_in_any_order(company: Company, five: list[str]) -> None:
    for order in ("time", "-score", "-received_at", "received_at", "idle", "follow_up", "name", "-ended_at"):
        found, cursor = [], None
        while True:
            page = company.get(company.budi, "/me/leads", limit=2, sort=order, **({"cursor": cursor} if cursor else {}))
            found += ids(page)
            cursor = page.json()["next"]
            if cursor is None:
                break
        assert sorted(found) == sorted(five), order
        assert found == ids(company.get(company.budi, "/me/leads", sort=order)), order


def test_a_cursor_of_somebody_elses_list_and_an_order_that_there_is_not_are_refused(
    company: Company, five: list[str]
) -> None:
    cursor = company.get(company.budi, "/me/leads", limit=2).json()["next"]
    assert company.get(company.aiko, "/me/leads", cursor=cursor).json()["code"] == "bad_cursor"
    assert company.get(company.budi, "/me/leads", cursor=cursor, sort="name").json()["code"] == "bad_cursor"
    assert company.get(company.budi, "/me/leads", sort="score; DROP TABLE crm_lead").json()["code"] == "invalid"
    assert company.get(company.budi, "/me/leads", sort="salary").json()["code"] == "bad_filter"
    assert company.get(company.budi, "/me/leads", salary="1").json()["code"] == "invalid"


def test_what_ended_and_what_one_helps_with_have_lists_of_their_own(company: Company, five: list[str]) -> None:
    company.post(company.budi, f"/leads/{five[0]}/convert")
    company.post(company.budi, f"/leads/{five[1]}/retire", {"why": "no_interest"})
    ended = company.get(company.budi, "/me/leads", view="ended")
    assert ids(ended) == [five[1], five[0]]
    assert ended.json()["items"][0]["ended_at"] is not None
    assert ids(company.get(company.budi, "/me/leads", view="ended", state="converted")) == [five[0]]
    company.post(company.budi, f"/leads/{five[2]}/helpers", {"rep": "aiko"})
    assert ids(company.get(company.aiko, "/me/leads", view="helped")) == [five[2]]
    assert company.get(company.ops, "/me/leads").json()["items"] == []


def test_what_is_due_today_has_everything_in_its_order_and_nothing_of_tomorrow(company: Company) -> None:
    enter(company.workspace.id)
    at_noon(company.aiko)
    claimed = company.lead()
    company.post(company.aiko, f"/leads/{claimed}/claim")
    company.call(company.aiko, "PUT", f"/leads/{claimed}/follow-up", {"at": soon(minutes=-30)})
    company.post(
        company.aiko, f"/leads/{claimed}/activities", {"kind": "mail", "due_at": soon(hours=1), "text": "Offer"}
    )
    company.post(company.aiko, f"/leads/{claimed}/activities", {"kind": "task", "due_at": soon(days=2)})
    meets = {"title": "Talk", "starts_at": soon(hours=2), "ends_at": soon(hours=3)}
    company.post(company.aiko, f"/leads/{claimed}/appointments", meets)
    offered = company.lead(source="demo")
    due = company.get(company.aiko, "/me/due").json()["items"]
    assert [item["what"] for item in due] == ["offer", "lock", "appointment", "follow_up", "activity"]
    assert [item["overdue"] for item in due] == [False, False, False, True, False]
    assert due[0]["lead"]["id"] == str(offered)
    assert (due[4]["kind"], due[4]["title"]) == ("mail", "Offer")
    assert company.get(company.budi, "/me/due").json()["items"] == []
    company.post(company.aiko, f"/leads/{claimed}/retire", {"why": "other"})
    assert [item["what"] for item in company.get(company.aiko, "/me/due").json()["items"]] == ["offer", "appointment"]


# -- several at once


def test_each_of_several_is_judged_by_itself(company: Company, five: list[str]) -> None:
    foreign = company.lead()
    company.post(company.aiko, f"/leads/{foreign}/claim")
    wanted = {"act": "retire", "why": "no_interest", "leads": [five[0], str(foreign), five[1], five[0], str(uuid4())]}
    company.post(company.budi, f"/leads/{five[1]}/convert")
    answers = company.post(company.budi, "/me/leads/bulk", wanted).json()["items"]
    assert [answer["outcome"] for answer in answers] == ["done", "not_found", "refused", "done", "not_found"]
    assert answers[2]["code"] == "already_ended"
    enter(company.workspace.id)
    assert Lead.objects.get(id=five[0]).state == "retired"
    assert Lead.objects.get(id=foreign).state == "owned"


def test_several_are_contacted_given_back_and_put_off(company: Company, five: list[str]) -> None:
    def all_of(**wanted: Any) -> list[str]:
        answer = company.post(company.budi, "/me/leads/bulk", {"leads": five, **wanted})
        assert answer.status_code == 200, answer.content
        return [item["outcome"] for item in answer.json()["items"]]

    assert all_of(act="follow_up", at=soon(days=1)) == ["done"] * 5
    assert all_of(act="follow_up", at=None) == ["done"] * 5
    assert all_of(act="follow_up", at=None) == ["unchanged"] * 5
    assert all_of(act="contact", kind="mail", note="Season's greetings") == ["done"] * 5
    assert all_of(act="release", why="On other work") == ["done"] * 5
    assert set(all_of(act="contact")) <= {"refused", "not_found", "done"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"act": "retire"},
        {"act": "retire", "why": "because"},
        {"act": "burn"},
        {"act": "contact", "kind": "pigeon"},
        {"act": "contact", "leads": []},
        {"act": "contact", "leads": [str(uuid4()) for _ in range(201)]},
    ],
)
def test_an_act_that_cannot_be_is_refused_whole(company: Company, wrong: dict[str, Any]) -> None:
    answer = company.post(company.aiko, "/me/leads/bulk", {"leads": [str(uuid4())], **wrong})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
