"""What is found wrong with the mails of a policy, and where."""

from __future__ import annotations

import pytest

from dibs.engine.policy import check

POLICY = """
policy: Mails
route:
  - {{name: All, nurture: {nurture}}}
nurture:
  sender: {sender}
  sequences:
{sequences}
  mails:
    hello: {{en: {{subject: {subject}, text: {text}}}}}
"""
COURSE = "    course: {steps: [{after: 1d, mail: hello}]}"


def found(
    nurture: str = "true",
    sender: str = "Budi <budi@dibs.example>",
    sequences: str = COURSE,
    subject: str = "Hello",
    text: str = "Hello",
) -> list[tuple[str, str, int | None]]:
    written = POLICY.format(nurture=nurture, sender=sender, sequences=sequences, subject=subject, text=text)
    return [(problem.code, problem.severity, problem.line) for problem in check(written).problems]


def test_mails_that_are_right_are_found_right() -> None:
    assert found() == []


@pytest.mark.parametrize("place", ["'{lead.email}'", "'Hi {'", "'{nmae}'"])
def test_a_place_that_nothing_fills_is_refused(place: str) -> None:
    assert found(text=place) == [("unknown_place", "error", 10)]
    assert found(subject=place) == [("unknown_place", "error", 10)]


def test_the_address_to_unsubscribe_at_is_not_for_subjects() -> None:
    assert found(subject="'{unsubscribe}'") == [("unknown_place", "error", 10)]


@pytest.mark.parametrize(
    "sender", ["Budi", "budi@", "'a@b.example, c@d.example'", "'Budi <budi>'", '"Budi\\n <budi@dibs.example>"']
)
def test_a_sender_is_a_mailbox(sender: str) -> None:
    assert [(code, line) for code, _, line in found(sender=sender)] == [("bad_sender", 6)]


def test_sequences_and_mails_that_are_named_are_there() -> None:
    assert ("unknown_sequence", "error", 4) in found(nurture="curse")
    assert ("unknown_mail", "error", 8) in found(sequences=COURSE.replace("hello", "helo"))


def test_a_sequence_does_not_lead_round_to_itself() -> None:
    itself = "    course: {steps: [{after: 1d, mail: hello}], then: {nurture: course}}"
    assert ("sequence_endless", "error", 8) in found(sequences=itself)
    steps = "steps: [{after: 1d, mail: hello}]"
    two = f"    one: {{{steps}, then: {{nurture: two}}}}\n    two: {{{steps}, when: 'lead.employees > 5', then: {{nurture: one}}}}"
    assert [code for code, *_ in found(nurture="one", sequences=two)] == ["sequence_endless", "sequence_endless"]


def test_what_nothing_uses_is_warned_of() -> None:
    other = COURSE + "\n    other: {steps: [{after: 1d, mail: hello}]}"
    assert found(sequences=other) == [("sequence_unreachable", "warning", 9)]
    assert ("sequence_unused", "warning", 9) in found(nurture="course", sequences=other)


def test_a_condition_of_a_sequence_is_one() -> None:
    bad = "    course: {when: 'lead.nothing == 1', steps: [{after: 1d, mail: hello}]}"
    assert [code for code, *_ in found(sequences=bad)] == ["unknown_fact"]


def test_who_must_not_be_contacted_is_not_sent_into_mails() -> None:
    text = POLICY.format(nurture="true", sender="a@b.example", sequences=COURSE, subject="Hi", text="Hi")
    problems = check(text + "privacy: {do_not_contact: {nurture: true}}\n").problems
    assert [problem.code for problem in problems] == ["mails_to_none"]
