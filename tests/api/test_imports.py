"""Files over the API: looked at, imported, followed, undone; sources and campaigns beside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import override_settings
from django.utils.timezone import now

from dibs.crm.models import Lead
from dibs.intake.background import carry_out
from dibs.intake.models import Import, Source, Upload
from dibs.intake.undoing import undo
from dibs.people.tenancy import enter
from tests.api.conftest import Company
from tests.making import make_user, make_workspace
from tests.workbooks import Day, write_workbook

FILE = b"id,name,email,company,country\n1,Ana Ruiz,ana@acme.example,Acme,MX\n2,Ben,ben@apex.example,Apex,JP\nbad,row\n"


def sent(company: Company, content: bytes = FILE, name: str = "leads.csv", who: Any = None, **fields: Any) -> Any:
    more = {f"HTTP_{key.upper()}": value for key, value in fields.pop("headers", {}).items()}
    return company.client.post(
        "/api/v1/imports",
        {"source": "fair", "file": SimpleUploadedFile(name, content), **fields},
        HTTP_AUTHORIZATION=f"Bearer {company.token(who or company.ops)}",
        **more,
    )


def done(company: Company, import_id: str) -> Any:
    carry_out(company.workspace.id, UUID(import_id), now)
    return company.call(company.ops, "GET", f"/imports/{import_id}").json()


def test_a_file_is_imported_in_the_background(company: Company) -> None:
    answer = sent(company)
    assert answer.status_code == 201, answer.content
    begun = answer.json()
    assert (begun["state"], begun["source"], begun["file_name"]) == ("running", "fair", "leads.csv")
    ended = done(company, begun["id"])
    assert (ended["state"], ended["share"], ended["by"]) == ("done", 1.0, company.ops.name)
    assert (ended["counts"]["placed"], ended["counts"]["refused"]) == (2, 1)
    assert Lead.objects.filter(batch=begun["id"]).count() == 2
    assert not Upload.objects.exists()
    (refusal,) = company.call(company.ops, "GET", f"/imports/{begun['id']}/refusals").json()["items"]
    assert (refusal["row"], refusal["code"], refusal["raw"]) == (3, "row_short", "bad,row")


def test_a_job_that_runs_twice_imports_once(company: Company) -> None:
    begun = sent(company).json()
    done(company, begun["id"])
    assert carry_out(company.workspace.id, UUID(begun["id"]), now) == 0
    assert Lead.objects.filter(source="fair").count() == 2


def test_an_import_that_was_broken_off_goes_on_where_it_was(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    from dibs.intake import chunks, importing

    monkeypatch.setattr(chunks, "CHUNK", 2)
    rows = b"".join(b"%d,P%d,p%d@c%d.example\n" % (n, n, n, n) for n in range(7))
    begun = sent(company, b"id,name,email\n" + rows).json()
    taken = importing.take_in
    calls: list[int] = []

    def breaks(*args: Any, **given: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            raise RuntimeError("the power is gone")
        return taken(*args, **given)

    monkeypatch.setattr(importing, "take_in", breaks)
    with pytest.raises(RuntimeError):
        carry_out(company.workspace.id, UUID(begun["id"]), now)
    enter(company.workspace.id)
    assert Import.objects.get(id=begun["id"]).counts["rows"] == 4
    ended = done(company, begun["id"])
    assert (ended["state"], ended["counts"]["rows"], ended["counts"]["placed"], ended["counts"]["unchanged"]) == (
        "done",
        7,
        7,
        0,
    )


def test_a_dry_run_tells_what_rows_would_become_and_keeps_nothing(company: Company) -> None:
    answer = sent(company, dry_run="true", campaign="spring")
    assert answer.status_code == 200, answer.content
    seen = answer.json()
    assert [(row["row"], row["outcome"], row["where"]) for row in seen["rows"]] == [
        (1, "placed", "pool inbound"),
        (2, "placed", "pool japan"),
        (3, "refused", ""),
    ]
    assert seen["rows"][0]["fields"]["campaign"] == "spring"
    assert seen["counts"] == {"placed": 2, "refused": 1}
    assert {column["name"]: column["to"] for column in seen["columns"]}["id"] == ["external_id"]
    assert not Lead.objects.filter(source="fair").exists()
    assert not Import.objects.exists()
    assert not Source.objects.filter(name="fair").exists()
    assert not Upload.objects.exists()


def test_a_workbook_is_imported_with_its_numbers_and_days(company: Company, tmp_path: Path) -> None:
    book = write_workbook(
        tmp_path / "b.xlsx",
        {
            "Leads": [
                ["Id", "Name", "Employees", "Budget", "Created at", "Zip"],
                [7, "Ana", 1200, 1234.5, Day(45000), 1010],
            ]
        },
    )
    begun = sent(company, book.read_bytes(), "b.xlsx", mapping="columns: {Id: external_id, Name: name, Employees: employees, Budget: deal_value, Created at: received_at, Zip: postal_code}\ndecimal: ','\n")  # fmt: skip
    assert begun.status_code == 201, begun.content
    assert done(company, begun.json()["id"])["counts"]["placed"] == 1
    lead = Lead.objects.get(source="fair")
    assert (lead.external_id, lead.employees, str(lead.deal_value), lead.postal_code) == ("7", 1200, "1234.50", "1010")
    assert lead.received_at.date().isoformat() == "2023-03-15"
    assert lead.flags == []


def test_an_import_is_undone_as_a_whole(company: Company) -> None:
    begun = sent(company).json()
    early = company.call(company.ops, "POST", f"/imports/{begun['id']}/undo")
    assert (early.status_code, early.json()["code"]) == (409, "import_running")
    done(company, begun["id"])
    answer = company.call(company.ops, "POST", f"/imports/{begun['id']}/undo")
    assert (answer.status_code, answer.json()["state"]) == (200, "undoing")
    undo(company.workspace.id, UUID(begun["id"]), now())
    seen = company.call(company.ops, "GET", f"/imports/{begun['id']}").json()
    assert (seen["state"], seen["counts"]["undone"]["leads"], seen["undone_by"]) == ("undone", 2, company.ops.name)
    again = company.call(company.ops, "POST", f"/imports/{begun['id']}/undo")
    assert (again.status_code, again.json()["code"]) == (409, "import_undone")


def test_a_claimed_lead_keeps_the_import_and_is_named(company: Company) -> None:
    begun = sent(company).json()
    done(company, begun["id"])
    lead = Lead.objects.get(batch=begun["id"], pool="inbound")
    assert company.call(company.aiko, "POST", f"/leads/{lead.id}/claim").status_code == 200
    answer = company.call(company.ops, "POST", f"/imports/{begun['id']}/undo")
    assert (answer.status_code, answer.json()["code"]) == (409, "import_touched")
    assert (answer.json()["touched"], answer.json()["leads"]) == (1, [str(lead.id)])


@pytest.mark.parametrize(
    ("content", "fields", "code", "why"),
    [
        (b"", {}, "file_refused", "file_empty"),
        (b"PK\x03\x04 no workbook", {}, "file_refused", "workbook_unreadable"),
        (b"%PDF-1.7", {}, "file_refused", "file_not_text"),
        (FILE, {"mapping": "columns: {nothing: name}"}, "mapping_refused", None),
        (FILE, {"encoding": "zlib_codec"}, "file_refused", "encoding_unknown"),
        (FILE, {"encoding": "idna", "dry_run": "true"}, "file_refused", "encoding_unknown"),
        (FILE, {"mapping": "["}, "mapping_refused", None),
        (FILE, {"category": "list"}, "source_refused", "vendor_missing"),
        (FILE, {"campaign": "no such"}, "source_refused", "unknown_campaign"),
        (FILE, {"category": "rumour"}, "invalid", None),
    ],
)
def test_what_cannot_be_imported_is_refused_and_leaves_nothing(
    company: Company, content: bytes, fields: dict[str, str], code: str, why: str | None
) -> None:
    answer = sent(company, content, **fields)
    assert (answer.status_code, answer.json()["code"], answer.json().get("why")) == (422, code, why), answer.content
    assert not Import.objects.exists()


@pytest.mark.parametrize("dry_run", ["true", "false"])
@pytest.mark.parametrize("content", [b"\0" * 50, b"PK\x03\x04" + b"\xff" * 50])
def test_a_file_that_is_refused_is_called_by_its_own_name(company: Company, content: bytes, dry_run: str) -> None:
    detail = sent(company, content, "fair.csv", dry_run=dry_run).json()["detail"]
    assert "fair.csv" in detail
    assert "dibs-upload" not in detail


def test_a_file_beyond_the_limit_is_refused(company: Company) -> None:
    with override_settings(UPLOAD_LARGEST=20):
        answer = sent(company)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_sent_again_with_its_key_it_is_imported_once(company: Company) -> None:
    first = sent(company, headers={"idempotency_key": "k"}).json()
    second = sent(company, headers={"idempotency_key": "k"})
    assert second.json() == first
    assert Import.objects.count() == 1
    other = sent(company, FILE + b"4,x,x@x.example,X,MX\n", headers={"idempotency_key": "k"})
    assert other.json()["code"] == "idempotency_key_reused"


def test_json_is_no_file_and_others_may_not(company: Company) -> None:
    assert company.call(company.ops, "POST", "/imports", {"source": "x"}).status_code == 415
    for who in (company.aiko, company.manager, company.integration):
        assert sent(company, who=who).json()["code"] == "not_allowed"


def test_another_workspace_does_not_know_of_it(company: Company) -> None:
    begun = sent(company).json()
    other = make_user(make_workspace(slug="other"), "ops")
    for method, path in (("GET", ""), ("GET", "/refusals"), ("POST", "/undo")):
        assert company.call(other, method, f"/imports/{begun['id']}{path}").status_code == 404
    assert company.call(other, "GET", "/imports").json()["items"] == []
    assert company.call(other, "GET", "/sources").json()["items"] == []


def test_imports_are_listed_in_pages(company: Company) -> None:
    ids = [sent(company, FILE + bytes(str(n), "ascii")).json()["id"] for n in range(3)]
    first = company.call(company.ops, "GET", "/imports?limit=2").json()
    second = company.call(company.ops, "GET", f"/imports?limit=2&cursor={first['next']}").json()
    assert [item["id"] for item in (*first["items"], *second["items"])] == ids[::-1]
    assert second["next"] is None


def test_a_source_says_what_all_its_leads_have_in_common(company: Company) -> None:
    assert company.call(company.ops, "POST", "/campaigns", {"key": "spring", "name": "Spring"}).status_code == 201
    made = company.call(
        company.ops,
        "POST",
        "/sources",
        {"name": "rented", "category": "list", "vendor": "Lists Ltd", "campaign": "spring", "consent": False},
    )
    assert made.status_code == 201, made.content
    lead = {"source": "rented", "external_id": "1", "email": "ana@acme.example", "company": "Acme"}
    assert company.call(company.integration, "POST", "/leads", lead).status_code == 201
    kept = Lead.objects.get(source="rented")
    assert (kept.campaign, kept.consent) == ("spring", False)
    (card,) = [c for c in company.call(company.ops, "GET", "/sources").json()["items"] if c["name"] == "rented"]
    assert (card["leads"], card["open_leads"], card["vendor"], card["share"]) == (1, 1, "Lists Ltd", 0.0)
    changed = company.call(company.ops, "PATCH", f"/sources/{card['id']}", {"campaign": None})
    assert (changed.status_code, changed.json()["campaign"]) == (200, None)
    (campaign,) = company.call(company.ops, "GET", "/campaigns").json()["items"]
    assert campaign["leads"] == 1


def test_what_a_lead_says_itself_goes_before_what_its_source_says(company: Company) -> None:
    company.call(company.ops, "POST", "/campaigns", {"key": "spring", "name": "Spring"})
    company.call(company.ops, "POST", "/sources", {"name": "form", "campaign": "spring", "consent": True})
    company.call(
        company.integration, "POST", "/leads", {"source": "form", "name": "Ana", "campaign": "autumn", "consent": False}
    )
    kept = Lead.objects.get(source="form")
    assert (kept.campaign, kept.consent) == ("autumn", False)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"name": " "}, "name_missing"),
        ({"name": "x", "category": "list"}, "vendor_missing"),
        ({"name": "x", "campaign": "none"}, "unknown_campaign"),
        ({"name": "here"}, "name_taken"),
    ],
)
def test_a_source_that_cannot_be_is_refused(company: Company, body: dict[str, str], why: str) -> None:
    company.call(company.ops, "POST", "/sources", {"name": "here"})
    answer = company.call(company.ops, "POST", "/sources", body)
    assert (answer.status_code, answer.json()["code"], answer.json()["why"]) == (422, "source_refused", why)


def test_campaigns_and_what_they_sent_are_kept(company: Company) -> None:
    made = company.call(
        company.ops,
        "POST",
        "/campaigns",
        {"key": "spring", "name": "Spring", "channel": "mail", "starts_on": "2026-03-01"},
    ).json()
    path = f"/campaigns/{made['id']}"
    piece = company.call(company.ops, "POST", f"{path}/pieces", {"title": "Hello", "url": "https://x.example/a"})
    assert piece.status_code == 201, piece.content
    bad = company.call(company.ops, "POST", f"{path}/pieces", {"title": "x", "url": "javascript:alert(1)"})
    assert (bad.status_code, bad.json()["why"]) == (422, "bad_address")
    late = company.call(company.ops, "PATCH", path, {"ends_on": "2026-02-01"})
    assert late.json()["why"] == "ends_before_start"
    twice = company.call(company.ops, "POST", "/campaigns", {"key": "spring", "name": "Again"})
    assert twice.json()["why"] == "key_taken"
    company.lead(campaign="spring")
    kept = company.call(company.ops, "PATCH", path, {"key": "summer"})
    assert kept.json()["why"] == "key_in_use"
    assert company.call(company.ops, "DELETE", path).json()["why"] == "key_in_use"
    where = f"{path}/pieces/{piece.json()['id']}"
    assert company.call(company.ops, "PATCH", where, {"title": "Hi"}).json()["title"] == "Hi"
    assert company.call(company.ops, "DELETE", where).status_code == 204
    Lead.objects.filter(campaign="spring").update(campaign=None)
    assert company.call(company.ops, "DELETE", path).status_code == 204
    assert json.loads(company.call(company.ops, "GET", "/campaigns").content) == {"items": []}
