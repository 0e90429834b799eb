"""The database goes away under a running Dibs, and comes back."""

from __future__ import annotations

import fcntl
import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.running import Up, answers, ask, is_over, up, wait_for

pytestmark = pytest.mark.xdist_group("up")


def server(data: Path) -> psutil.Process:
    return psutil.Process(int((data / "postgres" / "postmaster.pid").read_text().split()[0]))


@contextmanager
def not_started_again(data: Path) -> Iterator[None]:
    """Meanwhile whoever would start the server of this folder waits, as for another that is starting it."""
    with open(data / "starting", "a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def is_problem(running: Up, path: str) -> bool:
    answer = ask(running.url + path)
    return answer.status == 503 and json.loads(answer.body)["code"] == "database_gone"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["stopped", "killed"])
def test_every_request_answers_503_until_it_is_back(data_folder: Path, number: signal.Signals) -> None:
    with up(data_folder, "--no-demo") as running:
        for _ in range(20):  # so that every thread has a connection to lose
            assert answers(f"{running.url}/readyz")
        with not_started_again(data_folder):
            ended = [server(data_folder), *server(data_folder).children(recursive=True)]
            ended[0].send_signal(number)
            # Its sessions end when each notices: until then one may still answer.
            wait_for(lambda: all(map(is_over, ended)))
            wait_for(lambda: is_problem(running, "/readyz"))
            for _ in range(20):
                answer = ask(f"{running.url}/readyz")
                assert answer.status == 503
                assert answer.headers["Content-Type"] == "application/problem+json"
                assert answer.headers["Retry-After"]

            assert answers(f"{running.url}/healthz")
            api = ask(f"{running.url}/api/v1/me", Authorization=f"Bearer dibs_{'0' * 32}_nobody")
            assert api.status == 503
            assert json.loads(api.body)["code"] == "database_gone"
            page = ask(f"{running.url}/account/login/", Cookie="dibs_session=somebody-unknown")
            assert page.status == 503
            assert page.headers["Content-Type"].startswith("text/html")
            assert "Traceback" not in page.body.decode()

        # Dibs starts its own again; nobody has to do anything.
        wait_for(lambda: answers(f"{running.url}/readyz"))
        for _ in range(20):
            assert answers(f"{running.url}/readyz")
        assert answers(f"http://127.0.0.1:{running.port + 1}/healthz")
        assert running.stop() == 0
