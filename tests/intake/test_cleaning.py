"""What comes in is made right where it can be, and kept and flagged where it cannot."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from cleanco import basename
from cleanco.clean import prepare_default_terms

from dibs.crm.companies import company_key, without_form
from dibs.crm.models import Lead
from dibs.intake.cleaning import FIELDS, FLAGS, TEXTS, Cleaned, Place, Wrong, clean
from dibs.intake.countries import country_code
from dibs.intake.emails import clean_email, is_free_mail, registered_domain

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def cleaned(place: Place | None = None, **fields: Any) -> Cleaned:
    return clean(fields, place or Place(), NOW)


def test_every_text_field_is_as_long_as_the_lead_s_own() -> None:
    for name, limit in TEXTS.items():
        assert Lead._meta.get_field(name).max_length == limit, name


def test_every_field_is_one_of_the_lead_s() -> None:
    assert {field.name for field in Lead._meta.get_fields()} >= FIELDS


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("  Aiko   Tanaka ", "Aiko Tanaka"),
        ("田中\u3000愛子", "田中 愛子"),
        ("Jose\u0301", "José"),
        ("O'Brien, 3rd", "O'Brien, 3rd"),
        ("a\x00b\x07c".replace("\x00", ""), "abc"),
        ("two\nlines", "two lines"),
    ],
)
def test_names_are_one_tidy_line(sent: str, kept: str) -> None:
    assert cleaned(name=sent).facts == {"name": kept}


def test_a_message_keeps_its_lines() -> None:
    assert cleaned(message=" Hello\r\nworld\x07 \n").facts["message"] == "Hello\nworld"


def test_text_too_long_for_its_field_is_cut_and_flagged() -> None:
    lead = cleaned(name="x" * 301)
    assert (len(lead.facts["name"]), lead.flags) == (300, ["name_cut"])


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("Aiko.Tanaka@Nihon-Kogyo.CO.JP", "aiko.tanaka@nihon-kogyo.co.jp"),
        ("mailto:ana@peña.es", "ana@peña.es"),
        ("Ana Pérez <ana@acme.mx>", "ana@acme.mx"),
        ("o'brien+x@a-b.io", "o'brien+x@a-b.io"),
    ],
)
def test_an_address_that_can_be_right_is_in_lower_case(sent: str, kept: str) -> None:
    assert clean_email(sent) == (kept, True)


@pytest.mark.parametrize(
    "sent",
    ["aiko", "aiko@", "@acme.jp", "a b@acme.jp", "a..b@acme.jp", "a@acme", "a@-acme.jp", "a@acme.invalid", "x" * 400],
)
def test_an_address_that_cannot_be_right_is_kept_and_flagged(sent: str) -> None:
    lead = cleaned(email=sent)
    assert lead.facts["email"] == sent[:320]
    assert "email_invalid" in lead.flags
    assert "domain" not in lead.facts


def test_the_domain_comes_from_the_address_unless_it_is_a_mail_provider_s() -> None:
    assert cleaned(email="a@mail.acme.co.jp").facts["domain"] == "acme.co.jp"
    assert "domain" not in cleaned(email="a@gmail.com").facts
    assert "domain" not in cleaned(email="a@yahoo.co.jp").facts
    assert is_free_mail("docomo.ne.jp")


def test_a_domain_that_was_sent_goes_before_the_address_s() -> None:
    assert cleaned(domain="https://www.acme.jp/contact?x=1", email="a@other.jp").facts["domain"] == "acme.jp"


@pytest.mark.parametrize(
    ("sent", "domain"),
    [
        ("WWW.Acme.co.uk", "acme.co.uk"),
        ("http://user:pw@shop.acme.com.br:8080/x", "acme.com.br"),
        ("acme.example", "acme.example"),
        ("xn--fiq228c.jp", "xn--fiq228c.jp"),
        ("日本.jp", "日本.jp"),
        ("192.168.0.1", None),
        ("co.jp", None),
        ("nonsense", None),
        ("", None),
    ],
)
def test_a_registered_domain_is_found_without_asking_the_network(sent: str, domain: str | None) -> None:
    assert registered_domain(sent) == domain


def test_a_domain_that_is_none_is_flagged_and_kept() -> None:
    lead = cleaned(domain="none")
    assert (lead.flags, lead.attributes, lead.facts) == (["domain_invalid"], {"domain": "none"}, {})


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("JP", "JP"),
        ("jp", "JP"),
        ("JPN", "JP"),
        ("Japan", "JP"),
        ("日本", "JP"),
        ("Japón", "JP"),
        ("japon", "JP"),
        ("Jepang", "JP"),
        ("México", "MX"),
        ("Mexico", "MX"),
        ("MEXICO", "MX"),
        ("メキシコ", "MX"),
        ("USA", "US"),
        ("U.S.A.", "US"),
        ("U.S.", "US"),
        ("Estados Unidos", "US"),
        ("the Netherlands", "NL"),
        ("UK", "GB"),
        ("England", "GB"),
        ("Deutschland", "DE"),
        ("España", "ES"),
        ("Indonesia", "ID"),
        ("Viet Nam", "VN"),
        ("Vietnam", "VN"),
        ("South Korea", "KR"),
        ("Korea, Republic of", None),
        ("Atlantis", None),
        ("ZZ", None),
        ("", None),
    ],
)
def test_countries_are_known_by_code_and_by_name_in_many_languages(sent: str, code: str | None) -> None:
    assert country_code(sent) == code


def test_a_country_that_is_none_is_kept_under_attributes() -> None:
    lead = cleaned(country="Atlantis")
    assert (lead.facts, lead.attributes, lead.flags) == ({}, {"country": "Atlantis"}, ["country_unknown"])


def test_a_local_phone_is_dialled_in_the_lead_s_country_first() -> None:
    assert cleaned(Place("MX"), phone="03-3580-3311", country="Japan").facts["phone"] == "+81335803311"
    assert cleaned(Place("MX"), phone="55 5345 3000").facts["phone"] == "+525553453000"


def test_a_phone_that_cannot_be_right_is_kept_and_flagged() -> None:
    lead = cleaned(Place("JP"), phone="12 34")
    assert (lead.facts["phone"], lead.flags) == ("12 34", ["phone_invalid"])
    assert cleaned(phone="03-3580-3311").flags == ["phone_no_country"]
    assert cleaned(phone="+999 1").flags == ["phone_invalid"]


def test_an_extension_is_kept_apart() -> None:
    lead = cleaned(phone="+1 650 253 0000 ext. 12")
    assert (lead.facts["phone"], lead.attributes) == ("+16502530000", {"phone_extension": "12"})


@pytest.mark.parametrize(
    ("sent", "kept", "flags"),
    [
        ("120", 120, []),
        ("1,200", 1200, []),
        ("1.200", 1200, []),
        ("１，２００名", 1200, []),
        ("50-100", 50, ["employees_range"]),
        ("50 – 100 employees", 50, ["employees_range"]),
        ("1000+", 1000, ["employees_range"]),
        (250, 250, []),
        (250.0, 250, []),
    ],
)
def test_employees_are_a_whole_number(sent: Any, kept: int, flags: list[str]) -> None:
    lead = cleaned(employees=sent)
    assert (lead.facts.get("employees"), lead.flags) == (kept, flags)


@pytest.mark.parametrize("sent", ["many", "-5", "2.5", "<50", "1" * 40, float("nan"), -1])
def test_employees_that_cannot_be_right_are_kept_under_attributes(sent: Any) -> None:
    lead = cleaned(employees=sent)
    assert lead.flags == ["employees_invalid"]
    assert "employees" not in lead.facts
    assert "employees" in lead.attributes


def test_a_deal_value_brings_its_currency_along() -> None:
    assert cleaned(deal_value="€ 1.234,50").facts == {"deal_value": Decimal("1234.50"), "currency": "EUR"}
    assert cleaned(deal_value="1.200").flags == ["deal_value_ambiguous"]
    assert cleaned(Place(decimal="."), deal_value="1.200").facts == {"deal_value": Decimal("1.20")}
    assert cleaned(deal_value="1e400").flags == ["deal_value_invalid"]


def test_language_tags_are_written_one_way() -> None:
    assert cleaned(language="JA_jp").facts["language"] == "ja-JP"
    assert cleaned(language="zh-hant-tw").facts["language"] == "zh-Hant-TW"
    assert cleaned(language="Japanese").flags == ["language_unknown"]


@pytest.mark.parametrize(
    ("sent", "kept"), [("Yes", True), ("はい", True), ("sí", True), ("0", False), ("tidak", False)]
)
def test_consent_is_read_in_many_languages(sent: str, kept: bool) -> None:
    assert cleaned(consent=sent).facts["consent"] is kept


def test_consent_that_is_not_clear_counts_as_unknown() -> None:
    lead = cleaned(consent="maybe")
    assert (lead.facts, lead.flags, lead.attributes) == ({}, ["consent_unclear"], {"consent": "maybe"})


@pytest.mark.parametrize(
    ("sent", "moment"),
    [
        ("2026-03-01T10:00:00Z", datetime(2026, 3, 1, 10, tzinfo=UTC)),
        ("2026-03-01T10:00:00+09:00", datetime(2026, 3, 1, 1, tzinfo=UTC)),
        ("2026-03-01 10:00", datetime(2026, 3, 1, 1, tzinfo=UTC)),
        ("2026/3/1 10:00", datetime(2026, 3, 1, 1, tzinfo=UTC)),
        ("2026年3月1日", datetime(2026, 2, 28, 15, tzinfo=UTC)),
        ("２０２６年３月１日 10時00分", datetime(2026, 3, 1, 1, tzinfo=UTC)),
    ],
)
def test_moments_without_a_zone_are_in_the_source_s(sent: str, moment: datetime) -> None:
    assert cleaned(Place(timezone="Asia/Tokyo"), received_at=sent).facts["received_at"] == moment


@pytest.mark.parametrize("sent", ["03/04/2026", "yesterday", "2026-13-01", "0001-01-01", "9999-12-31", "1" * 50])
def test_moments_that_can_be_misread_are_never_guessed(sent: str) -> None:
    lead = cleaned(received_at=sent)
    assert (lead.facts, lead.flags, lead.attributes) == ({}, ["received_at_invalid"], {"received_at": sent})


def test_a_moment_that_has_not_come_is_now() -> None:
    soon = cleaned(received_at="2026-03-02T10:00:00Z")
    assert (soon.facts["received_at"], soon.flags) == (NOW, [])
    late = cleaned(received_at="2027-03-02T10:00:00Z")
    assert (late.facts["received_at"], late.flags) == (NOW, ["received_at_future"])


def test_formulas_stay_text_and_are_flagged() -> None:
    lead = cleaned(
        name='=HYPERLINK("http://evil.example","x")', attributes={"note": "@SUM(1+1)|cmd"}, phone="+81335803311"
    )
    assert lead.facts["name"].startswith("=HYPERLINK")
    assert lead.flags == ["formula"]


def test_attributes_are_plain_values() -> None:
    lead = cleaned(attributes={"a": 1, "b": "x", "c": None, "d": True, "e": 1.5, "f": 2**80})
    assert lead.attributes == {"a": 1, "b": "x", "c": None, "d": True, "e": 1.5, "f": str(2**80)}
    for wrong in ({"a": [1]}, {"a": {"b": 1}}, {"": 1}, {"a": float("inf")}):
        with pytest.raises(Wrong):
            cleaned(attributes=wrong)


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"nmae": "x"}, "field_unknown", "nmae"),
        ({"name": ["x"]}, "field_type", "name"),
        ({"employees": {"n": 1}}, "field_type", "employees"),
        ({"attributes": "x"}, "field_type", "attributes"),
        ({"received_at": 5}, "field_type", "received_at"),
        ({"consent": []}, "field_type", "consent"),
        ({"external_id": "x" * 201}, "external_id_too_long", "external_id"),
    ],
)
def test_what_is_no_lead_is_refused_by_field(fields: dict[str, Any], code: str, field: str) -> None:
    with pytest.raises(Wrong) as wrong:
        clean(fields, Place(), NOW)
    assert (wrong.value.code, wrong.value.field) == (code, field)


@pytest.mark.parametrize(
    "names",
    [
        ("Acme S.A. de C.V.", "ACME", "Acme, Inc.", "acme ltd"),
        ("株式会社青葉工務店", "青葉工務店(株)", "㈱青葉工務店", "青葉工務店"),
        ("PT Maju Jaya Tbk", "PT. Maju Jaya", "Maju Jaya"),
        ("Nihon Kogyo Co., Ltd.", "NIHON KOGYO K.K.", "Kabushiki Kaisha Nihon Kogyo"),
        ("Perseroan Terbatas Maju Jaya", "PT Maju Jaya (Persero) Tbk", "Maju Jaya, PT"),
        ("Envíos Sur, Sociedad Anónima de Capital Variable", "Envios Sur S.A. de C.V.", "Sociedad Anónima Envíos Sur"),
        (
            "Padaria Sul S/A",
            "Padaria Sul Ltda.",
            "Padaria Sul P/L",
            "Padaria Sul Public Limited Company",
            "Padaria Sul mbH",
        ),
        ("独立行政法人青葉", "国立大学法人青葉", "青葉株式會社", "青葉"),
    ],
)
def test_companies_compare_without_their_legal_form(names: tuple[str, ...]) -> None:
    assert len({company_key(name) for name in names}) == 1


def test_flags_that_are_put_are_flags_that_are_told_of() -> None:
    lead = clean(
        {
            "name": "=1" * 200,
            "email": "x",
            "phone": "x",
            "domain": "x",
            "country": "x",
            "employees": "x",
            "deal_value": "x",
            "currency": "x",
            "language": "x",
            "consent": "?",
            "received_at": "x",
        },
        Place(),
        NOW,
    )
    assert len(lead.flags) == 12
    assert {flag for flag in lead.flags if flag not in FLAGS} == {"name_cut"}


def test_cleaning_never_asks_the_network() -> None:
    """With no way to open a socket at all, domains and addresses are still told apart."""
    script = (
        "import socket\n"
        "def no(*a, **k): raise AssertionError('the network was asked')\n"
        "socket.socket.connect = no; socket.getaddrinfo = no\n"
        "from dibs.intake.emails import clean_email, registered_domain\n"
        "assert registered_domain('a.b.co.jp') == 'b.co.jp'\n"
        "assert clean_email('Ana <ana@peña.es>')[1]\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, env={**os.environ, "HOME": "/nonexistent"})


def test_legal_forms_are_taken_away_as_cleanco_does() -> None:
    forms = [" ".join(words) for _, words in prepare_default_terms()]
    words = ["Acme", "Société", "Co", "co.", "Ltd,", "L.L.C", "& Sons", "S.A.", "(", "-", "ß", "Ø", "ＡＢＣ"]
    random = Random("forms")
    for _ in range(5_000):
        parts = random.choices([random.choice(forms), *words], k=random.randint(1, 6))
        name = " ".join(parts).upper() if random.random() < 0.3 else " ".join(parts)
        assert without_form(name) == basename(name)
