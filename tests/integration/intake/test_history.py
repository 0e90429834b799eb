"""A history played again: leads at the moments they came, wins at the moments they were won, and the report says what was in the files."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.integration.intake.test_importing import DEALS, EXAMPLES, LEADS, OLIST, in_the_shape_of_olist
from tests.making import make_rep, make_team, make_user, make_workspace, publish
from tests.web.conftest import as_
from tests.web.test_leads import words

from dibs.cli.replaying import told_in_lines
from dibs.crm.models import Lead, Opportunity
from dibs.delivery.models import Mail
from dibs.distribution.models import Decision
from dibs.insight.reports import report
from dibs.intake.history import CannotReplay, File, History, Replayed, Wins
from dibs.intake.mapping import read_mapping, read_mapping_file
from dibs.people.caller import caller_of
from dibs.people.models import Workspace
from dibs.people.tenancy import enter

NOW = datetime(2026, 6, 1, tzinfo=UTC)
POLICY = """
policy: Some pushed, some pulled, some given up
qualify:
  score: [{when: 'lead.source == "past" && lead.attributes.way == "push"', add: 80}]
  ready: {when: 'lead.attributes.way != "never"', until: {nurture: true}, give_up: {after: 10d, then: {retire: unqualified}}}
route:
  - {name: Pushed, when: 'lead.score >= 75', push: {team: closers}}
  - {name: Everyone else, pull: {pool: inbound}}
pools:
  inbound: {mode: pool, assign_after: 300d}
"""
MAPPING = "external_id: id\ncolumns: {came: received_at, way: attributes.way}\n"
WON = "enrich: true\nexternal_id: id\ncolumns: {won: {to: attributes.won_at, as: moment}, worth: {to: attributes.worth, as: number}, line: industry}\n"
CAME = """id,came,way
a,2026-01-05T09:00:00Z,push
b,2026-01-05T09:00:00Z,pull
c,2026-02-01T00:00:00Z,never
d,2026-01-20T10:00:00Z,pull
e,2026-01-02T10:00:00Z,push
"""
ENDS = """id,won,worth,line
a,2026-01-12T15:30:00Z,1200,pets
b,2026-01-06T08:00:00Z,0,toys
c,2026-03-01T12:00:00Z,50.5,toys
d,2026-01-19T12:00:00Z,,toys
nobody,2026-01-19T12:00:00Z,5,toys
e,,5,toys
"""


@pytest.fixture
def workspace(db: Any) -> Workspace:
    workspace = make_workspace()
    enter(workspace.id)
    make_user(workspace, "ops")
    make_team(workspace, "closers")
    for handle in ("aiko", "budi"):
        make_rep(workspace, handle, teams=("closers",))
    publish(workspace, POLICY)
    return workspace


@pytest.fixture
def files(tmp_path: Path) -> Callable[[], tuple[File, Wins]]:
    (tmp_path / "came.csv").write_text(CAME)
    (tmp_path / "ends.csv").write_text(ENDS)
    came = File(tmp_path / "came.csv", read_mapping(MAPPING))
    return lambda: (
        came,
        Wins(File(tmp_path / "ends.csv", read_mapping(WON)), "attributes.won_at", "attributes.worth", "EUR"),
    )


def played(workspace: Workspace, files: Callable[[], tuple[File, Wins]]) -> Replayed:
    return History(workspace, "past", NOW).play(*files())


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_each_thing_happens_at_its_own_moment(workspace: Workspace, files: Any) -> None:
    done = played(workspace, files)
    assert (done.leads, done.won, done.unknown, done.early, done.refused) == (5, 4, 1, 1, 1)
    leads = {lead.external_id: lead for lead in Lead.objects.all()}
    placed = {d.lead.external_id: d.at for d in Decision.objects.filter(kind="placed").select_related("lead")}
    assert placed == {name: lead.received_at for name, lead in leads.items()}
    ended = {name: lead.ended_at for name, lead in leads.items() if lead.state == "converted"}
    assert ended == {
        "a": at("2026-01-12T15:30:00"),
        "b": at("2026-01-06T08:00:00"),
        "c": at("2026-03-01T12:00:00"),
        "d": at("2026-01-20T10:00:00"),
    }
    assert leads["e"].state == "owned"


def test_a_lead_is_won_by_who_has_it_then_wherever_it_was(workspace: Workspace, files: Any) -> None:
    done = played(workspace, files)
    assert (done.claimed, done.given, done.reopened) == (2, 1, 1)
    kinds = {
        name: [d.kind for d in Decision.objects.filter(lead__external_id=name).order_by("nth")]
        for name in ("a", "b", "c")
    }
    assert kinds["a"][0] == "placed"
    assert "claimed" not in kinds["a"]
    assert "claimed" in kinds["b"]
    assert {"requalified", "reopened", "assigned", "converted"} <= set(kinds["c"])


def test_what_was_won_is_an_opportunity_with_its_amount_and_what_was_learnt_by_then(
    workspace: Workspace, files: Any
) -> None:
    played(workspace, files)
    found = {
        o.lead.external_id: (o.state, o.amount, o.currency)
        for o in Opportunity.objects.select_related("lead")
        if o.lead
    }
    assert found == {
        "a": ("won", Decimal(1200), "EUR"),
        "b": ("won", None, None),
        "c": ("won", Decimal("50.5"), "EUR"),
        "d": ("won", None, None),
    }
    assert Lead.objects.get(external_id="a").industry == "pets"


def test_nothing_stays_of_a_history_that_is_broken_off(workspace: Workspace, files: Any) -> None:
    calls = []

    def stop(done: int, whole: int) -> None:
        calls.append(done)
        if len(calls) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        History(workspace, "past", NOW).play(*files(), progress=stop)
    assert not Lead.objects.exists()
    assert not Decision.objects.exists()


def test_a_log_is_told_how_far_it_is_at_each_tenth(
    workspace: Workspace, files: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    tell = told_in_lines()
    for done in range(0, 2_501, 7):
        tell(done, 2_500)
    lines = capsys.readouterr().err.splitlines()
    assert lines[:2] == ["252 of 2,500 leads and wins played", "504 of 2,500 leads and wins played"]
    assert len(lines) == 9
    History(workspace, "past", NOW).play(*files(), progress=told_in_lines())
    told = capsys.readouterr().err.splitlines()
    assert [line.split(" of ")[1] for line in told] == [f"{told[-1].split()[0]} leads and wins played"] * len(told)


def test_it_is_played_where_there_is_nothing_to_mix_it_up_with(workspace: Workspace, files: Any) -> None:
    played(workspace, files)
    with pytest.raises(CannotReplay) as refused:
        played(workspace, files)
    assert refused.value.code == "leads_here"
    empty = make_workspace()
    with pytest.raises(CannotReplay) as refused:
        played(empty, files)
    assert refused.value.code == "no_policy"


def test_nobody_is_written_to_for_what_is_long_past(workspace: Workspace, tmp_path: Path) -> None:
    publish(
        workspace,
        """
policy: Mails
route: [{name: All, nurture: true}]
nurture:
  consent: not_refused
  sequences: {hello: {steps: [{after: 1d, mail: hello}]}}
  mails: {hello: {en: {subject: Hello, text: "Hello {unsubscribe}"}}}
""",
    )
    (tmp_path / "came.csv").write_text(
        "id,came,email\n1,2026-01-05T09:00:00Z,ann@example.com\n2,2026-01-15T09:00:00Z,bob@example.com\n"
    )
    mapping = read_mapping("external_id: id\ncolumns: {came: received_at, email: email}\n")
    History(workspace, "past", NOW).play(File(tmp_path / "came.csv", mapping))
    assert list(Mail.objects.values_list("address", "state")) == [("ann@example.com", "stopped")]


@pytest.mark.parametrize("real", [False, True] if OLIST.exists() else [False])
def test_olist_s_year_is_in_the_report_with_the_numbers_of_its_files(db: Any, tmp_path: Path, real: bool) -> None:
    """On the real files where they are at hand; they are not part of the project."""
    folder = OLIST if real else in_the_shape_of_olist(tmp_path)
    workspace = make_workspace()
    Workspace.objects.filter(id=workspace.id).update(timezone="America/Sao_Paulo", country="BR")
    workspace.refresh_from_db()
    enter(workspace.id)
    ops = make_user(workspace, "ops")
    make_team(workspace, "sellers")
    for handle in ("ana", "bia", "caio"):
        make_rep(workspace, handle, teams=("sellers",))
    publish(workspace, (EXAMPLES / "olist_policy.yaml").read_text())
    leads = File(folder / LEADS, read_mapping_file(EXAMPLES / "olist.yaml"))
    deals = File(folder / DEALS, read_mapping_file(EXAMPLES / "olist_closed.yaml"))

    done = History(workspace, "olist", NOW).play(
        leads, Wins(deals, "attributes.won_at", "attributes.monthly_revenue", "BRL")
    )

    came, ended = rows_of(folder / LEADS), rows_of(folder / DEALS)
    won = {row["mql_id"] for row in ended}
    assert (done.leads, done.won, done.unknown, done.refused) == (len(came), len(won), 0, 0)
    told = report(caller_of(ops), "attributes.origin", at("2017-01-01"), NOW, NOW)
    assert (told.total.leads, told.total.converted, told.total.won) == (len(came), len(won), len(won))
    assert {f"{month:%Y-%m}": (c.leads, c.converted) for month, c in told.months} == counted(
        came, won, lambda row: row["first_contact_date"][:7]
    )
    by_origin = {group.name: (group.all.leads, group.all.converted) for group in told.groups}
    assert by_origin == counted(came, won, lambda row: row["origin"] or "unknown")
    if real:
        assert (len(came), len(won), by_origin["organic search"]) == (8000, 842, (2296, 271))
    text = words(as_(ops).get("/reports/?days=all&by=attributes.origin"))
    for origin, (leads_of, won_of) in by_origin.items():
        assert f"{origin[:1].upper()}{origin[1:]} {leads_of:,}" in text, origin
        assert f"{won_of:,}" in text


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def counted(
    came: list[dict[str, str]], won: set[str], by: Callable[[dict[str, str]], str]
) -> dict[str, tuple[int, int]]:
    """Leads and wins, straight from the files."""
    leads = Counter(by(row) for row in came)
    wins = Counter(by(row) for row in came if row["mql_id"] in won)
    return {name: (count, wins[name]) for name, count in leads.items()}
