"""The page on which a file's columns are given fields: what is guessed, what is kept, what can be said."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils.timezone import now

from dibs.crm.models import Lead
from dibs.intake.background import carry_out
from dibs.intake.models import Import, RawPayload, Source
from dibs.intake.undoing import undo
from dibs.people.models import Workspace
from dibs.people.tenancy import enter
from tests.making import make_token, make_user, make_workspace, publish
from tests.workbooks import write_workbook

POLICY = """
policy: Asking
qualify:
  questions:
    timing: {ask: When do you need it, answers: {now: {add: 30, says: At once}, later: 5}}
route: [{name: All, pull: {pool: inbound}}]
pools: {inbound: {}}
"""


@pytest.fixture
def workspace(db: Any) -> Workspace:
    workspace = make_workspace()
    publish(workspace, POLICY)
    return workspace


@pytest.fixture
def browser(workspace: Workspace) -> Client:
    client = Client()
    client.force_login(make_user(workspace, "ops"))
    return client


def sent(browser: Client, content: bytes) -> str:
    file = SimpleUploadedFile("leads", content)
    answer = browser.post("/imports/", {"file": file, "source": "fair"})
    assert answer.status_code == 302, answer.content
    return str(answer["Location"])


def chosen(page: str, at: int, what: str = "to") -> str:
    (box,) = re.findall(rf'<select name="{what}-{at}".*?</select>', page, re.DOTALL)
    found = re.findall(r'<option value="([^"]*)" selected>', box)
    return found[0] if found else ""


def stamp(page: str) -> str:
    return re.findall(r'name="header" value="([0-9a-f]+)"', page)[0]


def imported(browser: Client, workspace: Workspace, where: str, **columns: str) -> Import:
    told = {name.replace("_", "-"): value for name, value in columns.items()}
    assert browser.post(where, {**told, "source": "fair", "act": "go"}).status_code == 302
    enter(workspace.id)
    batch = Import.objects.get(state="running")
    carry_out(workspace.id, batch.id, now)
    return batch


def test_another_sheet_has_its_columns_guessed_anew(browser: Client, tmp_path: Path) -> None:
    sheets = {
        "Cover": [["Leads of the fair"]],
        "One": [["name", "x", "email"], ["Ana", "1", "ana@x.example"]],
        "Two": [["company", "phone", "name", "email"], ["Acme", "1", "Ben", "ben@x.example"]],
    }
    where = sent(browser, write_workbook(tmp_path / "a.xlsx", sheets).read_bytes())
    first = browser.get(where).content.decode()
    assert "<option selected>One</option>" in first
    assert first.index('name="sheet"') < first.index('name="to-0"')
    old = {"to-0": "name", "to-1": "", "to-2": "email", "source": "fair", "header": stamp(first), "sheet": "Two"}
    for act in ("look", "go"):
        page = browser.post(where, {**old, "act": act}).content.decode()
        assert [chosen(page, at) for at in range(4)] == ["company", "phone", "name", "email"]
    assert not Import.objects.exists()


def test_an_import_that_is_undone_leaves_no_mapping_and_all_can_be_guessed_again(
    browser: Client, workspace: Workspace
) -> None:
    content = b"name,email,company\nAna,ana@x.example,Acme\n"
    batch = imported(browser, workspace, sent(browser, content), to_0="name", to_1="email", to_2="city")
    where = sent(browser, content.replace(b"Ana", b"Eva"))
    assert chosen(browser.get(where).content.decode(), 2) == "city"
    again = browser.post(where, {"to-0": "name", "to-1": "", "to-2": "city", "source": "fair", "act": "guess"})
    assert [chosen(again.content.decode(), at) for at in range(3)] == ["name", "email", "company"]
    assert "Take it back" in browser.get(f"/imports/{batch.id}/").content.decode()
    browser.post(f"/imports/{batch.id}/undo/")
    enter(workspace.id)
    undo(workspace.id, batch.id, now())
    assert Source.objects.get(name="fair").mapping is None
    assert chosen(browser.get(where).content.decode(), 2) == "company"


def test_what_still_fits_of_an_earlier_mapping_is_kept(browser: Client, workspace: Workspace) -> None:
    imported(
        browser,
        workspace,
        sent(browser, b"Wer,Mail,Wo\nAna,ana@x.example,Bonn\n"),
        to_0="name",
        to_1="email",
        to_2="city",
    )
    page = browser.get(sent(browser, b"Wer,email,Land\nEva,eva@x.example,DE\n")).content.decode()
    assert [chosen(page, at) for at in range(2)] == ["name", "email"]


@pytest.mark.parametrize(
    ("written", "order"),
    [("03.11.2026 09:15", "day"), ("13/11/2026", "day"), ("11/13/2026", "month"), ("2026-11-03", "moment")],
)
def test_the_order_of_dates_is_guessed_where_there_is_but_one(browser: Client, written: str, order: str) -> None:
    page = browser.get(sent(browser, f"name,date\nAna,{written}\n".encode())).content.decode()
    assert (chosen(page, 1), chosen(page, 1, "as")) == ("received_at", order)
    assert "Say which" not in page


@pytest.mark.parametrize(
    ("order", "own", "read"), [("day", "", (2, 1)), ("month", "", (1, 2)), ("own", "%d/%m/%Y %H:%M", (2, 1))]
)
def test_the_order_of_dates_can_be_said(
    browser: Client, workspace: Workspace, order: str, own: str, read: tuple[int, int]
) -> None:
    where = sent(browser, b"name,date\nAna,01/02/2026 09:15\n")
    assert "Say which" in browser.get(where).content.decode()
    imported(browser, workspace, where, to_0="name", to_1="received_at", as_1=order, format_1=own)
    enter(workspace.id)
    assert Lead.objects.get().received_at == datetime(2026, *read, 9, 15, tzinfo=UTC)


def test_a_format_that_is_none_is_told(browser: Client) -> None:
    where = sent(browser, b"name,date\nAna,01/02/2026\n")
    wrong = {"to-0": "name", "to-1": "received_at", "as-1": "own", "format-1": "%Q", "source": "fair", "act": "go"}
    answer = browser.post(where, wrong)
    assert (answer.status_code, "no format of dates" in answer.content.decode()) == (422, True)


def test_an_answer_can_be_chosen_and_is_guessed(browser: Client, workspace: Workspace) -> None:
    where = sent(browser, b"name,When do you need it?,employees,consent\nAna,At once,12000,yes\n")
    page = browser.get(where).content.decode()
    assert chosen(page, 1) == "answers.timing"
    assert ">12,000</td>" in page
    assert ">yes</td>" in page
    imported(browser, workspace, where, to_0="name", to_1="answers.timing")
    enter(workspace.id)
    assert Lead.objects.get().answers == {"timing": "now"}


def test_a_column_without_a_name_is_called_by_its_place(browser: Client) -> None:
    page = browser.get(sent(browser, b"name,,phone,phone\nAna,x,1,2\n")).content.decode()
    assert re.findall(r'<label for="to-\d">([^<]*)<', page) == ["name", "Column 2", "phone", "phone (2)"]


def test_the_line_of_the_header_is_shown_and_can_be_said(browser: Client, workspace: Workspace) -> None:
    where = sent(browser, b"Visitors\nWer;Mail;Wo\nAna;ana@x.example;Bonn\n")
    page = browser.post(where, {"source": "fair", "line": "2", "act": "guess"}).content.decode()
    assert "columns named in line 2" in page
    assert 'name="line" type="number" min="1" max="1000000" value="2"' in page
    batch = imported(browser, workspace, where, line="2", to_0="name", to_1="email", to_2="city")
    assert batch.options["header"] == 2
    assert Lead.objects.values_list("name", "city").get() == ("Ana", "Bonn")
    for line in ("0", "-1", "x", "²", "9" * 400, "00000001" + "9" * 30):
        assert browser.post(where, {"source": "fair", "line": line, "act": "guess"}).status_code in {200, 302}


def test_what_stands_in_a_column_of_ones_own_can_be_read_as_what_it_is(browser: Client, workspace: Workspace) -> None:
    where = sent(browser, b'name,Renewal,Score,VIP,Code\nAna,03/04/2027,"1.200,5",yes,A1\nBen,05/04/2027,7,no,B2\n')
    page = browser.get(where).content.decode()
    assert [chosen(page, at, "as") for at in (1, 2, 3)] == ["", "", ""]
    assert 'name="as-4"' not in page
    columns = {f"to_{at}": "attributes" for at in range(1, 5)} | {"to_0": "name"}
    kinds = {"as_1": "moment", "as_2": "number", "as_3": "yes_no"}
    asked = {name.replace("_", "-"): value for name, value in (columns | kinds).items()} | {"source": "fair"}
    page = browser.post(where, asked).content.decode()
    assert "day first or month first. Say which" in page
    assert [chosen(page, at, "as") for at in (1, 2, 3)] == ["moment", "number", "yes_no"]
    assert '<option value="," selected>' in page
    assert "<th>Renewal</th><th>Score</th><th>VIP</th>" in page
    assert re.findall(r'<td class="cut">(.*?)</td>', page)[:4] == ["Ana", "03/04/2027", "1,200.50", "yes"]
    imported(browser, workspace, where, **columns, **kinds | {"as_1": "day"})
    said = Lead.objects.get(name="Ana").attributes
    assert said == {"Renewal": "2027-04-03T00:00:00+00:00", "Score": 1200.5, "VIP": True, "Code": "A1"}


@pytest.mark.parametrize(("decimal", "value"), [("", 1200), (",", 1200), (".", Decimal("1.2"))])
def test_how_numbers_are_written_can_be_said(
    browser: Client, workspace: Workspace, decimal: str, value: Decimal
) -> None:
    where = sent(browser, b"name;amount\nAna;1.200\n")
    assert 'name="decimal"' in browser.get(where).content.decode()
    imported(browser, workspace, where, to_0="name", to_1="deal_value", decimal=decimal)
    assert Lead.objects.get().deal_value == value


def test_how_the_last_file_s_numbers_were_written_can_be_unsaid(browser: Client, workspace: Workspace) -> None:
    columns = {"to_0": "name", "to_1": "deal_value"}
    imported(browser, workspace, sent(browser, b"name;amount\nAna;1.200\n"), **columns, decimal=".")
    where = sent(browser, b"name;amount\nBea;1.200\n")
    assert '<option value="." selected>' in browser.get(where).content.decode()
    imported(browser, workspace, where, **columns, decimal="")
    assert [str(lead.deal_value) for lead in Lead.objects.order_by("name")] == ["1.20", "1200.00"]


def test_refused_rows_are_mended_in_their_file_and_imported_again(browser: Client, workspace: Workspace) -> None:
    content = b"name;phone;message\nAna;+34 600 000 001;=1+1\nBen\nEva;+34 600 000 003;a;b\nPia;x\n"
    columns = {"to_0": "name", "to_1": "phone", "to_2": "message"}
    batch = imported(browser, workspace, sent(browser, content), **columns)
    file = browser.get(f"/imports/{batch.id}/refused.csv").content.decode()
    rows = list(csv.reader(io.StringIO(file.removeprefix("\ufeff"))))
    assert rows[0] == ["name", "phone", "message", "dibs_row", "dibs_line", "dibs_code", "dibs_why"]
    assert [row[:3] for row in rows[1:]] == [["Ben", "", ""], ["Eva", "'+34 600 000 003", "a"], ["Pia", "x", ""]]
    assert (rows[2][3:6], rows[2][7:]) == (["3", "4", "row_long"], ["b"])
    mended = "\ufeff" + "\n".join(",".join(f'"{cell}"' for cell in row[:7]) for row in rows)
    where = sent(browser, mended.encode())
    page = browser.get(where).content.decode()
    assert "dibs_" not in page.replace("dibs_session", "")
    assert [chosen(page, at) for at in range(3)] == ["name", "phone", "message"]
    imported(browser, workspace, where, **columns)
    assert set(Lead.objects.values_list("name", "phone", "message")) == {
        ("Ana", "+34600000001", "=1+1"),
        ("Ben", None, None),
        ("Eva", "+34600000003", "a"),
        ("Pia", "x", None),
    }


def test_names_in_two_columns_are_joined_in_their_order_again_and_again(browser: Client, workspace: Workspace) -> None:
    columns = {"to_0": "name", "to_1": "name", "to_2": "email"}
    for n in range(2):
        content = f"First name,Last name,email\nAna{n},Sol,ana{n}@x.example\n".encode()
        imported(browser, workspace, sent(browser, content), **columns)
    assert set(Lead.objects.values_list("name", flat=True)) == {"Ana0 Sol", "Ana1 Sol"}


def test_the_same_file_again_is_nothing_new(browser: Client, workspace: Workspace) -> None:
    content = b"First name,Last name,email,Renewal\nAna,Sol,ana@x.example,31/12/2026\n"
    columns = {"to_0": "name", "to_1": "name", "to_2": "email", "to_3": "attributes", "as_3": "day"}
    imported(browser, workspace, sent(browser, content), **columns)
    batch = imported(browser, workspace, sent(browser, content), **columns)
    batch.refresh_from_db()
    assert (batch.counts["unchanged"], RawPayload.objects.count()) == (1, 1)


def test_imported_over_the_api_a_file_is_read_as_its_preview_shows(browser: Client, workspace: Workspace) -> None:
    imported(browser, workspace, sent(browser, b"Wer,Wann\nAna,13/10/2026\n"), to_0="name", to_1="received_at")
    caller = make_user(workspace, "ops", email="api@x.example")
    token = {"headers": {"authorization": f"Bearer {make_token(caller)}"}}
    said = {"source": "fair", "file": SimpleUploadedFile("b.csv", b"Wer,Wann\nBen,03/10/2026\n")}
    answer = browser.post("/api/v1/imports", said, **token)
    assert answer.status_code == 201, answer.content
    carry_out(workspace.id, Import.objects.get(state="running").id, now)
    assert Lead.objects.get(name="Ben").received_at == datetime(2026, 10, 3, tzinfo=UTC)
