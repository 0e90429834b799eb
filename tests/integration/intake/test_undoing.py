"""Imports undone as a whole, while nobody has touched their leads."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from django.db import connection
from tests.making import MONDAY, make_rep, make_team, make_user, make_workspace, publish

from dibs.crm.models import Account, Contact, KnownBy, Lead, Note, Touch
from dibs.delivery.models import Outbox
from dibs.distribution.claiming import Claimed, claim_lead
from dibs.distribution.models import Decision, Rotation, Standing
from dibs.distribution.ticking import tick
from dibs.intake.erasing import erase
from dibs.intake.importing import Summary, import_file
from dibs.intake.models import Changed, Import, RawPayload
from dibs.intake.persons import Asked
from dibs.intake.receiving import receive
from dibs.intake.undoing import NotUndone, ask_to_undo, undo
from dibs.people.caller import Caller, caller_of
from dibs.people.models import Rep, Workspace
from dibs.people.tenancy import enter

POLICY = """
policy: Two ways
route:
  - {name: Hot, when: 'lead.employees >= 100', push: {team: closers, by: round_robin}}
  - {name: All, pull: {pool: inbound}}
teams: {closers: {}}
pools: {inbound: {}}
"""
FILE = (
    "id,name,email,company,employees,product\n"
    "1,Ana Ruiz,ana@acme.example,Acme,5,crm\n"
    "2,Ben Ito,ben@apex.example,Apex,500,crm\n"
    "3,Cho Lim,cho@gmail.com,,700,erp\n"
)


def after(minutes: int) -> datetime:
    return MONDAY + timedelta(minutes=minutes)


@pytest.fixture
def workspace(db: None) -> Workspace:
    workspace = make_workspace()
    make_team(workspace, "closers")
    for handle in ("aiko", "budi"):
        make_rep(workspace, handle, ("closers",))
    publish(workspace, POLICY)
    enter(workspace.id)
    return workspace


@pytest.fixture
def ops(workspace: Workspace) -> Caller:
    return caller_of(make_user(workspace, "ops"))


def brought(workspace: Workspace, tmp_path: Path, text: str = FILE, source: str = "fair", minutes: int = 0) -> Summary:
    path = tmp_path / "leads.csv"
    path.write_text(text)
    return import_file(workspace, path, source, clock=lambda: after(minutes))


def undone(workspace: Workspace, ops: Caller, summary: Summary, minutes: int = 60) -> Import:
    assert summary.import_id is not None
    asked = ask_to_undo(ops, UUID(summary.import_id), after(minutes))
    assert isinstance(asked, Import)
    assert asked.state == "undoing"
    undo(workspace.id, asked.id, after(minutes))
    return Import.objects.get(id=asked.id)


def everything() -> dict[str, object]:
    """All that an import leaves behind, but for the import itself and what is told to others."""
    return {
        "leads": Lead.objects.count(),
        "accounts": Account.objects.count(),
        "contacts": Contact.objects.count(),
        "known": KnownBy.objects.count(),
        "decisions": Decision.objects.count(),
        "payloads": RawPayload.objects.count(),
        "touches": Touch.objects.count(),
        "changed": Changed.objects.count(),
        "standings": [
            (row.holding, row.open_leads, row.assigned_today, row.assigned_this_week, row.pushed_at)
            for row in Standing.objects.order_by("rep__handle")
            if row.holding or row.open_leads or row.assigned_today
        ],
        "turns": [row.passed for row in Rotation.objects.order_by("rep__handle") if row.passed],
    }


def test_all_is_as_if_it_had_never_come(workspace: Workspace, ops: Caller, tmp_path: Path) -> None:
    before = everything()
    summary = brought(workspace, tmp_path)
    assert Lead.objects.filter(batch=summary.import_id).count() == 3
    assert Account.objects.filter(made=True).count() == 2
    assert Contact.objects.count() == 3
    assert sum(row.open_leads for row in Standing.objects.all()) == 2
    batch = undone(workspace, ops, summary)
    assert (batch.state, batch.counts["undone"]["leads"], batch.counts["undone"]["accounts"]) == ("undone", 3, 2)
    assert batch.undone_by_id == ops.user_id
    assert everything() == before
    assert Outbox.objects.filter(event="lead.removed").count() == 3


def test_imported_again_it_comes_again(workspace: Workspace, ops: Caller, tmp_path: Path) -> None:
    first = brought(workspace, tmp_path)
    undone(workspace, ops, first)
    assert brought(workspace, tmp_path, minutes=70).placed == 3


def test_one_lead_that_somebody_has_touched_keeps_all(workspace: Workspace, ops: Caller, tmp_path: Path) -> None:
    summary = brought(workspace, tmp_path)
    lead = Lead.objects.get(external_id="1")
    Note.objects.create(workspace=workspace, lead=lead, text="Called back")
    refused = ask_to_undo(ops, UUID(str(summary.import_id)), after(60))
    assert isinstance(refused, NotUndone)
    assert (refused.code, refused.touched and refused.touched.leads) == ("import_touched", (lead.id,))
    assert Lead.objects.count() == 3


def test_touched_between_asking_and_doing_it_stays(workspace: Workspace, ops: Caller, tmp_path: Path) -> None:
    summary = brought(workspace, tmp_path)
    assert isinstance(ask_to_undo(ops, UUID(str(summary.import_id)), after(60)), Import)
    receive(workspace.id, [{"source": "web", "email": "ana@acme.example", "message": "And?"}], now=after(61))
    assert undo(workspace.id, UUID(str(summary.import_id)), after(62)) == 0
    batch = Import.objects.get(id=summary.import_id)
    assert (batch.state, batch.problem, batch.undone_by_id) == ("done", "import_touched", None)


def test_what_it_said_of_others_is_taken_back_and_what_was_said_since_is_not(
    workspace: Workspace, ops: Caller, tmp_path: Path
) -> None:
    receive(
        workspace.id,
        [{"source": "web", "external_id": "9", "name": "Ana Ruiz", "email": "ana@acme.example", "product": "erp"}],
        now=MONDAY,
    )
    summary = brought(workspace, tmp_path, minutes=5)
    assert (summary.placed, summary.touched) == (2, 1)
    lead = Lead.objects.get(source="web")
    assert (lead.product, lead.company, lead.employees, lead.touches) == ("crm", "Acme", 5, 2)
    receive(workspace.id, [{"source": "web", "external_id": "9", "employees": 7}], now=after(10))
    batch = undone(workspace, ops, summary)
    assert batch.counts["undone"] == {"leads": 2, "restored": 1, "accounts": 1, "contacts": 2}
    lead.refresh_from_db()
    assert (lead.product, lead.company, lead.employees, lead.touches) == ("erp", None, 7, 1)
    assert Touch.objects.count() == 0
    assert "import_undone" in {reason["code"] for row in Decision.objects.filter(lead=lead) for reason in row.reasons}


def test_an_account_that_was_made_of_what_it_said_of_others_goes_too(
    workspace: Workspace, ops: Caller, tmp_path: Path
) -> None:
    receive(workspace.id, [{"source": "web", "name": "Cho Lim", "email": "cho@gmail.com"}], now=MONDAY)
    before = everything()
    summary = brought(workspace, tmp_path, "name,email,company\nCho Lim,cho@gmail.com,Nimbus\n", minutes=5)
    assert list(Lead.objects.values_list("account__name", flat=True)) == ["Nimbus"]
    assert list(Contact.objects.values_list("account__name", flat=True)) == ["Nimbus"]
    undone(workspace, ops, summary)
    assert list(Lead.objects.values_list("account", flat=True)) == [None]
    assert Account.objects.count() == 0
    after_it = everything()
    assert {**after_it, "decisions": 0} == {**before, "decisions": 0}


def test_accounts_that_others_use_stay(workspace: Workspace, ops: Caller, tmp_path: Path) -> None:
    summary = brought(workspace, tmp_path)
    receive(workspace.id, [{"source": "web", "email": "zoe@acme.example", "company": "Acme"}], now=after(5))
    undone(workspace, ops, summary)
    assert list(Account.objects.values_list("name", flat=True)) == ["Acme"]


def test_somebody_who_was_erased_since_is_not_in_the_way(workspace: Workspace, ops: Caller, tmp_path: Path) -> None:
    """What an import brought goes as a whole, a lead that says nothing of anybody any more too; of a lead that was here before, nothing
    that was erased is put back."""
    receive(
        workspace.id, [{"source": "web", "external_id": "9", "email": "ben@apex.example", "city": "Leeds"}], now=MONDAY
    )
    summary = brought(workspace, tmp_path, FILE + "4,Ana Ruiz,ana@acme.example,Acme,6,erp\n", minutes=5)
    assert (summary.placed, summary.touched) == (2, 2)
    for email in ("ana@acme.example", "ben@apex.example"):
        assert erase(ops, Asked(email=email), after(10)) is not None
        enter(workspace.id)
    batch = undone(workspace, ops, summary)
    assert (batch.state, batch.counts["undone"]["leads"], batch.counts["undone"]["restored"]) == ("undone", 2, 0)
    (left,) = Lead.objects.all()
    assert (left.source, left.flags, left.state, left.product, left.touches) == ("web", ["erased"], "retired", "crm", 2)


def test_somebody_who_was_worked_with_before_they_were_erased_keeps_all(
    workspace: Workspace, ops: Caller, tmp_path: Path
) -> None:
    summary = brought(workspace, tmp_path)
    lead = Lead.objects.get(external_id="1")
    assert isinstance(claim_lead(caller_of(Rep.objects.get(handle="aiko").user), lead.id, after(5)), Claimed)
    assert erase(ops, Asked(email="ana@acme.example"), after(10)) is not None
    enter(workspace.id)
    refused = ask_to_undo(ops, UUID(str(summary.import_id)), after(60))
    assert isinstance(refused, NotUndone)
    assert refused.touched is not None
    assert refused.touched.leads == (lead.id,)


def test_it_is_undone_once_and_not_while_it_runs(workspace: Workspace, ops: Caller, tmp_path: Path) -> None:
    summary = brought(workspace, tmp_path)
    undone(workspace, ops, summary)
    assert ask_to_undo(ops, UUID(str(summary.import_id)), after(61)) == NotUndone("import_undone")
    Import.objects.filter(id=summary.import_id).update(state="running")
    assert ask_to_undo(ops, UUID(str(summary.import_id)), after(62)) == NotUndone("import_running")


def test_another_workspace_has_no_such_import(workspace: Workspace, ops: Caller, tmp_path: Path) -> None:
    summary = brought(workspace, tmp_path)
    other = caller_of(make_user(make_workspace(slug="other"), "ops"))
    assert ask_to_undo(other, UUID(str(summary.import_id)), after(60)) is None
    enter(workspace.id)
    assert Lead.objects.count() == 3


def test_no_table_that_holds_rows_of_leads_is_forgotten(workspace: Workspace, ops: Caller, tmp_path: Path) -> None:
    summary = brought(workspace, tmp_path)
    leads = list(Lead.objects.values_list("id", flat=True))
    undone(workspace, ops, summary)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema() "
            "AND data_type = 'uuid' AND column_name IN ('lead', 'lead_id', 'other_id', 'kept_id', 'gone_id')"
        )
        for table, column in cursor.fetchall():
            if table == "delivery_outbox":
                continue  # What was told stays told, and that the leads are gone is told after it.
            cursor.execute(f'SELECT count(*) FROM "{table}" WHERE "{column}" = ANY(%s)', [leads])
            assert cursor.fetchone() == (0,), table


def test_offers_that_lapsed_meanwhile_never_were_made(workspace: Workspace, ops: Caller, tmp_path: Path) -> None:
    publish(
        workspace,
        POLICY.replace("by: round_robin}", "by: round_robin, accept_within: 5m}"),
    )
    enter(workspace.id)
    old = brought(workspace, tmp_path, "id,email,employees\n9,old@acme.example,900\n", source="web")
    for minutes in (6, 12):
        tick(after(minutes))
    enter(workspace.id)

    def counted() -> list[dict[str, object]]:
        gone = {"id", "rep_id", "workspace_id", "version"}
        rows = Standing.objects.order_by("rep__handle").values()
        return [{name: value for name, value in row.items() if name not in gone} for row in rows]

    before, turns = counted(), list(Rotation.objects.order_by("rep__handle").values_list("passed", flat=True))
    assert [row["lapses"] for row in before] == [1, 1]
    summary = brought(workspace, tmp_path, minutes=20)
    for minutes in (26, 32, 38):
        tick(after(minutes))
    enter(workspace.id)
    assert [row["lapses"] for row in counted()] != [1, 1]
    batch = undone(workspace, ops, summary)
    assert batch.state == "undone"
    assert counted() == before
    assert list(Rotation.objects.order_by("rep__handle").values_list("passed", flat=True)) == turns
    assert Lead.objects.get().batch == UUID(str(old.import_id))


def test_one_that_its_rep_was_warned_of_was_never_pushed_to_them(
    workspace: Workspace, ops: Caller, tmp_path: Path
) -> None:
    publish(workspace, POLICY + "sla: {first_contact: 30m, warn: 50%, then: {review: managers}}\n")
    enter(workspace.id)
    before = everything()
    summary = brought(workspace, tmp_path)
    tick(after(16))
    enter(workspace.id)
    assert Decision.objects.filter(kind="warned").count() == 2
    assert undone(workspace, ops, summary, minutes=20).state == "undone"
    assert everything() == before
