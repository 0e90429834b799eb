"""What a search finds in a pool, and what it does not tell."""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from dibs.crm.arrival import Enrichment
from dibs.crm.lookup import BORDER, FIELDS, LIMIT, LONGEST, OPEN, folded, line_of, lookup_of, place_of, words_of
from dibs.crm.models import Lead
from dibs.distribution import acting, policies
from dibs.distribution.claiming import Claimed, claim_lead
from dibs.distribution.placing import enrich, place
from dibs.engine.conditions import Condition
from dibs.engine.facts import LeadFacts
from dibs.insight import searching
from dibs.insight.narrowing import terms_of
from dibs.insight.pools import pool_page, pools_in_sight
from dibs.people.caller import Caller, caller_of
from tests.making import MONDAY, make_arrival, make_rep, make_user, make_workspace, publish

POLICY = """
policy: One pool
qualify:
  score:
    - {when: 'lead.employees >= 500', add: 80}
    - {when: 'lead.employees >= 100', add: 15}
route: [{name: All, pull: {pool: inbound}}]
pools: {inbound: {preview: [company, country, industry, city, employees, score, source], lock: 15m}}
"""


class Place:
    """A workspace with one pool, a rep who sees previews of it and somebody who sees everything."""

    def __init__(self) -> None:
        self.workspace = make_workspace()
        self.ops = caller_of(make_user(self.workspace, "ops"))
        self.aiko = caller_of(make_rep(self.workspace, "aiko").user)
        self.now = MONDAY
        self.policy(POLICY)

    def policy(self, text: str) -> None:
        publish(self.workspace, text)
        active = policies.active(self.workspace.id)
        assert active is not None
        self.book = active.book

    def lead(self, **fields: Any) -> UUID:
        (placed,) = place(self.workspace.id, [make_arrival(**({"received_at": self.now} | fields))], now=self.now)
        return placed.lead_id

    def page(self, who: Caller, **asked: Any) -> list[UUID]:
        page = pool_page(who, "inbound", now=self.now, **asked)
        assert page is not None
        return [lead["id"] for lead in page.items]

    def pages(self, who: Caller, limit: int, **asked: Any) -> Iterator[list[UUID]]:
        cursor = None
        for _ in range(300):
            page = pool_page(who, "inbound", now=self.now, limit=limit, cursor=cursor, **asked)
            assert page is not None
            assert len(page.items) <= limit
            yield [lead["id"] for lead in page.items]
            cursor = page.next
            if cursor is None:
                return
        raise AssertionError("the pages never end")

    def everything(self, who: Caller, limit: int, **asked: Any) -> list[UUID]:
        return [lead for page in self.pages(who, limit, **asked) for lead in page]


@pytest.fixture
def here(db: Any) -> Place:
    return Place()


def _counted() -> None:
    """As VACUUM would have found it."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE crm_lead")


def test_a_search_takes_signs_as_they_are(here: Place) -> None:
    percent, plain = here.lead(company="100% Pure_Ltd"), here.lead(company="Pure Ltd")
    assert here.page(here.aiko, q="100%") == [percent]
    assert here.page(here.aiko, q="pure_") == [percent]
    assert set(here.page(here.aiko, q="PURE")) == {percent, plain}
    assert here.page(here.aiko, q="%") == [percent]
    assert here.page(here.aiko, q="\\") == []


@pytest.mark.parametrize(
    ("company", "asked"),
    [
        ("ﾔﾏﾀﾞ電機", "ヤマダ"),
        ("ヤマダ電機", "ﾔﾏﾀﾞ"),
        ("株式会社山田製作所", "山田"),
        ("株式会社山田製作所", "製作所 山田"),
        ("ＡＣＭＥ　Ｋ．Ｋ．", "acme k.k."),
        ("Groß & Söhne", "GROSS söhne"),
        ("Müller GmbH", "Mu\u0308ller"),
        ("İstanbul A.Ş.", "i\u0307STANBUL"),
        ("ΟΔΥΣΣΕΥΣ", "οδυσσευς"),
        ("Acme   Corp", "acme corp"),
        ("Two\nLines", "lines two"),
    ],
)
def test_case_width_and_composition_do_not_matter(here: Place, company: str, asked: str) -> None:
    lead = here.lead(company=company)
    here.lead(company="Somebody else")
    assert here.page(here.ops, q=asked) == [lead]
    assert here.page(here.aiko, q=asked) == [lead]


def test_all_words_must_occur_each_in_any_field(here: Place) -> None:
    both = here.lead(company="Northwind", city="Osaka")
    here.lead(company="Northwind", city="Kyoto")
    here.lead(company="Osaka Steel")
    assert here.page(here.aiko, q="osaka north") == [both]
    assert here.page(here.aiko, q="north\u3000OSAKA") == [both]
    # No word runs over from one field into the next.
    assert here.page(here.aiko, q="northwindosaka") == []
    assert here.page(here.ops, q=f"northwind{BORDER}") == here.page(here.ops, q="northwind")


def test_a_search_finds_by_every_field_that_the_caller_sees_and_no_other(here: Place) -> None:
    fields = {name: f"Needle{name.title().replace('_', '')}" for name in FIELDS if name not in ("country", "currency")}
    lead = here.lead(**fields, country="JP", currency="JPY")
    for _ in range(3):
        here.lead(company="Hay", source="other")
    seen = {"company", "industry", "city", "source"}
    for name, value in fields.items():
        assert here.page(here.ops, q=value) == [lead], name
        assert here.page(here.aiko, q=value) == ([lead] if name in seen else []), name
    assert here.page(here.ops, q="jpy") == [lead]
    assert here.page(here.aiko, q="jp") == [lead]
    assert here.page(here.aiko, q="jpy") == []


def test_hits_in_hidden_fields_end_no_page_and_begin_none(here: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = [here.lead(company="Needle Ltd", email=None, domain=None) for _ in range(2)]
    for n in range(9):
        here.lead(
            company="Hay", email=f"needle{n}@needle.example", domain="needle.example", name="Needle", product="Needle"
        )
    for limit in (1, 2, 3, 50):
        assert here.everything(here.aiko, limit, q="needle") == seen
    with_next = pool_page(here.aiko, "inbound", q="needle", limit=2, now=here.now)
    assert with_next is not None
    assert with_next.next is None
    monkeypatch.setattr(searching, "LOOK_THROUGH", 3)
    _counted()
    # Where a page looks through only so many, it ends where it would for a word that nobody has.
    ends = [len(list(here.pages(here.aiko, 50, q=q))) for q in ("needle1@", "nobody")]
    assert ends[0] == ends[1] > 1


def test_a_word_in_a_personal_field_that_the_preview_shows_is_found_by_it_alone(here: Place) -> None:
    here.policy(POLICY.replace("preview: [company,", "preview: [name, company,"))
    lead = here.lead(name="Needle Person", title="Chief")
    here.lead(name="Hay Person", title="Needle", email="needle@example.com", domain="needle.example", product="Needle")
    assert here.page(here.aiko, q="needle") == [lead]
    assert here.page(here.aiko, q="chief") == []


def test_a_cursor_does_not_show_which_lead_it_names(here: Place) -> None:
    leads = [here.lead() for _ in range(3)]
    page = pool_page(here.aiko, "inbound", limit=1, now=here.now)
    assert page is not None
    assert page.next is not None
    raw = base64.urlsafe_b64decode(page.next + "=" * (-len(page.next) % 4))
    assert all(lead.bytes[:8] not in raw and lead.bytes[8:] not in raw for lead in leads)
    # The same question has the same cursor, and it leads on.
    again = pool_page(here.aiko, "inbound", limit=1, now=here.now)
    assert again is not None
    assert again.next == page.next
    assert here.page(here.aiko, cursor=page.next) == leads[1:]


def test_new_facts_are_found_and_old_ones_no_longer(here: Place) -> None:
    lead = here.lead(company="Before Ltd", city="Nara")
    enrich(here.workspace.id, [Enrichment(lead, {"company": "After Ltd"})], now=here.now)
    assert here.page(here.aiko, q="after nara") == [lead]
    assert here.page(here.aiko, q="before") == []
    enrich(here.workspace.id, [Enrichment(lead, {"employees": 700})], now=here.now)
    assert here.page(here.aiko, q="after nara") == [lead]


def test_a_batch_is_searched_like_single_leads(here: Place) -> None:
    arrivals = [make_arrival(company=f"Batch {n} Ltd", received_at=here.now) for n in range(60)]
    place(here.workspace.id, arrivals, now=here.now)
    assert here.page(here.aiko, q="batch 37") == [arrivals[37].lead_id]


def test_leads_that_somebody_took_are_not_found_until_their_lock_runs_out(here: Place) -> None:
    lead, other = here.lead(company="Needle", city="Nara"), here.lead(company="Needle", city="Kyoto")
    assert isinstance(claim_lead(here.aiko, lead, here.now), Claimed)
    assert here.page(here.ops, q="needle") == [other]
    here.now += timedelta(minutes=15)
    for sort in ("", "score", "waiting_since"):
        assert set(here.page(here.ops, q="needle", sort=sort)) == {lead, other}
    assert here.page(here.aiko, q="needle", filters={"city": ["Nara"]}) == [lead]
    acting.retire(here.ops, other, here.now, why="no_answer")
    assert here.page(here.ops, q="needle") == [lead]


@pytest.mark.parametrize(
    "order", ["[-score, received_at]", "[received_at]", "[-employees, waiting_since]", "[deal_value]"]
)
@pytest.mark.parametrize("bound", [None, 7])
def test_pages_of_a_search_hold_what_a_look_at_every_lead_would(
    here: Place, monkeypatch: pytest.MonkeyPatch, order: str, bound: int | None
) -> None:
    here.policy(POLICY.replace("inbound: {", f"inbound: {{order: {order}, "))
    chance = random.Random(f"{order}{bound}")
    companies, cities = ("Acme", "Acme Steel", "山田", "Globex", "ＡＣＭＥ"), ("Nara", "nara", "Naraku", "Kyoto", None)
    for _ in range(60):
        here.now += timedelta(seconds=chance.choice([0, 1, 30]))
        here.lead(
            company=chance.choice(companies), city=chance.choice(cities), country=chance.choice(["MX", "JP", None]),
            industry=chance.choice(["steel", "food", None]), employees=chance.choice([None, 5, 150, 700]),
            deal_value=chance.choice([None, 10, 2000]), name=chance.choice(["Nara Doe", "Jane", None]),
        )  # fmt: skip
    if bound:
        for name in ("LOOK_THROUGH", "LOOK_AT", "LOOK_FIRST"):
            monkeypatch.setattr(searching, name, bound)
        _counted()
    rows = list(Lead.objects.filter(pool="inbound", state="pooled"))
    for who, seen in ((here.ops, FIELDS), (here.aiko, ("company", "country", "industry", "city", "source"))):
        for _ in range(25):
            q = chance.choice(["", "", "acme", "nara", "acme nara", "山", "jane", "zebra", "e a"])
            filters: dict[str, Any] = {
                name: wanted
                for name, wanted in (
                    ("city", ["Nara"]),
                    ("country", ["JP", "MX"]),
                    ("industry", ["steel"]),
                    ("employees", (100, None)),
                    ("score", (None, 20)),
                )
                if chance.random() < 0.3
            }
            sort = chance.choice(["", "-score", "score", "waiting_since", "-waiting_since"])
            asked = {"q": q, "filters": filters, "sort": sort}
            expected = {
                row.id
                for row in rows
                if all(any(word in folded(getattr(row, name) or "") for name in seen) for word in words_of(q))
                and all(_fits(getattr(row, name), wanted) for name, wanted in filters.items())
            }
            line = [lead for lead in here.everything(who, 100, sort=sort) if lead in expected]
            for limit in (1, 4, 50):
                assert here.everything(who, limit, **asked) == line, asked


def _fits(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, list):
        return value in wanted
    least, most = wanted
    return value is not None and (least is None or value >= least) and (most is None or value <= most)


#: Conditions of tiers: what SQL can say of them, and what it leaves to be asked of each lead.
CONDITIONS = {
    "lead.score < 20": True,
    "lead.employees >= 150 && lead.score < 90": True,
    'lead.country == "JP"': True,
    "lead.country in ['JP', 'MX'] && lead.city == \"Nara\"": True,
    'lead.industry in ["steel"] && lead.employees <= 700': True,
    "lead.employees < 150 || lead.country == 'JP'": False,
    'lead.country != "JP"': False,
    "lead.score + 1 < 20": False,
    'lead.city.startsWith("Nara")': False,
    "lead.city == null": False,
    "lead.country == lead.city": False,
    "lead.deal_value > 5": False,
    "!(lead.score < 20)": False,
}


@pytest.mark.parametrize("only", CONDITIONS)
def test_a_tiers_condition_lets_the_same_leads_through_wherever_it_is_asked(here: Place, only: str) -> None:
    assert (terms_of(only) is not None) == CONDITIONS[only]
    quoted = only.replace("'", "''")
    here.policy(f"{POLICY}tiers: [{{name: all, sees: preview, only: '{quoted}'}}]\n")
    chance = random.Random(only)
    for _ in range(50):
        here.lead(
            company=chance.choice(["Acme", "Globex"]), city=chance.choice(["Nara", "Kyoto", None]),
            country=chance.choice(["MX", "JP", "ES", None]), industry=chance.choice(["steel", "food", None]),
            employees=chance.choice([None, 5, 150, 700]), deal_value=chance.choice([None, 1, 2000]),
        )  # fmt: skip
    condition = Condition.of(only)
    rows = {row.id: row for row in Lead.objects.filter(pool="inbound", state="pooled")}

    def admitted(row: Lead) -> bool:
        names = ("city", "country", "industry", "employees", "score")
        value = float(row.deal_value) if row.deal_value is not None else None
        facts = LeadFacts(**{name: getattr(row, name) for name in names}, deal_value=value)
        return condition.holds(here.book.activation(facts, now=here.now))

    for sort in ("", "score", "-waiting_since"):
        everything = here.everything(here.ops, 100, sort=sort)
        for q in ("", "acme"):
            expected = [lead for lead in everything if admitted(rows[lead]) and (not q or rows[lead].company == "Acme")]
            for limit in (3, 50):
                assert here.everything(here.aiko, limit, sort=sort, q=q) == expected
    (card,) = pools_in_sight(here.aiko, here.now)
    assert card.waiting == sum(map(admitted, rows.values()))


def test_a_search_that_finds_little_goes_on_page_by_page(here: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOOK_THROUGH", "LOOK_AT"):
        monkeypatch.setattr(searching, name, 4)
    leads = [here.lead(company="Needle Ltd" if n in (1, 9, 13) else "Hay Ltd") for n in range(15)]
    _counted()
    pages = list(here.pages(here.aiko, 50, q="needle"))
    assert pages == [[leads[1]], [], [leads[9]], [leads[13]]]
    found = [leads[1], leads[9], leads[13]]
    assert here.everything(here.aiko, 2, q="needle") == found
    assert here.everything(here.aiko, 2, q="needle", sort="waiting_since") == found
    assert here.everything(here.aiko, 1, q="needle", filters={"country": ["MX", "ES"]}) == found


def test_each_field_stands_on_its_own_line() -> None:
    lead = {name: f"{name.upper()}!" for name in FIELDS}
    lines = lookup_of(lead).split("\n")
    for name in FIELDS:
        assert lines[place_of(name) - 1] == f"{name}!"
        assert line_of(f"{name.upper()}!") in lookup_of(lead)
    assert lookup_of(lead).index(BORDER) > max(lookup_of(lead).index(f"{name}!") for name in OPEN)


@pytest.mark.parametrize("letter", ["x", "é", "字", "😀", "ﷺ", "ß", "\n", BORDER, "A "])
def test_what_is_searched_fits_into_the_index_whatever_the_fields_hold(here: Place, letter: str) -> None:
    lead = dict.fromkeys(FIELDS, letter * 300)
    text = lookup_of(lead)
    assert len(text) <= LONGEST
    assert len(text.encode()) <= LIMIT
    assert text.count("\n") == len(FIELDS) + 2
    assert text.count(BORDER) == 1
    if letter.strip():
        assert line_of(letter * 300) in text


def test_a_lead_with_the_longest_texts_there_are_is_placed_and_found_by_how_they_begin(here: Place) -> None:
    lead = here.lead(
        company="Needle " + "字" * 290, title="長" * 300, name="名" * 300, city="市" * 200, region="県" * 200,
        industry="業" * 200, product="品" * 200, use_case="用" * 300, email="e" * 300 + "@example.com",
    )  # fmt: skip
    assert here.page(here.ops, q="needle 長長 名名 市市 品品") == [lead]
    assert here.page(here.ops, filters={"city": ["市" * 200]}) == [lead]
    assert here.page(here.ops, filters={"city": ["市" * 199]}) == []
