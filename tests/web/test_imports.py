"""Pages for files, sources and campaigns."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils.timezone import now

from dibs.crm.models import Campaign, Lead, Piece
from dibs.intake.background import carry_out
from dibs.intake.models import Import, Source, Upload
from dibs.intake.sources import write_source
from dibs.intake.undoing import undo
from dibs.people.models import User, Workspace
from dibs.people.tenancy import enter
from tests.making import make_rep, make_user, make_workspace, publish

POLICY = "policy: One pool\nroute: [{name: All, pull: {pool: inbound}}]\npools: {inbound: {}}\n"
FILE = b"Kunde,Mail,Firma\nAna,ana@acme.example,Acme\nBen,ben@apex.example,=1+1\nbad\n"


@pytest.fixture
def workspace(db: Any) -> Workspace:
    workspace = make_workspace()
    publish(workspace, POLICY)
    return workspace


@pytest.fixture
def ops(workspace: Workspace) -> User:
    return make_user(workspace, "ops")


@pytest.fixture
def browser(ops: User) -> Client:
    client = Client()
    client.force_login(ops)
    return client


def sent(browser: Client, content: bytes = FILE, name: str = "leads.csv", **fields: str) -> Any:
    return browser.post("/imports/", {"file": SimpleUploadedFile(name, content), "source": "fair", **fields})


def test_a_file_is_looked_at_mapped_imported_and_undone(browser: Client, workspace: Workspace, ops: User) -> None:
    answer = sent(browser, category="list", vendor="Lists Ltd")
    assert answer.status_code == 302, answer.content
    where = answer["Location"]
    page = browser.get(where).content.decode()
    assert "Lists Ltd" in page
    assert 'name="to-0"' in page
    # The guess took Mail and nothing else: Kunde and Firma are told by hand.
    chosen = {
        "to-0": "name",
        "to-1": "email",
        "to-2": "company",
        "source": "fair",
        "category": "list",
        "vendor": "Lists Ltd",
    }
    again = browser.post(where, {**chosen, "act": "look"}).content.decode()
    assert re.search(r"<b>2</b> new", again), again
    assert re.search(r"<b>1</b> refused", again)
    assert not Lead.objects.exists()
    done = browser.post(where, {**chosen, "act": "go"})
    enter(workspace.id)
    batch = Import.objects.get()
    assert done["Location"] == f"/imports/{batch.id}/"
    running = browser.get(done["Location"]).content.decode()
    assert 'hx-trigger="every 1s"' in running
    # Pressed twice, it is imported once.
    assert browser.post(where, {**chosen, "act": "go"})["Location"] == f"/imports/{batch.id}/"
    carry_out(workspace.id, batch.id, now)
    ended = browser.get(f"/imports/{batch.id}/").content.decode()
    assert "row_short" in ended
    assert browser.get(f"/imports/{batch.id}/progress/")["HX-Refresh"] == "true"
    assert browser.get(where)["Location"] == f"/imports/{batch.id}/"
    enter(workspace.id)
    assert set(Lead.objects.values_list("name", "company")) == {("Ana", "Acme"), ("Ben", "=1+1")}
    source = Source.objects.get(name="fair")
    assert (source.category, source.vendor) == ("list", "Lists Ltd")
    refused = browser.get(f"/imports/{batch.id}/refused.csv")
    assert refused.content.decode().startswith("\ufeff")
    assert ',3,4,row_short,"The row has' in refused.content.decode().splitlines()[1]
    browser.post(f"/imports/{batch.id}/undo/")
    enter(workspace.id)
    undo(workspace.id, batch.id, now())
    assert "2 leads are gone" in browser.get(f"/imports/{batch.id}/").content.decode()
    assert not Lead.objects.exists()


def test_the_next_file_of_a_source_is_read_like_the_last(browser: Client, workspace: Workspace) -> None:
    where = sent(browser)["Location"]
    browser.post(where, {"to-0": "name", "to-1": "email", "to-2": "company", "source": "fair", "act": "go"})
    enter(workspace.id)
    carry_out(workspace.id, Import.objects.get().id, now)
    page = browser.get(sent(browser, FILE.replace(b"Ana", b"Eva"))["Location"]).content.decode()
    (first,) = re.findall(r'<select name="to-0".*?</select>', page, re.DOTALL)
    assert '<option value="name" selected>' in first


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        (b"", "a.csv", "empty"),
        (b"%PDF-1.7", "a.pdf", "neither a text"),
        (b"PK\x03\x04 x", "a.xlsx", "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_at_once(browser: Client, content: bytes, name: str, said: str) -> None:
    answer = sent(browser, content, name)
    assert answer.status_code == 422
    assert said in answer.content.decode()


def test_a_file_and_a_source_are_needed(browser: Client) -> None:
    assert "Choose a file" in browser.post("/imports/", {"source": "x"}).content.decode()
    assert "source is called" in sent(browser, source=" ").content.decode()


def test_columns_that_cannot_be_are_told(browser: Client) -> None:
    where = sent(browser)["Location"]
    twice = browser.post(where, {"to-0": "email", "to-1": "email", "to-2": "", "source": "fair", "act": "go"})
    assert (twice.status_code, Import.objects.count()) == (422, 0)
    assert "same field" in twice.content.decode()
    none = browser.post(where, {"to-0": "", "to-1": "", "to-2": "", "source": "fair", "act": "go"})
    assert "Choose at least one" in none.content.decode()


def test_hostile_cells_are_text_on_the_page(browser: Client) -> None:
    page = browser.get(sent(browser, b"name,company\n<script>x</script>,Acme\n")["Location"]).content.decode()
    assert "<script>x" not in page
    assert "&lt;script&gt;x" in page


def test_a_touched_import_stays_and_says_so(browser: Client, workspace: Workspace) -> None:
    where = sent(browser)["Location"]
    browser.post(where, {"to-0": "name", "to-1": "email", "to-2": "company", "source": "fair", "act": "go"})
    enter(workspace.id)
    batch = Import.objects.get()
    carry_out(workspace.id, batch.id, now)
    Lead.objects.filter(name="Ana").update(contacted_at=now())
    page = browser.post(f"/imports/{batch.id}/undo/", follow=True).content.decode()
    assert "Somebody has touched 1" in page
    assert Lead.objects.count() == 2


def test_sources_are_written_down_and_changed(browser: Client, workspace: Workspace) -> None:
    made = browser.post("/sources/", {"name": "fair & co", "category": "event", "consent": "yes"}, follow=True)
    assert "fair &amp; co" in made.content.decode()
    assert browser.post("/sources/", {"name": "fair & co"}).status_code == 422
    assert browser.post("/sources/", {"name": "x", "category": "list"}).status_code == 422
    browser.post("/sources/one/?name=fair+%26+co", {"category": "partner", "consent": "", "name": "other"})
    source = Source.objects.get(workspace=workspace)
    assert (source.name, source.category, source.consent) == ("fair & co", "partner", None)
    assert browser.get("/sources/").status_code == 200
    assert browser.get("/sources/one/?name=none").status_code == 404


def test_campaigns_and_their_pieces_are_written_down_and_changed(browser: Client, workspace: Workspace) -> None:
    page = browser.post("/campaigns/", {"key": "spring", "name": "Spring", "starts_on": "2026-03-01"}, follow=True)
    assert "Spring" in page.content.decode()
    assert browser.post("/campaigns/", {"key": "spring", "name": "Again"}).status_code == 422
    assert browser.post("/campaigns/", {"key": "x", "name": "X", "starts_on": "tomorrow"}).status_code == 422
    campaign = Campaign.objects.get(workspace=workspace)
    where = f"/campaigns/{campaign.id}/"
    browser.post(f"{where}piece/", {"title": "Hello", "url": "https://x.example", "text": "Dear all"})
    piece = Piece.objects.get(workspace=workspace)
    bad = browser.post(f"{where}piece/", {"piece": str(piece.id), "title": "x", "url": "javascript:x"}, follow=True)
    assert "begins with https" in bad.content.decode()
    browser.post(f"{where}piece/", {"piece": str(piece.id), "title": "Hi"})
    piece.refresh_from_db()
    assert piece.title == "Hi"
    browser.post(f"{where}delete-piece/", {"piece": str(piece.id)})
    assert not Piece.objects.exists()
    write_source(workspace.id, {"name": "fair", "campaign": "spring"})
    assert browser.post(f"{where}delete/", follow=True).status_code == 200
    assert Campaign.objects.exists()
    Source.objects.update(campaign=None)
    browser.post(f"{where}delete/")
    assert not Campaign.objects.exists()


def test_nobody_but_operations_sees_these_pages(workspace: Workspace, browser: Client) -> None:
    upload = sent(browser)["Location"].partition("?")[0]
    for who in (make_user(workspace, "manager"), make_rep(workspace, "aiko").user):
        client = Client()
        client.force_login(who)
        for address in ("/imports/", "/sources/", "/campaigns/", "/sources/one/?name=x", upload):
            assert client.get(address).status_code == 403
        assert 'href="/imports/"' not in client.get("/", follow=True).content.decode()
    assert Upload.objects.exists()


def test_nobody_but_operations_sees_or_changes_a_single_one(workspace: Workspace, browser: Client) -> None:
    upload = sent(browser)["Location"].partition("?")[0]
    browser.post(f"{upload}", {"to-0": "name", "source": "fair", "act": "go"})
    enter(workspace.id)
    batch = Import.objects.get()
    campaign = Campaign.objects.create(workspace=workspace, key="spring", name="Spring")
    seen = (
        f"/imports/{batch.id}/", f"/imports/{batch.id}/progress/", f"/imports/{batch.id}/refused.csv",
        f"/campaigns/{campaign.id}/",
    )  # fmt: skip
    for address in seen:
        assert browser.get(address).status_code == 200, address
    for who in (make_user(workspace, "manager"), make_rep(workspace, "aiko").user):
        client = Client()
        client.force_login(who)
        for address in seen:
            assert client.get(address).status_code == 403, address
        for address in (f"/imports/{batch.id}/undo/", f"/campaigns/{campaign.id}/delete/"):
            assert client.post(address).status_code == 403, address
    enter(workspace.id)
    assert Campaign.objects.filter(id=campaign.id).exists()
    assert Import.objects.get().undone_at is None


def test_another_workspace_knows_nothing_of_it(workspace: Workspace, browser: Client) -> None:
    upload = sent(browser)["Location"].partition("?")[0]
    browser.post(f"{upload}", {"to-0": "name", "source": "fair", "act": "go"})
    enter(workspace.id)
    batch = Import.objects.get()
    campaign = Campaign.objects.create(workspace=workspace, key="spring", name="Spring")
    other = Client()
    other.force_login(make_user(make_workspace(slug="elsewhere"), "ops"))
    for address in (
        upload, f"/imports/{batch.id}/", f"/imports/{batch.id}/progress/", f"/imports/{batch.id}/refused.csv",
        f"/campaigns/{campaign.id}/", "/sources/one/?name=fair",
    ):  # fmt: skip
        assert other.get(address).status_code == 404, address
    assert other.post(f"/imports/{batch.id}/undo/").status_code == 404
    assert "leads.csv" not in other.get("/imports/").content.decode()
    assert UUID(str(batch.id))
