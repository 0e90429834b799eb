"""Everything that is known of one person, to be handed out, as one JSON document; `dibs.intake.person_document` makes a page of it.

The document's shape: ``format`` and ``version`` say what it is; ``company``, its ``timezone``, ``made_at``; ``known_as``: their ``emails``,
``phones`` and ``names``; ``counts`` by what rows are called, with ``mentions`` for rows of others in which they are mentioned, which are others' and
not told; ``on_the_list``: whether they are on the list of those who must not be contacted; then, under ``rows``, for each name of
`dibs.intake.whereabouts.OWN` a list of rows, each with its columns by name. What a decision was made for is told in words as well.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import override

from dibs.crm import do_not_contact
from dibs.delivery.wording import language_of, say
from dibs.intake.erasing import count
from dibs.intake.mentions import columns_of, kinds_of, table_of, whose
from dibs.intake.persons import Person
from dibs.intake.whereabouts import OWN
from dibs.people.models import Rep, Workspace

FORMAT, VERSION = "dibs.person", 1
#: Columns that say nothing of anybody: the workspace, leases, what only a search looks through.
_OURS = frozenset({"workspace_id", "lookup", "claim", "digest", "version", "seed", "seq"})


def told(workspace_id: UUID, person: Person, now: datetime, language: str = "en") -> dict[str, Any]:
    """The document; nothing is written."""
    company, timezone = Workspace.objects.values_list("name", "timezone").get(id=workspace_id)
    reps = dict(Rep.objects.filter(workspace_id=workspace_id).values_list("handle", "name"))
    with override(language_of(language)):
        rows = {}
        for own in OWN:
            where, params = whose(own, person)
            columns = [column for column in columns_of(own.model) if column not in _OURS]
            named = ", ".join(f'"{column}"' for column in columns)
            with connection.cursor() as cursor:
                cursor.execute(
                    f"SELECT {named} FROM {table_of(own.model)} WHERE workspace_id = %(workspace)s AND ({where}) ORDER BY 1",
                    params | {"workspace": workspace_id},
                )
                found = [dict(zip(columns, values, strict=True)) for values in cursor.fetchall()]
            if found and own.called != "marks":
                rows[own.called] = [_row(each, kinds_of(own.model)) for each in found]
        for decision in rows.get("decisions", []):
            decision["in_words"] = [say(reason, language, reps, timezone) for reason in decision["reasons"]]
    entries = person.entries()
    return {
        "format": FORMAT,
        "version": VERSION,
        "company": company,
        "timezone": timezone,
        "made_at": _plain(now),
        "known_as": {
            "emails": sorted(person.emails),
            "phones": sorted(person.phones),
            "names": sorted(person.names),
        },
        "counts": count(workspace_id, person),
        "on_the_list": bool(entries) and do_not_contact.is_listed(workspace_id, entries),
        "rows": rows,
    }


def _row(values: Mapping[str, Any], kinds: Mapping[str, str]) -> dict[str, Any]:
    shown = {}
    for name, value in values.items():
        if kinds.get(name) == "json" and isinstance(value, str):
            value = json.loads(value)
        if value not in (None, "", [], {}):
            shown[name] = _plain(value)
    return shown


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def titles() -> dict[str, str]:
    """What rows are called, in the active language."""
    return {
        "leads": _("Leads"),
        "decisions": _("What was decided about them"),
        "touches": _("When they came again"),
        "notes": _("Notes"),
        "activities": _("Calls, mails and meetings"),
        "appointments": _("Appointments"),
        "assessments": _("Questionnaires"),
        "sent": _("What was sent to them"),
        "mails": _("Mails to them"),
        "known_by": _("What they are recognised by"),
        "may_be": _("Whom they may be"),
        "merges": _("Leads that were made one"),
        "opportunities": _("Opportunities"),
        "contacts": _("Contacts"),
        "accounts": _("Accounts made of their leads"),
        "marks": _("What such an account is found by"),
        "moves": _("Moves of their leads"),
        "imported": _("What imports changed"),
        "received": _("What sources sent"),
        "events": _("Events that go out"),
        "mentions": _("What was said of them elsewhere"),
        "do_not_contact": _("Entries of those who must not be contacted"),
    }
