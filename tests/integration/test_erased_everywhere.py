"""Nothing in the whole database says any more who it was that was erased.

A person whose name, address and number stand nowhere else is put into every column of every table that could hold them; the tables are
asked of Django, so that a new one fails here until it is known what becomes of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps

from dibs.crm.models import Lead
from dibs.intake.whereabouts import ELSEWHERE, MENTIONS, OWN
from tests.integration.put_everywhere import CALLED, everywhere, may_hold
from tests.integration.wrote_in import House, traces

pytestmark = pytest.mark.django_db


@pytest.fixture
def house(db: Any) -> House:
    return House()


def _labels() -> set[str]:
    return {model._meta.label for model in apps.get_models(include_auto_created=True)}


def test_of_every_table_it_is_known_whether_people_stand_in_it() -> None:
    own = {own.model for own in OWN}
    assert own | set(MENTIONS) | set(ELSEWHERE) == _labels()
    assert not (own | set(MENTIONS)) & set(ELSEWHERE)
    assert all(why for why in ELSEWHERE.values())


def test_what_is_looked_through_is_there() -> None:
    for model, columns in MENTIONS.items():
        known = {str(field.column) for field in apps.get_model(model)._meta.concrete_fields}
        assert set(columns) <= known, model


def _unlooked() -> Iterator[tuple[str, str]]:
    """Columns of free text in tables that may mention people, and that nothing looks at."""
    own = {own.model for own in OWN}
    for model, columns in MENTIONS.items():
        if model in own:
            continue
        for field in apps.get_model(model)._meta.concrete_fields:
            if may_hold(field) and field.column not in columns:
                yield model, str(field.column)


def test_every_column_of_text_that_may_mention_somebody_is_looked_through() -> None:
    assert set(_unlooked()) <= CALLED


def test_nothing_in_the_whole_database_says_who_it_was(house: House) -> None:
    lead, put = everywhere(house)
    tables = {table for table, _ in traces()}
    assert put > 70
    assert len(tables) > 30
    done = house.erase()
    left = traces()
    print(*left, sep="\n")
    assert not left
    assert done.leads >= 1
    assert done.rows["mentions"] > 5
    row = Lead.objects.get(id=lead)
    assert (row.state, row.flags, row.name, row.email, row.lookup) == ("retired", ["erased"], None, None, "")


def test_a_dump_finds_the_person_in_every_table_they_are_put_into(house: House) -> None:
    """Or the proof above would prove nothing."""
    everywhere(house)
    found = {table.removeprefix("public.") for table, _ in traces()}
    wanted = {apps.get_model(model)._meta.db_table for model in {own.model for own in OWN} | set(MENTIONS)}
    # Numbers alone, and a session that is packed.
    assert wanted - found <= {"crm_accountmark", "django_session"}
    assert "sessions" in found
