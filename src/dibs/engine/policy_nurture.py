"""The policy document: the mails that leads get which are not ready for sales."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from dibs.engine.policy_terms import ConditionText, Duration, Language, Line, Name, Part
from dibs.engine.policy_ways import Way


class Letter(Part):
    """A mail in one language. `{name}`, `{first_name}`, `{company}`, `{product}`, `{sender}` and `{unsubscribe}` stand for what they say."""

    subject: Line
    """Its subject, one line."""
    text: Annotated[str, StringConstraints(min_length=1, max_length=20_000)]
    """Its text. Where it has no `{unsubscribe}`, the address to unsubscribe at stands under it."""


class MailStep(Part):
    """One mail of a sequence."""

    after: Duration
    """How long after the mail before, or for the first after the lead came into the sequence."""
    mail: Name
    """Which of the `mails`."""


class Sequence(Part):
    """Mails that a lead gets one after another, until it is ready, answers, or is done."""

    when: ConditionText | None = None
    """For which leads, where no sequence is named; left out: all."""
    steps: Annotated[tuple[MailStep, ...], Field(min_length=1, max_length=50)]
    """The mails, in their order."""
    replied: Way = Way(review="managers")
    """Where a lead goes whose person wrote or rang, if the route would still keep it in nurture."""
    then: Way | None = None
    """Where a lead goes after the last mail; left out: it stays, without mails."""


class Nurture(Part):
    """The mails that leads get which are not ready for sales."""

    sender: Line | None = None
    """From whom they come: `Aiko of Dibs <aiko@dibs.example>`. Left out: the server's own address."""
    consent: Literal["given", "not_refused"] = "given"
    """Who may be written to: who consented, or everybody who did not refuse. Nobody who must not be contacted, ever."""
    language: Language = "en"
    """In which language leads are written to whose own is not known, or in which a mail does not exist."""
    sequences: dict[Name, Sequence] = {}
    """The sequences, by name; of several the first whose condition holds."""
    mails: dict[Name, Annotated[dict[Language, Letter], Field(min_length=1)]] = {}
    """The mails, by name and language."""
