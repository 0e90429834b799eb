"""A company that somebody wrote to whose name, address and number stand nowhere else: to see what becomes of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.contrib.sessions.models import Session
from django.db import connection
from django.utils.timezone import now as moment

from dibs.distribution import acting, claiming
from dibs.distribution.placing import place
from dibs.intake import erasing
from dibs.intake.persons import Asked, find
from dibs.people.caller import Caller, caller_of
from dibs.people.models import Workspace
from dibs.people.tenancy import enter
from tests.making import make_arrival, make_rep, make_user, make_workspace, publish

NAME, EMAIL, PHONE = "Zelda Quixotte", "zelda.quixotte@canary-mail.example", "+525512345678"
#: How they may stand in a row.
WAYS = ("zelda", "quixotte", "canary-mail", "5512345678", "55 1234 5678")
POLICY = """
policy: Plain
route: [{name: All, pull: {pool: inbound}}]
pools: {inbound: {mode: pool, preview: [company], lock: 15m}}
"""


class House:
    """A company with a rep, an operator, and somebody who wrote in."""

    def __init__(self) -> None:
        self.workspace: Workspace = make_workspace(country="MX")
        self.rep = make_rep(self.workspace, "aiko", teams=("closers",))
        self.ops = make_user(self.workspace, "ops")
        publish(self.workspace, POLICY)
        self.caller: Caller = caller_of(self.ops)
        self.aiko: Caller = caller_of(self.rep.user)
        self.now = moment()

    def lead(self, **fields: Any) -> UUID:
        given = {"name": NAME, "email": EMAIL, "phone": PHONE, "received_at": self.now} | fields
        return place(self.workspace.id, [make_arrival(**given)], now=self.now)[0].lead_id

    def worked(self, **fields: Any) -> UUID:
        lead = self.lead(**fields)
        assert isinstance(claiming.claim_lead(self.aiko, lead, self.now), claiming.Claimed)
        assert isinstance(acting.contact(self.aiko, lead, self.now, note=f"spoke with {NAME}"), acting.Acted)
        return lead

    def found(self, email: str) -> dict[str, int]:
        return erasing.count(self.workspace.id, find(self.workspace.id, Asked(email=email)))

    def erase(self, **given: Any) -> erasing.Erased:
        done = erasing.erase(self.caller, Asked(email=EMAIL), self.now, **given)
        assert done is not None
        enter(self.workspace.id)
        return done


def _dump() -> Iterator[tuple[str, str]]:
    """Every row of every table of the database as text; sessions opened."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT row_::text FROM {table} row_")
            for (text,) in cursor.fetchall():
                yield table, text
    for session in Session.objects.all():
        yield "sessions", json.dumps(session.get_decoded())


def traces() -> list[tuple[str, str]]:
    """Where in the database they still stand: the table, and the beginning of the row."""
    sought = [*WAYS, *(way.encode().hex() for way in (NAME, EMAIL))]
    return [(table, text[:300]) for table, text in _dump() if any(way in text.casefold() for way in sought)]
