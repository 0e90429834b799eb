"""What became of leads, counted by month and by what they have in common: in the page, over the API and as a file."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html import unescape
from typing import Any
from uuid import UUID

import pytest

from dibs.crm.models import Lead, Opportunity
from dibs.insight.report_leads import PARTS, Counting, leads_behind
from dibs.insight.reports import MOST_GROUPS, Counted, Report, UnknownGroup, groups_at_hand, report
from dibs.people.caller import caller_of
from dibs.people.models import Workspace
from dibs.people.tenancy import enter
from tests.api.conftest import Company, make_company
from tests.making import make_token
from tests.web.conftest import as_
from tests.web.test_leads import words

JANUARY, FEBRUARY = datetime(2026, 1, 10, 12, tzinfo=UTC), datetime(2026, 2, 10, 12, tzinfo=UTC)
SINCE, UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def company(db: Any) -> Company:
    return make_company()


@pytest.fixture
def other(company: Company) -> Company:
    """Another company on the same server."""
    there = make_company()
    enter(company.workspace.id)
    return there


def came(company: Company, at: datetime, **columns: Any) -> UUID:
    """A lead that was received then, and of which this has become."""
    fields = {name: columns.pop(name) for name in ("source", "country", "attributes", "employees") if name in columns}
    lead = company.lead(now=at, **fields)
    Lead.objects.filter(id=lead).update(**columns)
    return lead


def converted(company: Company, at: datetime, days: float, **fields: Any) -> UUID:
    ended = at + timedelta(days=days)
    return came(
        company,
        at,
        state="converted",
        owner=company.aiko,
        contacted_at=at + timedelta(hours=1),
        ended_at=ended,
        **fields,
    )


def told(company: Company, by: str = "source", who: Any = None) -> Report:
    return report(caller_of(who or company.ops), by, SINCE, UNTIL, UNTIL)


def test_leads_count_for_the_month_they_came_in_and_for_what_they_have_in_common(company: Company) -> None:
    converted(company, JANUARY, 40, source="ads")
    came(
        company,
        JANUARY,
        source="ads",
        state="retired",
        owner=company.aiko,
        retired_why="no_interest",
        ended_at=FEBRUARY,
    )
    came(company, FEBRUARY, source="ads")
    converted(company, FEBRUARY, 2, source="fair")
    found = told(company)
    assert [(month.isoformat(), c.leads, c.converted, c.retired) for month, c in found.months] == [
        ("2026-01-01", 2, 1, 1),
        ("2026-02-01", 2, 1, 0),
    ]
    assert [(g.name, g.all.leads, g.all.converted, [c.leads for c in g.months]) for g in found.groups] == [
        ("ads", 3, 1, [2, 1]),
        ("fair", 1, 1, [0, 1]),
    ]
    assert (found.total.leads, found.total.open, found.total.rate, found.total.contacted) == (4, 1, 0.5, 2)
    assert (found.total.to_contact, found.total.to_convert) == (timedelta(hours=1), timedelta(days=21))
    assert found.retired == (("no_interest", 1),)


def test_months_begin_where_the_workspace_is(company: Company) -> None:
    came(company, datetime(2026, 1, 31, 20, tzinfo=UTC))
    assert [month.month for month, _ in told(company).months] == [1]
    Workspace.objects.filter(id=company.workspace.id).update(timezone="Asia/Tokyo")
    assert [month.month for month, _ in told(company).months] == [2]


def test_what_was_merged_counts_once_and_what_is_outside_the_period_not_at_all(company: Company) -> None:
    came(company, SINCE)
    came(company, UNTIL)
    came(company, SINCE - timedelta(seconds=1))
    came(company, JANUARY, state="merged")
    assert told(company).total.leads == 1


def test_opportunities_that_were_won_are_summed_by_currency(company: Company) -> None:
    for state, amount, currency in (
        ("won", 100, "EUR"),
        ("won", 250, "EUR"),
        ("won", 9000, "JPY"),
        ("lost", 70, "EUR"),
        ("open", 5, "EUR"),
    ):
        lead = converted(company, JANUARY, 1)
        Opportunity.objects.create(
            workspace=company.workspace,
            lead_id=lead,
            owner=company.aiko,
            name="X",
            state=state,
            stage="qualified",
            amount=amount,
            currency=currency,
        )
    found = told(company)
    assert (found.total.converted, found.total.won, found.total.lost) == (5, 3, 1)
    assert found.won == (("EUR", Decimal(350)), ("JPY", Decimal(9000)))


def test_leads_are_told_apart_by_any_attribute_and_by_nothing_else(company: Company) -> None:
    came(company, JANUARY, attributes={"origin": "email"})
    came(company, JANUARY, attributes={"origin": "email"})
    came(company, JANUARY, attributes={"origin": ""})
    found = told(company, "attributes.origin")
    assert [(group.name, group.all.leads) for group in found.groups] == [("email", 2), (None, 1)]
    assert told(company, 'attributes.it\'s "odd"; --').groups[0].name is None
    for by in ("name", "email", "attributes.", "", "1; DROP TABLE crm_lead", "attributes." + "x" * 101):
        with pytest.raises(UnknownGroup):
            told(company, by)


def test_what_few_values_tell_apart_is_offered_and_what_names_a_lead_is_not(company: Company) -> None:
    for n in range(40):
        came(
            company,
            JANUARY,
            country="JP",
            attributes={"origin": ("email", "social")[n % 2], "serial": f"no {n}", "same": "x"},
        )
    assert groups_at_hand(caller_of(company.ops), UNTIL) == ["source", "country", "rep", "attributes.origin"]


def test_more_groups_than_a_page_holds_are_one(company: Company) -> None:
    for n in range(MOST_GROUPS + 3):
        for _ in range(2 if n < MOST_GROUPS else 1):
            came(company, JANUARY if n % 2 else FEBRUARY, source=f"source {n:03}")
    found = told(company)
    assert len(found.groups) == MOST_GROUPS
    assert found.rest is not None
    assert found.rest.all.leads == 3
    assert [month.leads for month in found.rest.months] == [1, 2]


def test_by_the_score_that_leads_came_in_with_and_not_by_what_was_learnt_later(company: Company) -> None:
    high = converted(company, JANUARY, 1, employees=500)
    Lead.objects.filter(id=high).update(score=1)
    low = came(company, JANUARY)
    Lead.objects.filter(id=low).update(score=100)
    bands = {band.low: (band.leads, band.converted) for band in told(company).bands}
    assert bands == {1: (1, 0), 21: (0, 0), 41: (1, 1), 61: (0, 0), 81: (0, 0)}


def test_a_manager_counts_the_own_teams_leads(company: Company) -> None:
    converted(company, JANUARY, 1)
    came(company, JANUARY, state="converted", owner=company.budi, ended_at=FEBRUARY)
    came(company, JANUARY, country="JP")
    found = told(company, "rep", company.manager)
    assert [(group.name, group.all.leads) for group in found.groups] == [("aiko", 1)]
    assert told(company, "rep").total.leads == 3


def test_nobody_counts_another_workspaces_leads(company: Company) -> None:
    there = make_company()
    converted(there, JANUARY, 1)
    enter(company.workspace.id)
    assert told(company).total == Counted()


def test_over_the_api_and_as_a_file(company: Company) -> None:
    converted(company, JANUARY, 2, source="=cmd()")
    came(company, FEBRUARY, source="fair")
    span = {"since": SINCE.isoformat(), "until": UNTIL.isoformat()}
    answer = company.get(company.ops, "/metrics/funnel", **span)
    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert (body["total"]["leads"], body["total"]["converted"], body["total"]["rate"]) == (2, 1, 0.5)
    assert body["total"]["to_convert"] == 2 * 86_400
    assert [(month["month"], month["leads"]) for month in body["months"]] == [("2026-01-01", 1), ("2026-02-01", 1)]
    assert {group["name"]: [month["month"] for month in group["months"]] for group in body["groups"]} == {
        "=cmd()": ["2026-01-01"],
        "fair": ["2026-02-01"],
    }
    file = company.get(company.ops, "/metrics/funnel", format="csv", **span).content.decode()
    assert list(csv.reader(io.StringIO(file)))[1:] == [
        ["'=cmd()", "2026-01", "1", "1", "1", "0", "0", "0", "0"],
        ["fair", "2026-02", "1", "0", "0", "0", "1", "0", "0"],
    ]
    assert company.get(company.ops, "/metrics/funnel", by="email").json()["code"] == "invalid"
    assert company.get(company.ops, "/metrics/funnel", since="2026-01-01T00:00:00").json()["code"] == "invalid"
    assert company.get(company.aiko, "/metrics/funnel").status_code == 403


def test_the_page_says_it_in_numbers(company: Company) -> None:
    for _ in range(3):
        converted(company, JANUARY, 2, source="ads")
    for n in range(9):
        came(
            company,
            FEBRUARY,
            source="ads",
            state="retired",
            owner=company.aiko,
            retired_why="no_budget",
            ended_at=FEBRUARY + timedelta(n),
        )
    text = words(as_(company.ops).get("/reports/?days=all&by=source"))
    for said in ("Reports", "Ads", "January 2026", "February 2026", "25%", "no budget", "12"):
        assert said in text, said
    assert words(as_(company.ops).get("/reports/?days=30&by=nonsense"))
    nothing = words(as_(company.ops).get("/reports/?days=30"))
    assert "No leads came in in this time" in nothing
    # Long ago is what there is: nobody who only comes by is shown an empty page.
    assert words(as_(company.ops).get("/reports/?by=source")) == text
    file = as_(company.ops).get("/reports/leads.csv?days=all&by=source")
    assert file["Content-Type"].startswith("text/csv")
    assert b"ads,2026-02,9,0,0,9,0,0,0" in file.content


def behind(company: Company, who: Any = None, part: str = "leads", **which: Any) -> int:
    counting = Counting(**{"since": SINCE, "until": UNTIL, "part": part, **which})
    return len(leads_behind(caller_of(who or company.ops), counting, "x", now=UNTIL).items)


def test_behind_every_number_are_as_many_leads(company: Company) -> None:
    won = converted(company, JANUARY, 40, source="ads")
    Opportunity.objects.create(
        workspace=company.workspace,
        lead_id=won,
        owner=company.aiko,
        name="X",
        state="won",
        stage="qualified",
        amount=Decimal(5),
        currency="EUR",
    )
    gone = {"state": "retired", "owner": company.aiko, "ended_at": FEBRUARY}
    came(company, JANUARY, source="ads", retired_why="no_interest", **gone)
    came(company, FEBRUARY, source="fair", country="ES", retired_why=None, **gone)
    came(company, FEBRUARY, source="ads", contacted_at=FEBRUARY, attributes={"origin": "x"})
    came(company, FEBRUARY, source="ads", state="merged")
    converted(company, FEBRUARY, 2, source="fair", country="JP")
    for who in (company.ops, company.manager):
        for by in ("source", "country", "rep", "attributes.origin"):
            found = told(company, by, who)
            for part in PARTS:
                assert behind(company, who, part) == getattr(found.total, part)
                for group in found.groups:
                    one = {"by": by, "name": group.name, "grouped": True}
                    assert behind(company, who, part, **one) == getattr(group.all, part), (by, part, group.name)
                    for (_month, _), counted, since, until in zip(
                        found.months, group.months, (SINCE, FEBRUARY.replace(day=1, hour=0)),
                        (FEBRUARY.replace(day=1, hour=0), UNTIL), strict=True,
                    ):  # fmt: skip
                        assert behind(company, who, part, **one, since=since, until=until) == getattr(counted, part)
            for why, count in found.retired:
                assert behind(company, who, "retired", why=why) == count


def test_over_the_api_every_figure_has_its_leads(company: Company) -> None:
    lost = converted(company, JANUARY, 40, source="ads")
    deal = {"owner": company.aiko, "name": "X", "state": "lost", "stage": "qualified"}
    Opportunity.objects.create(workspace=company.workspace, lead_id=lost, **deal)
    gone = {"state": "retired", "owner": company.aiko, "ended_at": FEBRUARY}
    given_up = [came(company, FEBRUARY, source="ads", retired_why="no_budget", **gone) for _ in range(2)]
    came(company, FEBRUARY, source="fair", retired_why="no_interest", **gone)
    lands = came(company, FEBRUARY, source="fair", country="ES")
    period = {"since": SINCE.isoformat(), "until": UNTIL.isoformat()}

    def leads(who: Any, **asked: Any) -> list[str]:
        answer = company.get(who, "/metrics/funnel/leads", **period, **asked)
        assert answer.status_code == 200, answer.content
        return [lead["id"] for lead in answer.json()["items"]]

    for who in (company.ops, company.manager, company.integration):
        for by in ("source", "country"):
            told = company.get(who, "/metrics/funnel", by=by, **period).json()
            for part in PARTS:
                assert len(leads(who, by=by, part=part)) == told["total"][part]
                for group in told["groups"]:
                    which = {"unnamed": True} if group["name"] is None else {"name": group["name"]}
                    assert len(leads(who, by=by, part=part, **which)) == group[part], (by, part, group["name"])
                    for month in group["months"]:
                        assert len(leads(who, by=by, part=part, month=month["month"], **which)) == month[part]
            for row in told["retired"]:
                assert len(leads(who, part="retired", why=row["why"])) == row["leads"]
    assert leads(company.ops, part="lost") == [str(lost)]
    assert leads(company.ops, by="country", name="ES") == [str(lands)]
    assert leads(company.ops, part="retired", why="no_budget") == [str(lead) for lead in reversed(given_up)]


def test_over_the_api_they_come_a_page_at_a_time_each_as_its_reader_sees_it(company: Company) -> None:
    for n in range(3):
        came(company, FEBRUARY, source="ads", email=f"n{n}@x.example")
    where, asked = "/metrics/funnel/leads", {"since": SINCE.isoformat(), "until": UNTIL.isoformat(), "name": "ads"}
    first = company.get(company.manager, where, limit=2, **asked).json()
    second = company.get(company.manager, where, limit=2, cursor=first["next"], **asked).json()
    found = [*first["items"], *second["items"]]
    assert (len(first["items"]), len(second["items"]), second["next"]) == (2, 1, None)
    # What waits in a pool is seen by a manager as anywhere else.
    assert found == [company.get(company.manager, f"/leads/{lead['id']}").json() for lead in found]
    elsewhere = company.get(company.manager, where, limit=2, cursor=first["next"], **(asked | {"part": "open"}))
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (400, "bad_cursor")


def test_reports_alone_open_no_leads(company: Company, other: Company) -> None:
    came(company, FEBRUARY, source="ads")
    asked = {"since": SINCE.isoformat(), "until": UNTIL.isoformat()}
    reports_only = make_token(company.integration, scopes=["reports:read"])
    assert company.get(reports_only, "/metrics/funnel", **asked).json()["total"]["leads"] == 1
    for who in (reports_only, company.aiko):
        refused = company.get(who, "/metrics/funnel/leads", **asked)
        assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")
    enter(other.workspace.id)
    assert company.get(other.ops, "/metrics/funnel/leads", **asked).json() == {"items": [], "next": None}


@pytest.mark.parametrize(
    "asked",
    [
        {"part": "x"},
        {"month": "9999-12-01"},
        {"month": "0001-01-01"},
        {"month": "2026-13-01"},
        {"name": "\0"},
        {"by": "attributes.\0", "name": "x"},
        {"by": "email"},
        {"name": "x", "unnamed": True},
        {"why": "no_budget"},
        {"since": "2026-01-01T00:00:00"},
        {"nmae": "x"},
    ],
)
def test_over_the_api_a_figure_that_cannot_be_is_refused(company: Company, asked: dict[str, Any]) -> None:
    refused = company.get(company.ops, "/metrics/funnel/leads", **asked)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid")


def test_from_a_number_one_comes_to_its_leads(company: Company) -> None:
    for n in range(3):
        converted(company, JANUARY, 2, source="ads & more", country="ES" if n else "JP")
    page = as_(company.ops).get("/reports/?days=all&by=source").content.decode()
    links = [unescape(link) for link in re.findall(r'href="(/reports/leads/[^"]*)"', page)]
    assert "/reports/leads/?days=all&by=source&part=converted&name=ads+%26+more" in links
    assert "/reports/leads/?days=all&by=source&part=leads&month=2026-01" in links
    for link in links:
        answer = as_(company.ops).get(link)
        assert answer.content.decode().count('href="/leads/') == 3, link
    behind = words(as_(company.ops).get("/reports/leads/?days=all&by=country&part=converted&name=JP&month=2026-01"))
    assert "Converted · Country: Japan · January 2026" in behind
    empty = words(as_(company.ops).get("/reports/leads/?days=all&by=source&none=1"))
    assert "No lead fits that any more" in empty


@pytest.mark.parametrize(
    "asked",
    [
        "part=x",
        "month=2026-13",
        "month=9999-12",
        "month=0001-01",
        "month=x",
        "name=%00",
        "by=attributes.%00",
        "by=x&name=y",
        "cursor=x",
        "why=x",
        "days=1",
    ],
)
def test_a_number_that_cannot_be_is_no_error(company: Company, asked: str) -> None:
    converted(company, JANUARY, 2)
    assert as_(company.ops).get(f"/reports/leads/?{asked}").status_code in {200, 302}


def test_the_leads_behind_a_number_come_a_page_at_a_time(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dibs.web.reports._ROWS", 2)
    for _ in range(3):
        converted(company, JANUARY, 2)
    first = as_(company.ops).get("/reports/leads/?days=all&part=converted").content.decode()
    (more,) = re.findall(r'rel="next" href="([^"]*)"', first)
    second = as_(company.ops).get(f"/reports/leads/{unescape(more)}").content.decode()
    assert (first.count('href="/leads/'), second.count('href="/leads/')) == (2, 1)
