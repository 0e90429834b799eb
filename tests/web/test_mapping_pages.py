"""The page on which a file's columns are given fields: what is guessed, what is kept, what can be said."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils.timezone import now

from dibs.crm.models import Lead
from dibs.intake.background import carry_out
from dibs.intake.models import Import, Source
from dibs.intake.undoing import undo
from dibs.people.models import Workspace
from dibs.people.tenancy import enter
from tests.making import make_user, make_workspace, publish
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
    [("03.11.2026 09:15", "day"), ("13/11/2026", "day"), ("11/13/2026", "month"), ("2026-11-03", "")],
)
def test_the_order_of_dates_is_guessed_where_there_is_but_one(browser: Client, written: str, order: str) -> None:
    page = browser.get(sent(browser, f"name,date\nAna,{written}\n".encode())).content.decode()
    assert (chosen(page, 1), chosen(page, 1, "dates")) == ("received_at", order)
    assert "Say which" not in page


@pytest.mark.parametrize(
    ("order", "own", "read"), [("day", "", (2, 1)), ("month", "", (1, 2)), ("own", "%d/%m/%Y %H:%M", (2, 1))]
)
def test_the_order_of_dates_can_be_said(
    browser: Client, workspace: Workspace, order: str, own: str, read: tuple[int, int]
) -> None:
    where = sent(browser, b"name,date\nAna,01/02/2026 09:15\n")
    assert "Say which" in browser.get(where).content.decode()
    imported(browser, workspace, where, to_0="name", to_1="received_at", dates_1=order, format_1=own)
    enter(workspace.id)
    assert Lead.objects.get().received_at == datetime(2026, *read, 9, 15, tzinfo=UTC)


def test_a_format_that_is_none_is_told(browser: Client) -> None:
    where = sent(browser, b"name,date\nAna,01/02/2026\n")
    wrong = {"to-0": "name", "to-1": "received_at", "dates-1": "own", "format-1": "%Q", "source": "fair", "act": "go"}
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


def test_the_column_without_a_name_is_named(browser: Client) -> None:
    file = SimpleUploadedFile("a.csv", b"name,,email\nAna,1,ana@x.example\n")
    answer = browser.post("/imports/", {"file": file, "source": "fair"})
    assert "Column 2 has no name" in answer.content.decode()
