"""All that is known of one person as a document that they can read, print and keep: made of what `dibs.intake.handing_out` tells.

It speaks to the person, in their language and in words. What only programs need (ids, versions, counters) stands in the JSON alone, and
so do the reasons of a decision as the log has them. Nothing in it comes from elsewhere: no script, no picture, no address to fetch.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext, override

from dibs.delivery.wording import country_name, day, field_name, flagged, language_of, stage_name, titled, word

#: What the parts of the document are called. They speak to whom it is of.
_PARTS: Mapping[str, str] = {
    "leads": gettext_noop("Your enquiries, and what became of them"),
    "touches": gettext_noop("When you came again"),
    "received": gettext_noop("What was sent to us about you"),
    "contacts": gettext_noop("You as a contact"),
    "opportunities": gettext_noop("Business that was talked about with you"),
    "accounts": gettext_noop("Companies that were written down because of you"),
    "notes": gettext_noop("Notes about you"),
    "activities": gettext_noop("Calls, mails and meetings with you"),
    "appointments": gettext_noop("Appointments with you"),
    "assessments": gettext_noop("Questionnaires that were filled in with you"),
    "mails": gettext_noop("Mails to you"),
    "sent": gettext_noop("What else you were sent"),
    "decisions": gettext_noop("What was decided, and why"),
    "known_by": gettext_noop("What you are recognised by"),
    "may_be": gettext_noop("Who you may be as well"),
    "merges": gettext_noop("Enquiries that were made one"),
    "moves": gettext_noop("When your enquiries were handed on"),
    "imported": gettext_noop("What files changed"),
    "events": gettext_noop("What other systems were told"),
}

_ORDER = {part: place for place, part in enumerate(_PARTS)}

#: Columns as people call them, where they are no field of a lead.
_COLUMNS: Mapping[str, str] = {
    "acted_at": gettext_noop("Last worked on"),
    "address": gettext_noop("To"),
    "after": gettext_noop("After"),
    "answers": gettext_noop("Answers"),
    "at": gettext_noop("When"),
    "before": gettext_noop("Before"),
    "began_at": gettext_noop("Began"),
    "cancelled_at": gettext_noop("Cancelled"),
    "claimed_at": gettext_noop("Taken by somebody"),
    "contacted_at": gettext_noop("First contact"),
    "count": gettext_noop("How often"),
    "created_at": gettext_noop("Written down"),
    "customer": gettext_noop("Customer"),
    "decided_at": gettext_noop("Decided"),
    "delivered_at": gettext_noop("Told"),
    "detail": gettext_noop("Details"),
    "done_at": gettext_noop("Done"),
    "due_at": gettext_noop("Due"),
    "ended_at": gettext_noop("Ended"),
    "ends_at": gettext_noop("Until"),
    "error": gettext_noop("Problem"),
    "event": gettext_noop("Event"),
    "finished_at": gettext_noop("Finished"),
    "flags": gettext_noop("Noticed as it came in"),
    "follow_up_at": gettext_noop("To be looked at again"),
    "in_words": gettext_noop("Why"),
    "kind": gettext_noop("Kind"),
    "likelihood": gettext_noop("How likely it leads to business, predicted"),
    "lost_why": gettext_noop("Lost because"),
    "mail": gettext_noop("Letter"),
    "mailed_at": gettext_noop("Last mail"),
    "outcome": gettext_noop("Outcome"),
    "payload": gettext_noop("Contents"),
    "place": gettext_noop("Place"),
    "retired_why": gettext_noop("Given up because"),
    "sender": gettext_noop("From"),
    "sent_at": gettext_noop("Sent"),
    "sequence": gettext_noop("Sequence of mails"),
    "stage": gettext_noop("Stage"),
    "staged_at": gettext_noop("In this stage since"),
    "starts_at": gettext_noop("Begins"),
    "state": gettext_noop("State"),
    "subject": gettext_noop("Subject"),
    "template": gettext_noop("Questionnaire"),
    "text": gettext_noop("Text"),
    "undone_at": gettext_noop("Undone"),
    "url": gettext_noop("Address"),
    "value": gettext_noop("Address or number"),
    "verdict": gettext_noop("Result"),
}

#: Columns for programs: where in the machinery a row stands, and which rows it goes with.
_MACHINERY = frozenset(
    {
        "id", "lead", "nth", "reasons", "policy_version", "batch", "attempts", "deliver_at", "message_id", "step", "send_at", "name_key", "made", "marked",
        "pinned", "by_hand", "warned", "escalated", "reassigned", "awaits", "side", "sla_at", "due_for", "lock_expires_at", "mailed", "opens", "taken_by", "review",
        "pool", "waiting_since", "code", "parts", "planned",
    }
)  # fmt: skip
#: What is machinery in one part alone.
_MACHINERY_OF: Mapping[str, frozenset[str]] = {
    "leads": frozenset({"due_at"}),
    "decisions": frozenset({"kind"}),
    "moves": frozenset({"state", "before"}),
    "events": frozenset({"payload"}),
    "appointments": frozenset({"sequence"}),
    "known_by": frozenset({"name"}),
    "mails": frozenset({"began_at", "language"}),
}
#: What a row is told by first; the rest follows as the table has it.
_FIRST = (
    "at", "received_at", "starts_at", "ends_at", "done_at", "due_at", "subject", "title", "name", "email", "phone", "company", "kind", "text",
    "message", "in_words",
)  # fmt: skip

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*(?:Z|[+-]\d\d:\d\d)")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")

#: What became of a mail.
_MAILS: Mapping[str, str] = {
    "waiting": gettext_noop("waiting"),
    "sent": gettext_noop("sent"),
    "stopped": gettext_noop("stopped"),
    "failed": gettext_noop("failed"),
}
#: Where a no is worth telling.
_YES_OR_NO = frozenset({"consent", "do_not_contact", "customer"})

#: Printed on A4 as it is read on a screen, with nothing that costs ink.
_STYLE = """
:root { color-scheme: light; font: 400 16px/1.5 system-ui, -apple-system, "Segoe UI", "Hiragino Sans", "Noto Sans", "Noto Sans CJK JP", sans-serif; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 46rem; padding: 2.5rem 1.25rem 4rem; background: #fff; color: #1d1c1a; overflow-wrap: anywhere; }
header { border-bottom: 2px solid #0a665f; padding-bottom: 1.25rem; margin-bottom: 1.5rem; }
header p { margin: 0.5rem 0 0; }
.from { margin: 0 0 0.5rem; font-weight: 650; color: #0a665f; }
h1 { margin: 0; font-size: 1.75rem; line-height: 1.2; letter-spacing: -0.01em; }
h2 { margin: 2.5rem 0 0.75rem; font-size: 1.125rem; line-height: 1.3; break-after: avoid; }
.count, .soft, dt { color: #5f5c55; }
.count { font-weight: 400; }
nav { margin: 1.5rem 0; }
nav ul { columns: 2; column-gap: 2rem; margin: 0.5rem 0 0; padding: 0; list-style: none; }
nav li { break-inside: avoid; padding: 0.125rem 0; }
a { color: #0a665f; }
article { border: 1px solid #e4e0d7; border-radius: 0.5rem; padding: 0.75rem 1rem; margin: 0 0 0.75rem; }
article.short { border-width: 0 0 1px; border-radius: 0; padding: 0.25rem 0; margin: 0; }
dl { display: grid; grid-template-columns: minmax(7rem, 12rem) 1fr; gap: 0.25rem 1.25rem; margin: 0; }
dt { font-size: 0.9375rem; }
dd { margin: 0; white-space: pre-line; }
dd > dl { grid-template-columns: auto 1fr; }
dd > ul { margin: 0; padding-left: 1.125rem; white-space: normal; }
footer { margin-top: 3rem; border-top: 1px solid #e4e0d7; padding-top: 1rem; font-size: 0.875rem; }
@media (max-width: 32rem) {
  body { padding-top: 1.5rem; }
  nav ul { columns: 1; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: 0.5rem; }
}
@media print {
  @page { size: A4; margin: 18mm 16mm; }
  :root { font-size: 10.5pt; }
  body { max-width: none; padding: 0; }
  a { color: inherit; text-decoration: none; }
  article { break-inside: avoid-page; }
}
"""


def as_page(document: Mapping[str, Any], language: str = "en") -> str:
    """The document as a page of its own."""
    tongue = language_of(language)
    with override(tongue):
        return _Page(document, tongue).whole()


class _Page:
    """One person's document, being written. Its language is the active one."""

    def __init__(self, document: Mapping[str, Any], language: str) -> None:
        self.document = document
        self.language = language
        self.zone = ZoneInfo(document["timezone"])
        parts = sorted(document["rows"], key=lambda part: _ORDER.get(part, len(_ORDER)))
        told = {part: [line for row in document["rows"][part] if (line := self._row(part, row))] for part in parts}
        #: Each part with its rows, as HTML.
        self.parts = {part: rows for part, rows in told.items() if rows}

    def whole(self) -> str:
        title = _("What is known of you")
        return "\n".join(
            [
                "<!doctype html>",
                f'<html lang="{self.language}"><head><meta charset="utf-8">',
                "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
                '<meta name="viewport" content="width=device-width, initial-scale=1">',
                f"<title>{_text(title)}: {_text(self.document['company'])}</title>",
                f"<style>{_STYLE}</style></head><body>",
                self._head(title),
                *self._contents(),
                *(self._part(part, rows) for part, rows in self.parts.items()),
                self._foot(),
                "</body></html>",
            ]
        )

    def _head(self, title: str) -> str:
        company, known = self.document["company"], self.document["known_as"]
        said = _(
            "This is all that %(company)s keeps of you with Dibs, as it stood on %(when)s. Times are those of %(zone)s."
        )
        when = self._moment(self.document["made_at"])
        lines = [said % {"company": company, "when": when, "zone": self.document["timezone"]}]
        if self.document["on_the_list"]:
            lines.append(_("You are on the list of those who must not be contacted."))
        if not self.parts:
            lines.append(_("Beyond that, nothing is known of you."))
        names = {"names": _("Names"), "emails": _("E-mail addresses"), "phones": _("Telephone numbers")}
        pairs = [(label, ", ".join(known[name])) for name, label in names.items() if known.get(name)]
        heading = _("You are known as")
        return (
            f'<header><p class="from">{_text(company)}</p><h1>{_text(title)}</h1>'
            f"{''.join(f'<p>{_text(line)}</p>' for line in lines)}</header>"
            f"<section><h2>{_text(heading)}</h2>{_pairs(pairs)}</section>"
        )

    def _contents(self) -> list[str]:
        if len(self.parts) < 3:
            return []
        lines = "".join(
            f'<li><a href="#{_text(part)}">{_text(self._title(part))}</a> <span class="count">{len(rows)}</span></li>'
            for part, rows in self.parts.items()
        )
        heading = _("In this document")
        return [f"<nav><h2>{_text(heading)}</h2><ul>{lines}</ul></nav>"]

    def _part(self, part: str, rows: Sequence[str]) -> str:
        # What takes a line or two is a line of a list, and no card.
        short = ' class="short"' if max(row.count("<dt>") for row in rows) < 3 else ""
        told = "".join(f"<article{short}>{row}</article>" for row in rows)
        return (
            f'<section id="{_text(part)}"><h2>{_text(self._title(part))} <span class="count">{len(rows)}</span></h2>'
            f"{told}</section>"
        )

    def _title(self, part: str) -> str:
        return _(_PARTS[part]) if part in _PARTS else titled(part)

    def _foot(self) -> str:
        lines = []
        if others := self.document["counts"].get("mentions", 0):
            said = ngettext(
                "%(n)s entry about somebody else mentions you. It is theirs too, and not told here.",
                "%(n)s entries about others mention you. They are theirs too, and not told here.",
                others,
            )
            lines.append(said % {"n": others})
        said = _(
            "You may ask to have what is wrong corrected, or all of it erased, and may object to its use: write to %(company)s."
        )
        lines.append(said % {"company": self.document["company"]})
        lines.append(_("What only programs need, as the numbers of entries, is in the same document as JSON."))
        return "<footer>" + "".join(f"<p>{_text(line)}</p>" for line in lines) + "</footer>"

    # -- one row ------------------------------------------------------------------------------------------------------

    def _row(self, part: str, row: Mapping[str, Any]) -> str:
        left_out = _MACHINERY | _MACHINERY_OF.get(part, frozenset())
        names = [
            name
            for name in row
            if name not in left_out
            and (not name.endswith("_id") or name == "external_id")
            and (row[name] is not False or name in _YES_OR_NO)
        ]
        if not names:
            return ""
        names.sort(key=lambda name: _FIRST.index(name) if name in _FIRST else len(_FIRST))
        return _list([(self._called(name), self._value(part, name, row[name])) for name in names])

    def _called(self, name: str) -> str:
        return _(_COLUMNS[name]) if name in _COLUMNS else field_name(name, self.language)

    def _value(self, part: str, name: str, value: Any) -> str:
        """What stands in a column, as HTML."""
        if isinstance(value, Mapping):
            return _list([(self._called(str(key)), self._value(part, "", each)) for key, each in value.items()])
        if isinstance(value, Sequence) and not isinstance(value, str):
            return "<ul>" + "".join(f"<li>{self._value(part, name, each)}</li>" for each in value) + "</ul>"
        return _text(self._said(part, name, value))

    def _said(self, part: str, name: str, value: Any) -> str:
        if value is None:
            return "–"
        if isinstance(value, bool):
            return _("yes") if value else _("no")
        if isinstance(value, float):
            if name == "likelihood":
                return f"{value:.0%}"
            # To the cent: a large amount is no power of ten.
            return str(number_format(int(value) if value.is_integer() else round(value, 2), use_l10n=True))
        text = str(value)
        if _MOMENT.fullmatch(text):
            return self._moment(text)
        if _DAY.fullmatch(text) and name:
            return self._day(text)
        found = _WORDS.get((part, name)) or _WORDS.get(("", name))
        return found(text, self.language) if found else text

    def _moment(self, text: str) -> str:
        try:
            when = datetime.fromisoformat(text).astimezone(self.zone)
        except (ValueError, OverflowError):  # what somebody made up, at the end of all calendars
            return text
        return f"{self._day(when.date())} {when:%H:%M}"

    def _day(self, when: str | date) -> str:
        """With its year: such a document is read years later."""
        try:
            return day(date.fromisoformat(when) if isinstance(when, str) else when, date.min)
        except ValueError:
            return str(when)


def _of(kind: str) -> Callable[[str, str], str]:
    return lambda value, _language: word(kind, value)


def _tongue(value: str, _language: str) -> str:
    return dict(settings.LANGUAGES).get(value, value)


#: The words for what stands in a column: of one part, or in any.
_WORDS: Mapping[tuple[str, str], Callable[[str, str], str]] = {
    ("", "country"): country_name,
    ("", "language"): _tongue,
    ("", "rank"): _of("rank"),
    ("", "state"): _of("state"),
    ("", "outcome"): _of("outcome"),
    ("", "verdict"): _of("verdict"),
    ("", "assessed"): _of("verdict"),
    ("", "retired_why"): _of("why"),
    ("", "flags"): lambda value, _language: flagged(value),
    ("", "stage"): lambda value, _language: stage_name(value),
    ("", "industry"): lambda value, _language: titled(value),
    ("", "territory"): lambda value, _language: titled(value),
    ("", "template"): lambda value, _language: titled(value),
    ("", "event"): lambda value, _language: titled(value.replace(".", " ")),
    ("activities", "kind"): _of("kind"),
    ("touches", "kind"): _of("touch"),
    ("sent", "kind"): _of("kind"),
    ("decisions", "before"): _of("state"),
    ("decisions", "after"): _of("state"),
    ("opportunities", "state"): _of("ended"),
    ("mails", "state"): lambda value, _language: _(_MAILS[value]) if value in _MAILS else value,
}


def _pairs(pairs: Sequence[tuple[str, str]]) -> str:
    return _list([(label, _text(value)) for label, value in pairs])


def _list(pairs: Sequence[tuple[str, str]]) -> str:
    """Labels, which are text, and values, which are HTML."""
    return "<dl>" + "".join(f"<dt>{_text(label)}</dt><dd>{value}</dd>" for label, value in pairs) + "</dl>"


def _text(value: Any) -> str:
    return html.escape(str(value))
