"""What all answers have in common, and where the database is said to be."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, InterfaceError, OperationalError, connection
from django.test import Client

from dibs.config.answering import database_is_gone
from dibs.config.database import Trouble, data_folder, django_database, socket_url
from dibs.config.key import secret_key
from tests.running import wait_for


def raised(kind: type[Exception], cause: BaseException | None) -> Exception:
    problem = kind("what it says")
    problem.__cause__ = cause
    return problem


@pytest.mark.parametrize(
    ("problem", "gone"),
    [
        (raised(OperationalError, psycopg.OperationalError("connection refused")), True),
        (raised(OperationalError, psycopg.errors.AdminShutdown()), True),
        (raised(OperationalError, psycopg.errors.CannotConnectNow()), True),
        (raised(OperationalError, psycopg.errors.ConnectionFailure()), True),
        (raised(OperationalError, psycopg.errors.TooManyConnections()), True),
        (raised(InterfaceError, None), True),
        (raised(RuntimeError, OperationalError("connection refused")), True),
        (raised(OperationalError, psycopg.errors.DeadlockDetected()), False),
        (raised(OperationalError, psycopg.errors.LockNotAvailable()), False),
        (raised(OperationalError, psycopg.errors.QueryCanceled()), False),
        (raised(IntegrityError, psycopg.errors.UniqueViolation()), False),
        (ValueError("no"), False),
        (None, False),
    ],
)
def test_a_database_that_is_gone_is_told_from_one_that_refuses(problem: Exception | None, gone: bool) -> None:
    assert database_is_gone(problem) is gone


@pytest.mark.django_db
def test_what_programs_ask_runs_no_middleware_of_pages(client: Client) -> None:
    for path in ("/healthz", "/readyz", "/api/v1/openapi.json", "/api/v1/me", "/api/nothing"):
        answer = client.get(path)
        assert not hasattr(answer.wsgi_request, "session"), path
        assert "Content-Security-Policy" not in answer.headers
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Length"] == str(len(answer.content))
        assert not answer.cookies


@pytest.mark.django_db
def test_a_form_without_its_token_is_refused() -> None:
    strict = Client(enforce_csrf_checks=True)
    assert strict.post("/account/login/", {"login": "a@b.example", "password": "x"}).status_code == 403


def test_a_url_says_all_there_is_to_say_of_a_database() -> None:
    found = django_database("postgresql://us%40er:p%3Ass@Db.Example:6543/some%20name?sslmode=require&connect_timeout=9")
    assert (found["USER"], found["PASSWORD"], found["HOST"]) == ("us@er", "p:ss", "Db.Example")
    assert (found["PORT"], found["NAME"]) == ("6543", "some name")
    assert found["OPTIONS"]["sslmode"] == "require"
    assert found["OPTIONS"]["connect_timeout"] == "9"


@pytest.mark.parametrize("folder", ["/var/lib/dibs/run", "/tmp/with space/Größe", "/tmp/50%,?#/@:run"])
def test_a_sockets_folder_survives_its_url(folder: str) -> None:
    found = django_database(socket_url(Path(folder)))
    assert (found["HOST"], found["USER"], found["NAME"], found["PORT"]) == (folder, "dibs", "dibs", "5432")


@pytest.mark.parametrize("url", ["mysql://dibs@host/dibs", "dibs", "", "postgres://host:notaport/dibs"])
def test_a_url_that_cannot_be_right_is_refused(url: str) -> None:
    with pytest.raises(Trouble, match="DATABASE_URL"):
        django_database(url)


def test_the_data_folder_is_where_it_was_said_to_be(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DIBS_DATA", str(tmp_path / "here"))
    assert data_folder() == tmp_path / "here"
    monkeypatch.delenv("DIBS_DATA")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert data_folder() == Path("/var/lib/dibs")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert data_folder() == tmp_path / "dibs"


def test_the_secret_key_is_made_once_and_a_damaged_one_is_refused(tmp_path: Path) -> None:
    first = secret_key(tmp_path)
    assert len(first) >= 32
    assert secret_key(tmp_path) == first
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]
    (tmp_path / "secret_key").write_text("short")
    with pytest.raises(Trouble, match="damaged"):
        secret_key(tmp_path)


@pytest.mark.django_db
def test_an_idle_connection_is_looked_at_without_a_round_trip_and_a_closed_one_is_noticed() -> None:
    connection.ensure_connection()
    seen: list[str] = []
    with connection.execute_wrapper(lambda execute, sql, *rest: seen.append(sql) or execute(sql, *rest)):
        assert connection.is_usable()
    assert seen == []
    other = connection.copy()
    other.connect()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", [other.connection.info.backend_pid])
        wait_for(lambda: not other.is_usable())
    finally:
        other.close()


@pytest.mark.django_db
def test_statements_are_prepared_and_bound_by_the_server() -> None:
    connection.ensure_connection()
    assert connection.connection.prepare_threshold == 0
    assert connection.settings_dict["OPTIONS"]["server_side_binding"] is True


def test_without_a_key_a_process_has_one_of_its_own() -> None:
    from django.conf import settings

    if not settings.SECRET_KEY:
        raise ImproperlyConfigured
    assert "insecure" not in settings.SECRET_KEY
