"""Asking a server elsewhere: which addresses are asked at all, and what a server may do to whoever asks."""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from dibs.people import fetching
from dibs.people.fetching import Fetched, Unfetched, address_of, fetch, is_public

Does = Callable[[BaseHTTPRequestHandler], None]


@pytest.fixture
def server() -> Iterator[Any]:
    """A server on this machine: ``does`` says what it does, ``asked`` which requests came."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            running.asked.append((self.path, dict(self.headers)))  # type: ignore[attr-defined]
            running.does(self)  # type: ignore[attr-defined]

        def log_message(self, *_: Any) -> None:
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.asked = []  # type: ignore[attr-defined]
    running.daemon_threads = True
    running.url = f"http://127.0.0.1:{running.server_address[1]}"  # type: ignore[attr-defined]
    threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
    yield running
    running.shutdown()
    running.server_close()


def sends(status: int, body: bytes = b"", **headers: str) -> Does:
    def do(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return do


def anybody(_: Any) -> bool:
    return True


def why(url: str, **given: Any) -> str:
    with pytest.raises(Unfetched) as refused:
        fetch(url, **given)
    return refused.value.code


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.1.1", "255.255.255.255",
        "::1", "::", "fe80::1", "fc00::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "2002:7f00:1::",
        "2001:db8::1", "ff0e::1",
    ],
)  # fmt: skip
def test_this_machine_and_its_network_are_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "::ffff:8.8.8.8"])
def test_the_internet_is(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/", "http://localhost:{port}/", "http://[::1]:{port}/", "http://0.0.0.0:{port}/", "http://2130706433:{port}/",
        "http://0x7f.1:{port}/", "http://[::ffff:127.0.0.1]:{port}/",
    ],
)  # fmt: skip
def test_whatever_this_machine_is_called_it_is_not_asked(server: Any, url: str) -> None:
    server.does = sends(200, b"secret")
    assert why(url.format(port=server.server_address[1])) in {"private_address", "no_answer", "bad_address"}
    assert server.asked == []


def test_nor_is_it_by_way_of_a_redirect(server: Any) -> None:
    there = server.url.replace("127.0.0.1", "127.0.0.2")
    server.does = lambda request: sends(302, Location=f"{there}/admin" if request.path == "/" else "/")(request)
    assert why(server.url, permitted=lambda address: str(address) == "127.0.0.1") == "private_address"
    assert [path for path, _ in server.asked] == ["/"]


@pytest.mark.parametrize(
    "there", ["file:///etc/passwd", "ftp://calendar.example/", "gopher://127.0.0.1/", "http://me@127.0.0.1/"]
)
def test_a_redirect_leads_nowhere_but_to_the_web(server: Any, there: str) -> None:
    server.does = sends(302, Location=there)
    assert why(server.url, permitted=anybody) == "bad_address"


def test_the_file_comes_with_the_servers_own_marks_which_go_back(server: Any) -> None:
    server.does = sends(200, b"BEGIN", ETag='"7"', Last_Modified="Mon, 02 Nov 2026 00:00:00 GMT")
    first = fetch(f"{server.url}/a.ics?key=1", permitted=anybody)
    assert first == Fetched(b"BEGIN", '"7"', "Mon, 02 Nov 2026 00:00:00 GMT")
    server.does = sends(304)
    assert fetch(server.url, etag=first.etag, modified=first.modified, permitted=anybody) == Fetched(None)
    (path, _), (_, headers) = server.asked
    assert path == "/a.ics?key=1"
    assert (headers["If-None-Match"], headers["If-Modified-Since"]) == ('"7"', "Mon, 02 Nov 2026 00:00:00 GMT")


def test_a_redirect_is_followed_and_a_loop_is_not(server: Any) -> None:
    server.does = lambda request: (sends(301, Location="/there") if request.path == "/" else sends(200, b"x"))(request)
    assert fetch(server.url, permitted=anybody).body == b"x"
    server.does = sends(307, Location="/again")
    assert why(server.url, permitted=anybody) == "redirects"
    assert len(server.asked) == 2 + 4


@pytest.mark.parametrize(
    ("status", "code"),
    [(404, "not_there"), (401, "not_there"), (500, "http_error"), (204, "http_error"), (302, "http_error")],
)
def test_an_answer_that_is_no_file_says_what_it_is(server: Any, status: int, code: str) -> None:
    server.does = sends(status)
    assert why(server.url, permitted=anybody) == code


def test_a_file_that_is_too_large_is_not_read_to_its_end(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "_LARGEST", 1_000)
    server.does = sends(200, b"x" * 1_000)
    assert len(fetch(server.url, permitted=anybody).body or b"") == 1_000
    server.does = sends(200, b"x" * 1_001)
    assert why(server.url, permitted=anybody) == "too_large"


def test_a_server_that_never_ends_is_hung_up_on(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "_DEADLINE", 0.5)

    def drip(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        while True:
            try:
                request.wfile.write(b"x")
            except OSError:
                return
            time.sleep(0.05)

    server.does = drip
    assert why(server.url, permitted=anybody) == "no_answer"


def test_a_file_that_breaks_off_is_none(server: Any) -> None:
    def break_off(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "100")
        request.end_headers()
        request.wfile.write(b"BEGIN:VCALENDAR")

    server.does = break_off
    assert why(server.url, permitted=anybody) == "no_answer"


def test_nobody_there_is_no_answer() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        assert why(f"http://127.0.0.1:{nobody.getsockname()[1]}", permitted=anybody) == "no_answer"
    assert why("http://nobody.invalid/", permitted=anybody) == "no_answer"


def test_https_of_a_server_that_cannot_prove_itself_is_no_answer(server: Any) -> None:
    server.does = sends(200)
    assert why(server.url.replace("http:", "https:"), permitted=anybody) in {"bad_certificate", "no_answer"}
    assert server.asked == []


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("webcal://calendar.example/a.ics", "https://calendar.example/a.ics"),
        (" https://Calendar.Example ", "https://calendar.example/"),
        ("https://kalender.example:8443/x y?z=1#part", "https://kalender.example:8443/x%20y?z=1"),
        ("http://日本.example/暦", "http://xn--wgv71a.example/%E6%9A%A6"),
        ("https://[2606:4700::1111]/a", "https://[2606:4700::1111]/a"),
        ("https://calendar.example/a%20b", "https://calendar.example/a%20b"),
    ],
)
def test_an_address_is_kept_as_it_will_be_asked(given: str, kept: str) -> None:
    assert address_of(given) == kept


@pytest.mark.parametrize(
    "given",
    [
        "",
        "calendar.example",
        "javascript:alert(1)",
        "https://",
        "https://a:b@c/",
        "https://x:0/",
        "https://x:70000/",
        "https://" + "x" * 70,
        "https://x/" + "y" * 2_000,
    ],
)
def test_what_is_no_address_is_refused(given: str) -> None:
    with pytest.raises(Unfetched, match="bad_address"):
        address_of(given)


def test_a_line_break_in_an_address_puts_nothing_into_the_request(server: Any) -> None:
    server.does = sends(200)
    fetch(f"{server.url}/a\r\nX-Evil: 1", permitted=anybody)
    ((path, headers),) = server.asked
    assert "X-Evil" not in headers
    assert "\n" not in path


def test_marks_that_a_server_makes_up_to_break_the_next_request_are_not_kept(server: Any) -> None:
    server.does = sends(200, b"x", ETag='"\x01"', Last_Modified="x" * 101)
    assert fetch(server.url, permitted=anybody) == Fetched(b"x", "", "")
