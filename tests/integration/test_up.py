"""`dibs up`, as whoever types it meets it."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import psutil
import pytest

from dibs.cli import up as module
from dibs.config.database import Trouble
from dibs.config.parent import Parent
from tests.running import PATIENCE, Up, a_folder, answers, ask, dibs, environment, free_port, is_over, up, wait_for

pytestmark = pytest.mark.xdist_group("up")


def ours(data: Path) -> list[psutil.Process]:
    """Every process that belongs to a `dibs up` on this folder, by what it was told or by its environment."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        try:
            told = str(data) in " ".join(process.info["cmdline"] or ()) or process.environ().get("DIBS_DATA") == str(
                data
            )
        except psutil.Error:
            continue
        if told and not is_over(process):
            found.append(process)
    return found


def child(running: Up, kind: str) -> psutil.Process:
    """The child of this kind that is running now."""
    (found,) = [one for one in psutil.Process(running.process.pid).children() if kind in one.cmdline()]
    return found


@pytest.fixture(scope="module")
def empty() -> Iterator[Up]:
    """A `dibs up` on a new, empty installation."""
    with a_folder() as folder, up(folder, "--no-demo") as running:
        yield running


def test_it_says_where_it_is_and_how_to_go_on(empty: Up) -> None:
    assert f"Dibs is up at {empty.url}" in empty.said()
    assert "dibs user add" in empty.said()


def test_the_probes_answer(empty: Up) -> None:
    assert json.loads(ask(f"{empty.url}/healthz").body) == {"status": "ok"}
    assert json.loads(ask(f"{empty.url}/readyz").body) == {"status": "ready"}


def test_metrics_are_for_this_machine_only(empty: Up) -> None:
    assert "dibs_info" in ask(f"{empty.url}/metrics").body.decode()
    assert ask(f"{empty.url}/metrics", X_Forwarded_For="203.0.113.7").status == 403


def test_it_answers_to_this_machines_own_names_only(empty: Up) -> None:
    for host in ("localhost", "127.0.0.1", f"localhost:{empty.port}", "[::1]"):
        assert ask(f"{empty.url}/account/login/", Host=host).status == 200, host
    for path in ("/account/login/", "/", "/api/v1/me", "/metrics"):
        refused = ask(f"{empty.url}{path}", Host="elsewhere.example")
        assert refused.status == 400, path
        assert json.loads(refused.body)["code"] == "host_unknown"
    for probe in ("/healthz", "/readyz"):
        assert ask(f"{empty.url}{probe}", Host="elsewhere.example").status == 200


def test_so_does_the_live_stream(empty: Up) -> None:
    for host in ("localhost", f"127.0.0.1:{empty.port + 1}", "[::1]"):
        assert ask(f"{empty.stream_url}?token=x", Host=host).status == 204, host
    refused = ask(f"{empty.stream_url}?token=x", Host="elsewhere.example")
    assert (refused.status, json.loads(refused.body)["code"]) == (400, "host_unknown")
    assert ask(empty.stream_url.replace("/stream", "/healthz"), Host="elsewhere.example").status == 200


def test_pages_carry_a_strict_policy_and_programs_no_cookie(empty: Up) -> None:
    page = ask(f"{empty.url}/account/login/")
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert f"connect-src 'self' {empty.stream_url.removesuffix('/stream')};" in policy
    assert page.headers["X-Frame-Options"] == "DENY"
    assert "Set-Cookie" not in ask(f"{empty.url}/readyz").headers


def test_the_secret_key_is_kept_for_nobody_else_to_read(empty: Up) -> None:
    assert (empty.data / "secret_key").stat().st_mode & 0o077 == 0


def test_commands_share_its_database(empty: Up) -> None:
    added = dibs("user", "add", "noor@example.com", "--name", "Noor", "--role", "ops", "--data", str(empty.data))
    assert added.returncode == 0, added.stderr
    token = dibs("token", "create", "noor@example.com", "--data", str(empty.data)).stdout
    assert token.startswith("dibs_")
    assert token.count("\n") == 1
    assert answers(f"{empty.url}/readyz")


def test_a_second_one_on_the_same_folder_says_so(empty: Up) -> None:
    second = dibs("up", "--port", str(free_port()), "--data", str(empty.data))
    assert second.returncode == 1
    assert empty.url in second.stderr
    assert str(empty.process.pid) in second.stderr


@pytest.mark.parametrize("kind", ["web", "stream", "worker"])
def test_a_child_that_dies_is_started_again(empty: Up, kind: str) -> None:
    before = child(empty, kind)
    ended = [before, *before.children(recursive=True)]
    before.kill()
    # Its own children too: one that stayed would go on answering at the port.
    wait_for(lambda: all(map(is_over, ended)))

    def is_back() -> bool:
        found = [one for one in psutil.Process(empty.process.pid).children() if one != before and kind in one.cmdline()]
        return bool(found)

    wait_for(is_back)
    wait_for(lambda: answers(f"{empty.url}/readyz"))
    wait_for(lambda: answers(f"http://127.0.0.1:{empty.port + 1}/healthz"))


def test_a_taken_port_is_said_before_anything_starts(data_folder: Path) -> None:
    for offset in (0, 1):
        port = free_port()
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", port + offset))
            taken.listen()
            told = dibs("up", "--port", str(port), "--data", str(data_folder))
        assert told.returncode == 1
        assert f"Port {port + offset}" in told.stderr
        assert "--port" in told.stderr
    assert not (data_folder / "postgres").exists()


def test_its_ports_are_no_other_dibs_es_from_when_they_were_looked_at(
    data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sample takes a while to fill, and servers of Dibs share a port with whoever shares it too."""
    port, free = free_port(), []

    @contextmanager
    def meanwhile(**_: object) -> Iterator[None]:
        free.extend(module._is_free("127.0.0.1", each) for each in (port, port + 1))
        with pytest.raises(Trouble, match=f"Port {port}, for the pages"):
            module._free_port("127.0.0.1", port)
        raise Trouble("That is all we wanted to know.")
        yield

    monkeypatch.setattr(module, "connected", meanwhile)
    monkeypatch.setenv("DIBS_DATA", str(data_folder))
    monkeypatch.setenv("DIBS_STREAM_PORT", "")
    monkeypatch.setenv("DIBS_HOSTS", "")
    with pytest.raises(Trouble, match="all we wanted"):
        module.up.main(["--port", str(port)], standalone_mode=False)
    assert free == [False, False]
    assert module._free_port("127.0.0.1", port) == port


@pytest.mark.parametrize("fills", [True, False])
def test_its_servers_are_held_until_the_sample_is_there_and_stopped_if_it_does_not_come(
    data_folder: Path, monkeypatch: pytest.MonkeyPatch, fills: bool
) -> None:
    done: list[str] = []

    class Recording(Parent):
        def start(self, *, held: bool = False) -> None:
            done.append("held" if held else "started")

        def begin(self) -> None:
            done.append("begun")

        def run(self) -> None:
            done.append("stopped" if self.stopping else "looked after")

    def fill(**_: object) -> str:
        done.append("filled")
        if not fills:
            raise Trouble("That is all we wanted to know.")
        return ""

    monkeypatch.setattr(module, "connected", lambda **_: nullcontext())
    monkeypatch.setattr(module, "Parent", Recording)
    monkeypatch.setattr(module, "_first_leads", fill)
    monkeypatch.setattr(module, "_close_connections", lambda: None)
    monkeypatch.setattr(module, "_answers", lambda *_: False)
    for name in ("DIBS_STREAM_PORT", "DIBS_HOSTS", "DIBS_URL"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("DIBS_DATA", str(data_folder))
    with nullcontext() if fills else pytest.raises(Trouble, match="all we wanted"):
        module.up.main(["--port", str(free_port())], standalone_mode=False)
    assert done == (["held", "filled", "begun", "looked after"] if fills else ["held", "filled", "stopped"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_interrupted_while_it_fills_its_sample_it_leaves_nothing_running(
    data_folder: Path, number: signal.Signals
) -> None:
    command = [sys.executable, "-m", "dibs.cli.main", "up", "--port", str(free_port()), "--data", str(data_folder)]
    with subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert any("Filling the sample" in line for line in process.stderr)
        process.send_signal(number)
        process.communicate(timeout=PATIENCE)
    wait_for(lambda: ours(data_folder) == [])


def test_a_folder_that_cannot_be_written_is_said(data_folder: Path) -> None:
    told = dibs("up", "--port", str(free_port()), "--data", "/proc/dibs")
    assert told.returncode == 1
    assert "The data folder /proc/dibs can't be written" in told.stderr
    assert "Traceback" not in told.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_cleanly_starts_again_and_keeps_its_data(data_folder: Path, number: signal.Signals) -> None:
    with up(data_folder, "--no-demo") as first:
        added = dibs("user", "add", "noor@example.com", "--name", "Noor", "--data", str(data_folder))
        assert added.returncode == 0, added.stderr
        assert first.stop(number) == 0
        wait_for(lambda: ours(data_folder) == [])
        assert "database system is shut down" in (data_folder / "postgres.log").read_text().splitlines()[-1]
    with up(data_folder, "--no-demo"):
        assert "noor@example.com" in dibs("user", "list", "--data", str(data_folder)).stdout


def test_it_answers_to_the_names_it_is_told(data_folder: Path) -> None:
    names = {"DIBS_HOSTS": "dibs.example.com", "DIBS_STREAM_URL": "https://live.example.com/stream"}
    with up(data_folder, "--no-demo", **names) as running:
        assert ask(f"{running.url}/account/login/", Host="dibs.example.com").status == 200
        assert ask(f"{running.url}/account/login/").status == 400
        for host, status in (("dibs.example.com", 204), ("live.example.com", 204), ("localhost", 400)):
            assert ask(running.stream_url, Host=host).status == status, host


def test_killed_itself_it_leaves_nothing_running(data_folder: Path) -> None:
    with up(data_folder, "--no-demo") as running:
        running.process.kill()
        running.process.wait()
        wait_for(lambda: ours(data_folder) == [])


POLICY = """
policy: Two seconds
route:
  - {name: All, pull: {pool: inbound}}
pools:
  inbound: {mode: pool, escalate: [{after: 2s, review: managers}], assign_after: 24h}
"""


def test_its_worker_lets_time_act_on_leads(empty: Up, tmp_path: Path) -> None:
    data = str(empty.data)
    (tmp_path / "policy.yaml").write_text(POLICY)
    added = dibs("user", "add", "ops@example.com", "--name", "Ops", "--role", "ops", "--data", data)
    assert added.returncode == 0, added.stderr
    published = dibs("policy", "publish", str(tmp_path / "policy.yaml"), "--data", data)
    assert published.returncode == 0, published.stderr
    token = dibs("token", "create", "ops@example.com", "--data", data).stdout.strip()

    def call(path: str, body: object = None) -> dict[str, object]:
        request = urllib.request.Request(f"{empty.url}/api/v1{path}", headers={"Authorization": f"Bearer {token}"})
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            answer: dict[str, object] = json.load(response)
            return answer

    lead = call("/leads", {"source": "webform", "external_id": "1", "company": "Acme", "country": "MX"})
    assert lead["state"] in {"pooled", "review"}  # two seconds may have passed already
    wait_for(lambda: call(f"/leads/{lead['id']}")["state"] == "review")
