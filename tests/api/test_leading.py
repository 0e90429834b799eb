"""Who leads and is a rep as well: what they see as a rep alone is not theirs to hand over."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from dibs.crm.models import Lead
from dibs.distribution import acting
from dibs.insight.leads import leads_in_sight
from dibs.people.caller import caller_of
from dibs.people.models import Membership, Rep
from dibs.people.tenancy import enter
from tests.api.conftest import POLICY, Company
from tests.making import make_team, publish

#: Pools of a team that the manager does not manage, but is a rep of.
FIELD = POLICY.replace("japan: {mode: pool, teams: [tokyo]}", "japan: {mode: pool, teams: [tokyo], preview: [company]}")
FIELD = FIELD.replace("open: {mode: cherry_pick}", "open: {mode: cherry_pick, teams: [tokyo]}")
SECRET = "private@hidden.example"
ACTS = [("assign", {"rep": "mio"}), ("return", {"pool": "inbound"}), ("retire", {"why": "spam"})]


@pytest.fixture
def both(company: Company) -> Company:
    """The manager of closers is a rep in tokyo too."""
    publish(company.workspace, FIELD)
    rep = Rep.objects.create(workspace=company.workspace, user=company.manager, handle="mio", name="Mio")
    Membership.objects.create(workspace=company.workspace, rep=rep, team=make_team(company.workspace, "tokyo"))
    return company


def state(company: Company, lead: UUID) -> tuple[str, str | None]:
    enter(company.workspace.id)
    found = Lead.objects.select_related("owner").get(id=lead)
    return found.state, found.owner.handle if found.owner else None


def bulk(company: Company, who: Any, act: str, lead: UUID, **more: Any) -> Any:
    answer = company.post(who, "/leads/bulk", {"act": act, "leads": [str(lead)]} | more)
    assert answer.status_code == 200, answer.content
    assert SECRET not in answer.content.decode()
    return answer.json()["items"][0]


@pytest.mark.parametrize(("act", "more"), ACTS)
def test_a_lead_seen_as_a_preview_is_refused_to_who_leads_another_team(
    both: Company, act: str, more: dict[str, str]
) -> None:
    lead = both.lead(country="JP", email=SECRET)
    item = bulk(both, both.manager, act, lead, **more)
    assert item["outcome"] == "refused"
    assert item["code"] == ("not_yours" if act == "retire" else "not_led")
    if act != "return":
        answer = both.post(both.manager, f"/leads/{lead}/{act}", more)
        assert (answer.status_code, answer.json()["code"]) == (403, item["code"])
        assert SECRET not in answer.content.decode()
    assert state(both, lead) == ("pooled", None)


@pytest.mark.parametrize(("act", "more"), ACTS)
def test_so_is_one_they_have_opened(both: Company, act: str, more: dict[str, str]) -> None:
    lead = both.lead(source="open", email=SECRET)
    opened = both.post(both.manager, f"/leads/{lead}/open")
    assert opened.json()["email"] == SECRET
    assert bulk(both, both.manager, act, lead, **more)["outcome"] == "refused"
    if act != "return":
        assert both.post(both.manager, f"/leads/{lead}/{act}", more).status_code == 403
    assert state(both, lead) == ("pooled", None)


def test_so_is_one_of_which_the_pool_shows_everything(both: Company) -> None:
    publish(both.workspace, FIELD.replace(", skip_at_most: 2", ""))
    lead = both.lead(source="open", email=SECRET)
    assert both.get(both.manager, f"/leads/{lead}").json()["email"] == SECRET
    refused = both.post(both.manager, f"/leads/{lead}/assign", {"rep": "mio"})
    assert (refused.status_code, refused.json()["code"]) == (403, "not_led")
    assert refused.json()["remedy"]["code"] == "ask_its_manager"


@pytest.mark.parametrize(("act", "more"), ACTS)
def test_what_they_may_not_know_of_is_not_there(both: Company, act: str, more: dict[str, str]) -> None:
    theirs = both.lead(country="JP")
    both.post(both.budi, f"/leads/{theirs}/claim")
    Membership.objects.filter(rep__handle="mio").delete()
    for lead in (theirs, both.lead(country="JP")):
        before = state(both, lead)
        assert bulk(both, both.manager, act, lead, **more)["outcome"] == "not_found"
        if act != "return":
            assert both.post(both.manager, f"/leads/{lead}/{act}", more).status_code == 404
        assert state(both, lead) == before


def test_their_own_lead_they_give_up_as_its_rep_and_hand_to_nobody(both: Company) -> None:
    lead = both.lead(country="JP")
    assert both.post(both.manager, f"/leads/{lead}/claim").status_code == 200
    assert both.post(both.manager, f"/leads/{lead}/assign", {"rep": "budi"}).json()["code"] == "not_led"
    assert bulk(both, both.manager, "assign", lead, rep="budi")["code"] == "not_led"
    assert bulk(both, both.manager, "retire", lead, why="spam")["outcome"] == "done"


def test_what_they_lead_stays_theirs_to_decide_about(both: Company) -> None:
    waits, review, held = both.lead(), both.lead(source="unclear"), both.lead()
    both.post(both.aiko, f"/leads/{held}/claim")
    for lead in (waits, review, held):
        assert both.post(both.manager, f"/leads/{lead}/assign", {"rep": "mio"}).status_code == 200
        assert state(both, lead) == ("owned", "mio")
    assert bulk(both, both.manager, "return", both.lead(source="unclear"), pool="inbound")["outcome"] == "done"


@pytest.mark.parametrize(("act", "more"), ACTS)
def test_operations_decide_about_all_and_reps_and_integrations_about_none(
    both: Company, act: str, more: dict[str, str]
) -> None:
    lead = both.lead(country="JP") if act != "return" else both.lead(source="unclear")
    for who in (both.budi, both.integration):
        body = {"act": act, "leads": [str(lead)]} | more
        assert both.post(who, "/leads/bulk", body).json()["code"] == "not_allowed"
        if act == "assign":
            assert both.post(who, f"/leads/{lead}/assign", more).json()["code"] == "not_allowed"
    assert bulk(both, both.ops, act, lead, **more)["outcome"] == "done"


def test_a_lock_that_ran_out_is_the_pools_and_no_longer_its_reps(both: Company) -> None:
    Membership.objects.create(workspace=both.workspace, rep=both.aiko, team=make_team(both.workspace, "tokyo"))
    lead = both.lead(country="JP")
    both.post(both.aiko, f"/leads/{lead}/claim")
    manager = caller_of(both.manager)
    enter(both.workspace.id)
    until = Lead.objects.get(id=lead).lock_expires_at
    assert until is not None
    late = acting.assign(manager, lead, "mio", until)
    assert isinstance(late, acting.Refused)
    assert late.refusal.code == "not_led"
    assert isinstance(acting.assign(manager, lead, "mio", now()), acting.Acted)


def test_openings_are_read_once_for_many_leads(both: Company) -> None:
    publish(both.workspace, FIELD.replace("skip_at_most: 2", "skip_at_most: 30"))
    leads = [both.lead(source="open", email=f"{n}-{SECRET}") for n in range(24)]
    for lead in leads[:3]:
        both.post(both.manager, f"/leads/{lead}/open")
    manager = caller_of(both.manager)

    def asked(some: list[UUID]) -> int:
        with CaptureQueriesContext(connection) as asked:
            seen = leads_in_sight(manager, some, now())
        assert [seen[lead].level for lead in some] == ["full"] * 3 + ["preview"] * (len(some) - 3)
        return len(asked)

    assert asked(leads[:4]) == asked(leads)
