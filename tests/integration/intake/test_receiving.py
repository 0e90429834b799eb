"""Leads received on a real database: once, however often and by however many they are sent."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from tests.making import MONDAY, make_rep, make_workspace, publish

from dibs.crm.models import Lead
from dibs.intake.cleaning import Place
from dibs.intake.models import RawPayload
from dibs.intake.preparing import FIELD_LIMIT, Sent
from dibs.intake.receiving import Received, receive
from dibs.people.models import Workspace
from dibs.people.tenancy import enter

POLICY = """
policy: Two pools
qualify:
  score:
    - {when: 'lead.employees >= 200', add: 60}
route:
  - {name: Japan, when: 'lead.country == "JP"', pull: {pool: japan}}
  - {name: Everyone else, pull: {pool: inbound}}
pools:
  japan: {mode: queue}
  inbound: {mode: pool}
"""


@pytest.fixture
def workspace(db: None) -> Workspace:
    workspace = make_workspace(country="MX", timezone="America/Mexico_City")
    make_rep(workspace, "aiko", teams=("tokyo",))
    publish(workspace, POLICY)
    return workspace


def one(workspace: Workspace, **fields: Any) -> Received:
    (answer,) = receive(workspace.id, [fields], now=MONDAY, source="webform")
    return answer


def test_a_lead_is_cleaned_and_placed_by_policy(workspace: Workspace) -> None:
    answer = one(
        workspace,
        external_id="1",
        name=" Aiko  Tanaka ",
        email="Aiko@Acme.co.jp",
        phone="03-3580-3311",
        country="Japan",
        employees="1,200",
        attributes={"page": "/prices"},
    )
    assert (answer.outcome, answer.placed and answer.placed.pool) == ("placed", "japan")
    lead = Lead.objects.get(id=answer.lead_id)
    assert (lead.name, lead.email, lead.phone, lead.domain) == (
        "Aiko Tanaka",
        "aiko@acme.co.jp",
        "+81335803311",
        "acme.co.jp",
    )
    assert (lead.country, lead.employees, lead.score, lead.state) == ("JP", 1200, 60, "pooled")
    assert (lead.source, lead.external_id, lead.received_at) == ("webform", "1", MONDAY)
    assert (lead.attributes, lead.flags) == ({"page": "/prices"}, [])


def test_what_was_sent_is_kept_as_it_was_sent(workspace: Workspace) -> None:
    sent = {"external_id": "1", "email": "NOT AN ADDRESS", "employees": "many", "message": 'a\tb\\c\n"d"'}
    answer = one(workspace, **sent)
    raw = RawPayload.objects.get()
    assert (raw.payload, raw.lead, raw.source, raw.external_id) == (sent, answer.lead_id, "webform", "1")
    assert answer.flags == ("email_invalid", "employees_invalid")
    assert Lead.objects.get().email == "NOT AN ADDRESS"
    assert Lead.objects.get().attributes == {"employees": "many"}


def test_a_local_phone_is_dialled_in_the_workspace_s_country(workspace: Workspace) -> None:
    one(workspace, external_id="1", phone="55 5345 3000")
    assert Lead.objects.get().phone == "+525553453000"


def test_the_same_lead_sent_again_is_unchanged(workspace: Workspace) -> None:
    first = one(workspace, external_id="1", name="Aiko")
    again = one(workspace, external_id="1", name="Aiko")
    assert (again.outcome, again.lead_id, again.placed) == ("unchanged", first.lead_id, None)
    assert (Lead.objects.count(), RawPayload.objects.count()) == (1, 1)


def test_without_an_external_id_the_same_words_are_the_same_lead(workspace: Workspace) -> None:
    first = one(workspace, name="Aiko", email="a@acme.jp")
    assert one(workspace, name="Aiko", email="a@acme.jp").lead_id == first.lead_id
    assert one(workspace, name="Aiko", email="b@acme.jp").lead_id != first.lead_id


def test_two_sources_may_use_one_external_id(workspace: Workspace) -> None:
    answers = receive(
        workspace.id,
        [{"source": "a", "external_id": "1", "name": "A"}, {"source": "b", "external_id": "1", "name": "B"}],
        now=MONDAY,
    )
    assert [answer.outcome for answer in answers] == ["placed", "placed"]


def test_new_facts_enrich_the_lead_and_it_is_routed_anew(workspace: Workspace) -> None:
    first = one(workspace, external_id="1", name="Aiko", email="wrong", attributes={"a": 1, "b": 2})
    assert first.placed
    assert first.placed.pool == "inbound"
    later = one(workspace, external_id="1", country="JP", email="a@acme.jp", attributes={"b": 3})
    assert (later.outcome, later.lead_id) == ("enriched", first.lead_id)
    assert later.placed
    assert later.placed.pool == "japan"
    lead = Lead.objects.get()
    assert (lead.name, lead.email, lead.domain, lead.country) == ("Aiko", "a@acme.jp", "acme.jp", "JP")
    assert (lead.attributes, lead.flags, lead.received_at) == ({"a": 1, "b": 3}, [], MONDAY)


def test_what_is_left_out_or_blank_erases_nothing(workspace: Workspace) -> None:
    one(workspace, external_id="1", name="Aiko", city="Tokyo")
    assert one(workspace, external_id="1", name="", city=None).outcome == "unchanged"
    assert Lead.objects.get().name == "Aiko"


def test_new_words_that_say_nothing_new_change_nothing(workspace: Workspace) -> None:
    one(workspace, external_id="1", name="Aiko", email="a@acme.jp")
    version = Lead.objects.get().version
    assert one(workspace, external_id="1", name="  Aiko ").outcome == "unchanged"
    assert (Lead.objects.get().version, RawPayload.objects.count()) == (version, 2)


def test_enriching_finds_leads_by_external_id_and_places_none(workspace: Workspace) -> None:
    first = one(workspace, external_id="1", name="Aiko")
    answers = receive(
        workspace.id,
        [{"external_id": "1", "industry": "retail"}, {"external_id": "2", "industry": "x"}, {"industry": "y"}],
        now=MONDAY,
        source="webform",
        enriching=True,
    )
    assert [(a.outcome, a.code) for a in answers] == [
        ("enriched", None),
        ("refused", "lead_unknown"),
        ("refused", "external_id_missing"),
    ]
    assert answers[0].lead_id == first.lead_id
    assert Lead.objects.get().industry == "retail"


def test_one_chunk_may_speak_of_a_lead_several_times(workspace: Workspace) -> None:
    rows = [
        {"external_id": "1", "name": "Aiko"},
        {"external_id": "1", "name": "Aiko"},
        {"external_id": "1", "city": "Tokyo"},
        {"name": "Nobody"},
        {"name": "Nobody"},
    ]
    answers = receive(workspace.id, rows, now=MONDAY, source="webform")
    assert [answer.outcome for answer in answers] == ["placed", "unchanged", "enriched", "placed", "unchanged"]
    assert len({answer.lead_id for answer in answers[:3]}) == 1
    assert Lead.objects.count() == 2


@pytest.mark.parametrize(
    ("row", "code", "field"),
    [
        ({}, "row_empty", None),
        ({"name": "  "}, "row_empty", None),
        ("text", "lead_not_object", None),
        ({"nope": 1}, "field_unknown", "nope"),
        ({"name": {"a": 1}}, "field_type", "name"),
        ({"attributes": {"a": [1]}}, "attribute_type", "attributes.a"),
        ({"name": "a\0b"}, "nul_byte", "name"),
        ({"attributes": {"x": "a\0b"}}, "nul_byte", "attributes.x"),
        ({"name": "a\ud800b"}, "wrong_encoding", "name"),
        ({"message": "x" * (FIELD_LIMIT + 1)}, "field_too_long", "message"),
        ({"message": "x" * 10_000_000}, "field_too_long", "message"),
        ({"attributes": {str(n): "x" * 90_000 for n in range(12)}}, "row_too_long", None),
        ({"name": float("nan")}, "payload_unstorable", None),
        ({"external_id": "x" * 201, "name": "x"}, "external_id_too_long", "external_id"),
        ({"source": "x" * 101, "name": "x"}, "field_too_long", "source"),
    ],
)
def test_a_row_that_is_no_lead_is_refused_and_its_neighbours_are_placed(
    workspace: Workspace, row: Any, code: str, field: str | None
) -> None:
    rows: list[Any] = [{"external_id": "a", "name": "A"}, row, {"external_id": "b", "name": "B"}]
    before, answer, after = receive(workspace.id, rows, now=MONDAY, source="webform")
    assert (before.outcome, after.outcome) == ("placed", "placed")
    assert (answer.outcome, answer.code, answer.field) == ("refused", code, field)
    assert answer.message
    assert (Lead.objects.count(), RawPayload.objects.count()) == (2, 2)


def test_a_row_of_nobody_s_is_refused(workspace: Workspace) -> None:
    (answer,) = receive(workspace.id, [{"name": "Aiko"}], now=MONDAY)
    assert (answer.outcome, answer.code, answer.field) == ("refused", "source_missing", "source")


def test_backslashes_that_spell_nul_are_no_nul(workspace: Workspace) -> None:
    assert one(workspace, external_id="1", message="\\u0000 is how JSON writes it").outcome == "placed"


def test_the_same_payload_by_another_mapping_is_another_thing_said(workspace: Workspace) -> None:
    payload = {"id": "1", "x": "Tokyo"}
    first = Sent({"external_id": "1", "name": "Tokyo"}, payload)
    second = Sent({"external_id": "1", "city": "Tokyo"}, payload)
    assert receive(workspace.id, [first], now=MONDAY, source="s", salt="one")[0].outcome == "placed"
    assert receive(workspace.id, [first], now=MONDAY, source="s", salt="one")[0].outcome == "unchanged"
    assert receive(workspace.id, [second], now=MONDAY, source="s", salt="two")[0].outcome == "enriched"


def test_another_workspace_knows_nothing_of_it(workspace: Workspace) -> None:
    mine = one(workspace, external_id="1", name="Aiko")
    other = make_workspace()
    theirs = one(other, external_id="1", name="Aiko")
    assert (theirs.outcome, theirs.lead_id == mine.lead_id) == ("placed", False)
    enter(workspace.id)
    assert Lead.objects.count() == 1


def test_where_the_source_is_can_be_told(workspace: Workspace) -> None:
    where = Place("JP", "Asia/Tokyo")
    row = {"external_id": "1", "phone": "03-3580-3311", "received_at": "2026-03-02 09:00"}
    receive(workspace.id, [row], now=MONDAY, source="s", where=where)
    lead = Lead.objects.get()
    assert (lead.phone, lead.received_at) == ("+81335803311", MONDAY - timedelta(hours=9))


@pytest.mark.django_db(transaction=True)
def test_two_senders_of_the_same_leads_at_once_end_with_one_of_each() -> None:
    workspace = make_workspace(slug=f"race-{uuid4().hex[:8]}")
    publish(workspace, POLICY)
    rows = [{"external_id": str(n), "name": f"Person {n}", "country": "JP" if n % 2 else "MX"} for n in range(60)]
    outcomes: Counter[str] = Counter()
    leads: dict[str, set[Any]] = {row["external_id"]: set() for row in rows}
    failures: list[BaseException] = []
    start = threading.Barrier(4)

    def send(turn: int) -> None:
        try:
            mine = rows[::-1] if turn % 2 else rows
            extra = [{**row, "city": "Tokyo"} for row in mine] if turn == 3 else mine
            start.wait()
            for answer, row in zip(receive(workspace.id, extra, now=MONDAY, source="s"), extra, strict=True):
                outcomes[answer.outcome] += 1
                leads[row["external_id"]].add(answer.lead_id)
        except BaseException as failure:
            failures.append(failure)
        finally:
            connection.close()

    senders = [threading.Thread(target=send, args=(turn,)) for turn in range(4)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert not failures
    enter(workspace.id)
    assert Lead.objects.count() == 60
    assert all(len(ids) == 1 for ids in leads.values())
    assert outcomes["placed"] == 60
    assert outcomes["refused"] == 0
