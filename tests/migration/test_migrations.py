"""What the migrations make: the tables the models say, each behind its workspace's lock."""

from __future__ import annotations

from io import StringIO

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import ProgrammingError, connection, transaction

from dibs.people.models import Rep, Team
from dibs.people.tenancy import enter
from tests.making import make_rep, make_team, make_workspace

pytestmark = pytest.mark.django_db

#: Tables that carry a workspace and are open all the same: they say who is calling, before a workspace is known.
WHO_IS_CALLING = {"people_user", "people_apitoken"}


def tables_of_workspaces() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name FROM information_schema.columns WHERE table_schema = 'public' AND column_name = 'workspace_id'"
        )
        return {name for (name,) in cursor.fetchall()} - WHO_IS_CALLING


def test_the_models_and_the_migrations_say_the_same() -> None:
    call_command("makemigrations", "--check", "--dry-run", stdout=StringIO())


def test_every_model_of_ours_has_a_table() -> None:
    tables = set(connection.introspection.table_names())
    ours = {model._meta.db_table for model in apps.get_models() if model.__module__.startswith("dibs.")}
    assert ours <= tables


#: What the one policy of each table asks. It has no other check for what is written, so that it is the same.
ITS_OWN = "(workspace_id = (NULLIF(current_setting('dibs.workspace'::text, true), ''::text))::uuid)"


def unlocked() -> set[str]:
    """Tables of workspaces whose rows another workspace might see: without the lock, or with more policies than the one, of which
    each lets through more."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity AND relkind = 'r'")
        locked = {name for (name,) in cursor.fetchall()}
        cursor.execute(
            "SELECT tablename FROM pg_policies WHERE schemaname = 'public' GROUP BY tablename "
            "HAVING count(*) = 1 AND bool_and(qual = %s AND with_check IS NULL AND cmd = 'ALL' AND roles = '{public}')",
            [ITS_OWN],
        )
        guarded = {name for (name,) in cursor.fetchall()}
    return tables_of_workspaces() - (locked & guarded)


def test_every_table_of_a_workspace_is_locked_for_its_owner_too() -> None:
    assert {"crm_lead", "distribution_decision", "delivery_outbox", "intake_source"} <= tables_of_workspaces()
    assert unlocked() == set()


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE crm_new (id uuid, workspace_id uuid)",
        "ALTER TABLE crm_lead NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE crm_lead DISABLE ROW LEVEL SECURITY",
        "CREATE POLICY open_to_all ON crm_lead USING (true)",
        "CREATE POLICY open_to_readers ON crm_lead FOR SELECT USING (id IS NOT NULL)",
        "ALTER POLICY workspace_isolation ON crm_lead WITH CHECK (true)",
        "ALTER POLICY workspace_isolation ON crm_lead USING (workspace_id IS NOT NULL)",
    ],
)
def test_a_table_that_is_not_would_be_noticed(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
    assert unlocked() == {"crm_new" if "crm_new" in statement else "crm_lead"}


def test_every_table_of_ours_says_whose_its_rows_are() -> None:
    """One without a workspace could not be locked, and so is none: but for the workspaces themselves."""
    ours = {
        model._meta.db_table
        for model in apps.get_models(include_auto_created=True)
        if model.__module__.startswith("dibs.")
    }
    assert ours - tables_of_workspaces() == {"people_workspace"} | WHO_IS_CALLING


def test_nothing_looks_past_the_lock() -> None:
    """A view reads with its owner's eyes, and so does a function that is told to; a partition would need a lock of its own."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace "
                       "WHERE nspname = 'public' AND relkind = ANY('{v,m,p,f}')")  # fmt: skip
        assert cursor.fetchall() == []
        cursor.execute("SELECT proname FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace "
                       "WHERE nspname = 'public' AND prosecdef")  # fmt: skip
        assert cursor.fetchall() == []


def test_the_tests_run_as_a_role_that_the_lock_binds() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (False,)


def count(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return int(cursor.fetchone()[0])


def test_another_workspaces_rows_are_not_there_whatever_the_statement() -> None:
    theirs = make_workspace("theirs")
    rep = make_rep(theirs, "aiko", ("closers",))
    team = make_team(theirs, "closers")
    assert count("people_rep") == 1

    ours = make_workspace("ours")
    assert count("people_rep") == 0
    assert not Rep.objects.filter(id=rep.id).exists()
    assert Rep.objects.filter(id=rep.id).update(name="Stolen") == 0
    assert Team.objects.filter(id=team.id).delete()[0] == 0
    with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
        Team.objects.create(workspace=theirs, slug="smuggled", name="Smuggled")
    own = Team.objects.create(workspace=ours, slug="ours", name="Ours")
    with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
        Team.objects.filter(id=own.id).update(workspace=theirs)

    enter(theirs.id)
    assert Rep.objects.get(id=rep.id).name == "Aiko"


def test_in_no_workspace_nothing_is_seen() -> None:
    make_rep(make_workspace(), "aiko")
    enter(None)
    assert count("people_rep") == 0
