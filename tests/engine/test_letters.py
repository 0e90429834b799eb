"""Letters filled with a lead's own words: what stands where, and what no lead's words can do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dibs.engine import letters
from dibs.engine.facts import LeadFacts
from dibs.engine.policy_nurture import Letter, Nurture

LINK = "https://dibs.example/unsubscribe/abc/"
LEAD = LeadFacts(name="Aiko Tanaka", company="Kumo KK", product="CRM", language="ja-JP")


def one(subject: str, text: str, **more: tuple[str, str]) -> Nurture:
    written = {"en": Letter(subject=subject, text=text)}
    written |= {language: Letter(subject=pair[0], text=pair[1]) for language, pair in more.items()}  # type: ignore[misc]
    return Nurture(mails={"hello": written})  # type: ignore[dict-item]


def said(subject: str, text: str, lead: LeadFacts = LEAD) -> letters.Written:
    return letters.written(one(subject, text), "hello", "en", lead, sender="Budi", unsubscribe=LINK)


def test_places_are_filled_with_what_is_known_of_the_lead() -> None:
    mail = said("{company}: {product}", "Dear {first_name} ({name}),\n{sender}\n{unsubscribe}")
    assert mail.subject == "Kumo KK: CRM"
    assert mail.text == f"Dear Aiko (Aiko Tanaka),\nBudi\n{LINK}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello {first_name},", "Hello,"),
        ("Hello {first_name|there},", "Hello there,"),
        ("{company|Your company} grows", "Your company grows"),
        ("a {{brace}} stays", "a {brace} stays"),
        ("{product} ", ""),
    ],
)
def test_what_is_not_known_leaves_no_hole(text: str, expected: str) -> None:
    assert (
        said("Hi", text + "\n{unsubscribe}", LeadFacts()).text == f"{expected}\n{LINK}\n"
        or said("Hi", text + "\n{unsubscribe}", LeadFacts()).text == f"{expected} \n{LINK}\n"
    )


def test_a_letter_without_a_place_for_it_has_the_address_to_unsubscribe_at_under_it() -> None:
    assert said("Hi", "Hello").text == f"Hello\n\n--\nYou no longer want these mails? Unsubscribe here:\n{LINK}\n"


def test_a_letter_that_only_speaks_of_the_place_has_it_under_it_too() -> None:
    assert LINK in said("Hi", "Write {{unsubscribe}} to us").text


@pytest.mark.parametrize("name", ["Eve\r\nBcc: all@example.com", "Eve\u2028Bcc: x", "Eve\x0bBcc: x", "Eve\x00Bcc"])
def test_no_name_begins_a_line_of_a_header(name: str) -> None:
    subject = said("For {name}", "x", LeadFacts(name=name)).subject
    assert subject.startswith("For Eve")
    assert len(subject.splitlines()) == 1
    assert subject.isprintable()


@given(st.text(max_size=400), st.text(max_size=400))
def test_whatever_a_lead_is_called_the_subject_is_one_printable_line(name: str, company: str) -> None:
    subject = said("{name} of {company}", "x", LeadFacts(name=name, company=company)).subject
    assert len(subject.splitlines()) <= 1
    assert "\n" not in subject
    assert "\r" not in subject
    assert len(subject) <= letters.LONGEST_SUBJECT


def test_what_a_lead_brings_is_not_filled_in_again() -> None:
    assert "{unsubscribe}" in said("Hi", "Dear {name}", LeadFacts(name="{unsubscribe}")).text


def test_a_long_fact_takes_no_more_than_its_room() -> None:
    assert len(said("{company}", "x", LeadFacts(company="K" * 5000)).subject) == 120


@pytest.mark.parametrize(
    ("text", "at"),
    [("Hi {nam}", 3), ("Hi {", 3), ("}", 0), ("{lead.email}", 0), ("{name|a|b}", 0), ("{name\n|x}", 0), ("{}", 0)],
)
def test_a_place_that_nothing_can_be_filled_into_is_told_with_where_it_is(text: str, at: int) -> None:
    assert [where for _, where in letters.wrong_places(text)] == [at]


def test_the_address_to_unsubscribe_at_is_for_the_text_alone() -> None:
    assert [where for _, where in letters.wrong_places("See {unsubscribe}", subject=True)] == [4]
    assert list(letters.wrong_places("See {unsubscribe}")) == []
    assert [where for _, where in letters.wrong_places("{unsubscribe|here}")] == [0]


@given(st.text(alphabet="ab{}|_name\n", max_size=60))
def test_whatever_passes_the_check_can_be_filled(text: str) -> None:
    if list(letters.wrong_places(text)) or not text.strip():
        return
    assert said("Hi", text).text


@pytest.mark.parametrize(
    ("language", "expected"),
    [("ja-JP", "ja"), ("JA", "ja"), ("es_MX", "es"), ("fr", "es"), (None, "es"), ("", "es")],
)
def test_a_mail_goes_in_the_leads_own_language_else_in_the_policys(language: str | None, expected: str) -> None:
    nurture = one("Hi", "x", ja=("やあ", "x"), es=("Hola", "x")).model_copy(update={"language": "es"})
    assert letters.language_for(nurture, "hello", LeadFacts(language=language)) == expected


def test_a_mail_that_is_in_neither_goes_in_what_there_is() -> None:
    nurture = Nurture(mails={"hello": {"ja": Letter(subject="a", text="b"), "id": Letter(subject="a", text="b")}})
    assert letters.language_for(nurture, "hello", LeadFacts(language="fr")) == "id"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Aiko Tanaka", "Aiko"),
        ("Tanaka, Aiko", "Aiko"),
        ("田中 愛子", "田中 愛子"),
        ("김민수", "김민수"),
        ("  Budi ", "Budi"),
        ("", None),
        (None, None),
        (",", ","),
    ],
)
def test_people_are_called_by_their_first_name_where_it_stands_first(name: str | None, expected: str | None) -> None:
    assert letters.first_name(name) == expected
