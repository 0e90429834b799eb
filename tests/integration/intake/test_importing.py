"""Whole files imported on a real database, good and broken, once and twice."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner
from tests.making import MONDAY, make_rep, make_workspace, publish

from dibs.crm.models import Lead
from dibs.intake.importing import Summary, import_file
from dibs.intake.mapping import read_mapping, read_mapping_file
from dibs.intake.models import Import, ImportRefusal, RawPayload, Source
from dibs.intake.receiving import receive
from dibs.people.models import Workspace

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"
OLIST = Path(__file__).parents[4] / "shared" / "data" / "olist"
LEADS, DEALS = "marketing_qualified_leads.csv", "closed_deals.csv"
POLICY = """
policy: By origin
qualify:
  score:
    - {when: 'lead.attributes.origin == "paid search"', add: 80}
    - {when: 'lead.industry == "pet"', add: 10}
route:
  - {name: Paid, when: 'lead.score >= 75', push: {team: closers, by: round_robin}}
  - {name: Everyone else, pull: {pool: inbound}}
pools:
  inbound: {mode: pool}
"""


@pytest.fixture
def workspace(db: None) -> Workspace:
    workspace = make_workspace()
    make_rep(workspace, "aiko", teams=("closers",))
    make_rep(workspace, "bruno", teams=("closers",))
    publish(workspace, POLICY)
    return workspace


def take(workspace: Workspace, path: Path, content: str | bytes | None = None, **given: Any) -> Summary:
    if content is not None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    mapping = given.pop("mapping", None)
    return import_file(
        workspace, path, "list", read_mapping(mapping) if mapping else None, clock=lambda: MONDAY, **given
    )


def test_how_the_last_file_wrote_days_and_numbers_yields_to_what_this_one_shows(
    workspace: Workspace, tmp_path: Path
) -> None:
    european = 'id,name,amount,date\n1,Ana,"1.200,50",25/01/2026\n2,Bo,"3,75",26/01/2026\n'
    american = 'id,name,amount,date\n3,Cy,"1,200.50",01/31/2026\n'
    summary = take(workspace, tmp_path / "one.csv", european)
    assert not summary.flags
    assert not take(workspace, tmp_path / "two.csv", american).flags
    third = Lead.objects.get(external_id="3")
    assert (str(third.deal_value), f"{third.received_at:%m-%d}") == ("1200.50", "01-31")
    # What can be read either way is read as the last one was; and a file again is nothing new.
    take(workspace, tmp_path / "three.csv", "id,name,amount,date\n4,Di,7,02/03/2026\n")
    assert f"{Lead.objects.get(external_id='4').received_at:%m-%d}" == "02-03"
    again = take(workspace, tmp_path / "one.csv", european)
    assert (again.unchanged, again.enriched) == (2, 0)


def test_a_file_is_imported_and_remembered(workspace: Workspace, tmp_path: Path) -> None:
    content = "id,name,email,origin\n1,Aiko,a@acme.jp,paid search\n2,Bo,nonsense,fair\n3,Cy,c@x.jp,paid search\n"
    summary = take(workspace, tmp_path / "leads.csv", content)
    assert (summary.rows, summary.placed, summary.refused) == (3, 3, 0)
    assert summary.where == {"rep aiko": 1, "rep bruno": 1, "pool inbound": 1}
    assert summary.flags == {"email_invalid": 1}
    kept = Import.objects.get()
    assert (kept.file_name, kept.source, kept.encoding) == ("leads.csv", "list", "utf-8")
    assert (kept.counts, kept.finished_at) == (summary.counts(), MONDAY)
    assert Source.objects.get().name == "list"
    assert RawPayload.objects.get(external_id="1").payload == {
        "id": "1",
        "name": "Aiko",
        "email": "a@acme.jp",
        "origin": "paid search",
    }


def test_importing_a_file_again_changes_nothing(workspace: Workspace, tmp_path: Path) -> None:
    content = "id,name\n1,Aiko\n2,Bo\n"
    take(workspace, tmp_path / "leads.csv", content)
    before = list(Lead.objects.order_by("id").values())
    again = take(workspace, tmp_path / "leads.csv", content)
    assert (again.placed, again.enriched, again.unchanged) == (0, 0, 2)
    assert list(Lead.objects.order_by("id").values()) == before
    assert RawPayload.objects.count() == 2


def test_a_file_without_ids_can_be_imported_again_too(workspace: Workspace, tmp_path: Path) -> None:
    content = "name,email\nAiko,a@acme.jp\nAiko,a@acme.jp\nBo,b@acme.jp\n"
    assert take(workspace, tmp_path / "leads.csv", content).placed == 2
    assert take(workspace, tmp_path / "leads.csv", content).unchanged == 3


def test_rows_that_changed_since_enrich_their_leads(workspace: Workspace, tmp_path: Path) -> None:
    take(workspace, tmp_path / "leads.csv", "id,name\n1,Aiko\n2,Bo\n")
    summary = take(workspace, tmp_path / "leads.csv", "id,name,city\n1,Aiko,Tokyo\n2,Bo,\n3,Cy,Lima\n")
    assert (summary.placed, summary.enriched, summary.unchanged) == (1, 1, 1)
    assert Lead.objects.get(external_id="1").city == "Tokyo"


def test_broken_rows_are_refused_by_number_and_kept_with_the_reason(workspace: Workspace, tmp_path: Path) -> None:
    content = (
        b"id,name\n"
        b"1,Aiko\n"
        b"2\n"
        b"3,Cy,extra\n"
        b"4,\x00nul\n"
        b"5," + b"x" * 10_000_000 + b"\n"
        b"6,=cmd|' /C calc'!A0\n"
        b"7,\xff\xfe\n"
        b'8,"open\n'
        b"9,Ivo\n" + "10,José\n11,María\n".encode()
    )
    summary = take(workspace, tmp_path / "leads.csv", content)
    assert (summary.rows, summary.placed, summary.refused) == (11, 5, 6)
    assert [(r.row, r.line, r.code) for r in summary.refusals] == [
        (2, 3, "row_short"),
        (3, 4, "row_long"),
        (4, 5, "nul_byte"),
        (5, 6, "field_too_long"),
        (7, 8, "wrong_encoding"),
        (8, 9, "quote_unclosed"),
    ]
    kept = {refusal.row: refusal for refusal in ImportRefusal.objects.all()}
    assert (kept[2].raw, kept[3].raw, kept[4].raw) == ("2", "3,Cy,extra", "4,\u2400nul")
    assert (kept[7].raw, kept[8].raw) == ("7,\\xff\\xfe", '8,"open')
    assert kept[5].raw.startswith("5,xxx")
    assert len(kept[5].raw) < 20_001
    assert Lead.objects.get(external_id="6").name == "=cmd|' /C calc'!A0"
    assert Lead.objects.get(external_id="6").flags == ["formula"]
    assert Lead.objects.get(external_id="10").name == "José"


def test_no_rows_are_no_failure(workspace: Workspace, tmp_path: Path) -> None:
    summary = take(workspace, tmp_path / "leads.csv", "name,email\n")
    assert (summary.rows, summary.placed) == (0, 0)
    assert Import.objects.get().finished_at == MONDAY


def test_japanese_and_spanish_files_arrive_as_they_were_written(workspace: Workspace, tmp_path: Path) -> None:
    japanese = "氏名,会社名,国,従業員数\n田中 愛子,株式会社青葉工務店,日本,1,200名\n".replace("1,200名", '"1,200名"')
    take(workspace, tmp_path / "ja.csv", japanese.encode("cp932"))
    lead = Lead.objects.get(country="JP")
    assert (lead.name, lead.company, lead.employees) == ("田中 愛子", "株式会社青葉工務店", 1200)
    spanish = "nombre;empresa;país;presupuesto\nJosé Núñez;Peña e Hijos;España;1.200,50 €\n"
    take(workspace, tmp_path / "es.csv", spanish.encode("cp1252"))
    lead = Lead.objects.get(country="ES")
    assert (lead.name, lead.company, str(lead.deal_value), lead.currency) == (
        "José Núñez",
        "Peña e Hijos",
        "1200.50",
        "EUR",
    )


def test_a_dry_run_tells_all_and_keeps_nothing(workspace: Workspace, tmp_path: Path) -> None:
    summary = take(workspace, tmp_path / "leads.csv", "id,name,origin\n1,Aiko,paid search\n2\n", dry_run=True)
    assert (summary.placed, summary.refused, summary.import_id) == (1, 1, None)
    assert sum(summary.where.values()) == 1
    for model in (Lead, RawPayload, Import, ImportRefusal, Source):
        assert not model.objects.exists()


def test_a_file_longer_than_a_chunk_is_imported_whole(workspace: Workspace, tmp_path: Path) -> None:
    content = "id,name\n" + "".join(f"{n},Person {n}\n" for n in range(2500))
    told: list[tuple[int, int, int]] = []
    summary = take(
        workspace, tmp_path / "leads.csv", content, progress=lambda at, size, s: told.append((at, size, s.rows))
    )
    assert (summary.placed, Lead.objects.count()) == (2500, 2500)
    assert [rows for _, _, rows in told] == [1000, 2000, 2500]
    assert told[-1][0] == told[-1][1]


def test_a_long_file_is_made_ready_by_another_process(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dibs.intake.importing.LONG", 0)
    content = "id,name\n" + "".join(f"{n},Person {n}\n" for n in range(1500)) + "x\n1500,n\0\n7,Person 7\n"
    summary = take(workspace, tmp_path / "leads.csv", content)
    assert (summary.placed, summary.unchanged, summary.refused) == (1500, 1, 2)
    assert [(r.row, r.code) for r in summary.refusals] == [(1501, "row_short"), (1502, "nul_byte")]
    assert ImportRefusal.objects.get(row=1502).raw == "1500,n\u2400"


def test_an_import_that_broke_off_goes_on_when_it_is_run_again(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = "id,name\n" + "".join(f"{n},Person {n}\n" for n in range(1500))

    def stop(position: int, size: int, summary: Summary) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        take(workspace, tmp_path / "leads.csv", content, progress=stop)
    assert Lead.objects.count() == 1000
    broken = Import.objects.get()
    assert (broken.finished_at, broken.counts["placed"]) == (None, 1000)
    summary = take(workspace, tmp_path / "leads.csv", content)
    assert (summary.placed, summary.unchanged) == (500, 1000)


def in_the_shape_of_olist(folder: Path) -> Path:
    """Files with Olist's columns and defects (blank origins, mostly empty columns), and rows of nobody's."""
    origins = ["paid search", "social", "", "unknown", "email"]
    leads = [f"{n:032x},2018-02-{1 + n % 28:02},{n % 7:032x},{origins[n % 5]}" for n in range(1600)]
    deals = [
        f"{n:032x},{n:032x},{n % 3:032x},{n % 2:032x},2018-02-26 19:58:54,pet,online medium,,,,,reseller,,0.0"
        for n in range(0, 1600, 10)
    ]
    (folder / LEADS).write_text("\n".join(["mql_id,first_contact_date,landing_page_id,origin", *leads, ""]))
    (folder / DEALS).write_text(
        "\n".join(
            [
                "mql_id,seller_id,sdr_id,sr_id,won_date,business_segment,lead_type,lead_behaviour_profile,has_company,has_gtin,"
                "average_stock,business_type,declared_product_catalog_size,declared_monthly_revenue",
                *deals,
                "",
            ]
        )
    )
    return folder


@pytest.mark.parametrize("real", [False, True] if OLIST.exists() else [False])
def test_olist_s_leads_and_then_what_became_of_them(workspace: Workspace, tmp_path: Path, real: bool) -> None:
    """On the real files where they are at hand; they are not part of the project."""
    folder = OLIST if real else in_the_shape_of_olist(tmp_path)
    leads, deals = folder / LEADS, folder / DEALS
    to_place = read_mapping_file(EXAMPLES / "olist.yaml")
    to_enrich = read_mapping_file(EXAMPLES / "olist_closed.yaml")
    many, won = (8000, 842) if real else (1600, 160)

    def run(path: Path, mapping: Any) -> tuple[int, int, int, int]:
        s = import_file(workspace, path, "olist", mapping, clock=lambda: MONDAY)
        return s.placed, s.enriched, s.unchanged, s.refused

    assert run(leads, to_place) == (many, 0, 0, 0)
    assert run(leads, to_place) == (0, 0, many, 0)
    assert run(deals, to_enrich) == (0, won, 0, 0)
    before = list(Lead.objects.order_by("id").values())
    assert run(deals, to_enrich) == (0, 0, won, 0)
    assert run(leads, to_place) == (0, 0, many, 0)
    assert list(Lead.objects.order_by("id").values()) == before
    lead = Lead.objects.filter(industry="pet").earliest("external_id")
    assert (lead.country, lead.language) == ("BR", "pt-BR")
    assert lead.received_at.astimezone(ZoneInfo("America/Sao_Paulo")).hour == 0
    assert lead.attributes["lead_type"].startswith("online")
    assert lead.attributes["won_at"].endswith("+00:00")
    assert lead.attributes["monthly_revenue"] == 0
    assert "catalog_size" not in lead.attributes
    assert not Lead.objects.filter(attributes__origin="").exists()


def run_command(*arguments: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`dibs import` on the tests' own database, which is there and migrated already."""
    from dibs.cli import importing

    monkeypatch.setattr(importing, "connected", nullcontext)
    return CliRunner().invoke(importing.import_, arguments)


def test_the_command_tells_what_became_of_each_row(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "leads.csv"
    path.write_text("id,name,email\n1,Aiko,nonsense\n2\n3,Cy,c@acme.jp\n")
    answer = run_command(str(path), "--source", "fair", "--workspace", workspace.slug, monkeypatch=monkeypatch)
    assert answer.exit_code == 0, answer.output
    for said in (
        "3 rows",
        "pool inbound",
        "email_invalid",
        "row 2: The row has 1 field, the header has 3. [row_short]",
    ):
        assert said in answer.output
    again = run_command(str(path), "--source", "fair", "--workspace", workspace.slug, "--json", monkeypatch=monkeypatch)
    told = json.loads(again.stdout)
    assert (told["placed"], told["unchanged"], told["refused"]) == (0, 2, 1)
    assert told["refusals"] == [
        {
            "row": 2,
            "line": 3,
            "code": "row_short",
            "field": None,
            "message": "The row has 1 field, the header has 3.",
        }
    ]


def test_the_command_finds_a_mapping_beside_the_file(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "leads.csv").write_text("who\nAiko\n")
    (tmp_path / "fair.yaml").write_text("columns: {who: name}\n")
    arguments = [str(tmp_path / "leads.csv"), "--source", "fair", "--map", "fair.yaml", "--workspace", workspace.slug]
    answer = run_command(*arguments, monkeypatch=monkeypatch)
    assert answer.exit_code == 0, answer.output
    assert Lead.objects.get().name == "Aiko"


@pytest.mark.parametrize(
    ("content", "mapping", "said"),
    [
        ("", None, "is empty"),
        ('id,"name\n1,2\n', None, "Is a quote left open?"),
        ("a@b.jp,Aiko\n", None, "the header is missing"),
        ("id\n1\n", "columns: {id: nmae}\n", "did you mean name?"),
        ("id\n1\n", "columns: {no: name}\n", "no column 'no'"),
    ],
)
def test_the_command_refuses_a_file_or_mapping_it_cannot_use(
    workspace: Workspace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: str,
    mapping: str | None,
    said: str,
) -> None:
    path = tmp_path / "leads.csv"
    path.write_text(content)
    arguments = [str(path), "--source", "fair", "--workspace", workspace.slug]
    if mapping:
        (tmp_path / "map.yaml").write_text(mapping)
        arguments += ["--map", str(tmp_path / "map.yaml")]
    answer = run_command(*arguments, monkeypatch=monkeypatch)
    assert answer.exit_code == 1
    assert said in answer.output
    assert "Traceback" not in answer.output
    told = json.loads(run_command(*arguments, "--json", monkeypatch=monkeypatch).stdout)
    assert said in told["problems"][0]["message"]
    assert not Lead.objects.exists()
    assert not Import.objects.exists()


def test_the_command_fails_where_every_row_was_refused(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "leads.csv"
    path.write_text("id,name\n1\n2\n")
    answer = run_command(str(path), "--source", "fair", "--workspace", workspace.slug, monkeypatch=monkeypatch)
    assert answer.exit_code == 1


def test_a_line_with_nothing_but_an_id_was_left_over_and_a_program_that_sends_one_will_say_more(
    workspace: Workspace, tmp_path: Path
) -> None:
    (tmp_path / "ids.csv").write_text("external_id,name\n1,Ann\n2,\n")
    summary = import_file(workspace, tmp_path / "ids.csv", "fair", clock=lambda: MONDAY)
    assert (summary.placed, dict(summary.refused_for)) == (1, {"row_empty": 1})
    dry = import_file(workspace, tmp_path / "ids.csv", "other", clock=lambda: MONDAY, dry_run=True)
    assert (dry.placed, dry.refused) == (1, 1)
    (answer,) = receive(workspace.id, [{"source": "site", "external_id": "2"}], now=MONDAY)
    assert answer.outcome == "placed"
