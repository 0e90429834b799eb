"""The database under the tests: at ``DATABASE_URL``, else an embedded one in a temporary folder, shared by all test processes."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from dibs.config.database import django_database

if TYPE_CHECKING:
    from tests.running import Up

# A busy machine is not a wrong answer, and what was right an hour ago is right now: the same examples every time. Those of the long run,
# `--hypothesis-profile=long`, are others every time.
_PATIENT = hypothesis_settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.register_profile("dibs", _PATIENT, derandomize=True)
hypothesis_settings.register_profile("long", _PATIENT, max_examples=3_000, stateful_step_count=80, print_blob=True)
hypothesis_settings.load_profile("dibs")

_FOLDER = "DIBS_TEST_DATA"
_OURS = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    """One folder for the whole session; pytest-xdist's processes inherit its name."""
    if _FOLDER not in os.environ and not os.environ.get("DATABASE_URL"):
        os.environ[_FOLDER] = tempfile.mkdtemp(prefix="dibs-test-")
        config.stash[_OURS] = Path(os.environ[_FOLDER])


def pytest_unconfigure(config: pytest.Config) -> None:
    if (folder := config.stash.get(_OURS, None)) is not None:
        os.environ.pop(_FOLDER, None)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def _nobodys_language() -> Iterator[None]:
    """Leave no test the language and the zone of whoever looked at a page in the one before, which is another one in every process."""
    yield
    if "django.utils.translation" in sys.modules:
        from django.utils import timezone, translation

        translation.deactivate()
        timezone.deactivate()


@pytest.fixture(scope="session")
def database_server() -> Iterator[str]:
    """The URL of a database on the server that the tests may use. Its role may make databases, and is no superuser."""
    if url := os.environ.get("DATABASE_URL"):
        yield url
        return
    from dibs.config.embedded import Lease

    lease = Lease(Path(os.environ[_FOLDER]))
    yield lease.url
    lease.release(wait=True)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(database_server: str, django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Point Django at the tests' server, before pytest-django makes the test database there."""
    from django.conf import settings
    from django.db import connections

    # A slow hash is for attackers; no test is about it.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher", *settings.PASSWORD_HASHERS]
    wanted = django_database(database_server)
    given = connections["default"].settings_dict
    given.update({name: wanted[name] for name in ("HOST", "PORT", "USER", "PASSWORD", "OPTIONS")})


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any, request: pytest.FixtureRequest) -> Iterator[None]:
    """The test database, in which a commit does not wait for the disk: no test pulls this server's plug. It can be dropped in the end:
    sessions that are still there by then, as of processes that were killed and of threads that outlive every test, are ended."""
    from django.db import connection

    from tests.running import wait_for

    with django_db_blocker.unblock():
        with connection.cursor() as cursor:
            name = connection.ops.quote_name(connection.settings_dict["NAME"])
            cursor.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
        connection.close()
    yield
    if request.config.getoption("reuse_db"):
        return

    def end_others() -> bool:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() "
                "AND usename = current_user AND pid <> pg_backend_pid()"
            )
            return not cursor.fetchone()[0]

    with django_db_blocker.unblock():
        wait_for(end_others)
        connection.close()


@pytest.fixture(scope="session")
def database_url(django_db_setup: None) -> str:
    """The URL of the test database itself, for processes that a test starts."""
    from django.db import connection

    from tests.running import url_of

    return url_of(connection.settings_dict)


@pytest.fixture(scope="session")
def _served(database_url: str, tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any) -> Iterator[Up]:
    from django.conf import settings

    from tests.running import KEY, free_port, served

    port = free_port()
    settings.SECRET_KEY, settings.STREAM_PORT = KEY, port + 1
    with served(database_url, port, tmp_path_factory.mktemp("served") / "log") as running:
        yield running


@pytest.fixture
def running_dibs(_served: Up, transactional_db: None) -> Up:
    """Dibs on a port (``.url``, ``.stream_url``), on the test database: what a test commits there, it serves. Time stands
    still: there is no worker; call ``tick`` as you need it."""
    return _served


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the browser to test with."""
    from tests.chromium import chromium

    found = chromium()
    assert found, "no Chromium: make browser gets one"
    return found


@pytest.fixture
def data_folder() -> Iterator[Path]:
    """A data folder that is not there yet."""
    from tests.running import a_folder

    with a_folder() as folder:
        yield folder
