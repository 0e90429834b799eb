"""Asks a server elsewhere for a file that somebody here gave the address of.

Whoever gives an address makes this machine ask there. So only ``http`` and ``https`` are asked, only addresses of the public internet
unless the installation allows others, also after a redirect, and the name is looked up once: what was judged is what is asked.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

#: Seconds that an answer may take as a whole, and each step of it.
_DEADLINE = 20.0
_STEP = 10.0
#: Bytes of an answer.
_LARGEST = 5 * 1024 * 1024
_REDIRECTS = 3
_LONGEST = 2_000

_MOVED = frozenset({301, 302, 303, 307, 308})
_CLOSED = frozenset({401, 403, 404, 410})

#: IPv6 addresses that stand for IPv4 ones, which may be anybody's: NAT64 and 6to4.
_STAND_INS = (
    ipaddress.IPv6Network("64:ff9b::/96"),
    ipaddress.IPv6Network("64:ff9b:1::/48"),
    ipaddress.IPv6Network("2002::/16"),
)


class Unfetched(Exception):
    """There is no file. ``code``: ``bad_address``, ``private_address``, ``no_answer``, ``bad_certificate``, ``not_there`` (or not open to
    us), ``http_error``, ``redirects``, ``too_large``."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file as it came; ``None``: it is as it was. ``etag`` and ``modified``: the server's, to be sent back."""

    body: bytes | None
    etag: str = ""
    modified: str = ""


def is_public(address: Address) -> bool:
    """Whether this is somewhere on the public internet: neither this machine, nor its network, nor a stand-in for either."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        elif any(address in network for network in _STAND_INS):
            return False
    return address.is_global and not address.is_multicast


def address_of(text: str) -> str:
    """A web address as it is kept: ``webcal://`` is ``https://``. Raises `Unfetched` for what is none, or has a user's name in it."""
    try:
        parts = urlsplit(text.strip())
        port = parts.port
        host = (parts.hostname or "").encode("idna").decode()
    except ValueError:
        raise Unfetched("bad_address") from None
    scheme = {"webcal": "https", "webcals": "https"}.get(parts.scheme.lower(), parts.scheme.lower())
    if scheme not in {"http", "https"} or not host or "@" in parts.netloc or port == 0:
        raise Unfetched("bad_address")
    place = f"[{host}]" if ":" in host else host
    safe = "/%:@!$&'()*+,;=~?"
    kept = urlunsplit(
        (
            scheme,
            place if port is None else f"{place}:{port}",
            quote(parts.path or "/", safe),
            quote(parts.query, safe),
            "",
        )
    )
    if len(kept) > _LONGEST:
        raise Unfetched("bad_address")
    return kept


def fetch(url: str, *, etag: str = "", modified: str = "", permitted: Callable[[Address], bool] = is_public) -> Fetched:
    """Ask for the file at this address. ``etag`` and ``modified``: what the server said last time, so that it may answer that nothing is
    new. Only addresses that are ``permitted`` are asked. Raises `Unfetched`."""
    headers = {"Accept": "text/calendar, */*;q=0.5", "Accept-Encoding": "identity", "User-Agent": "Dibs"}
    headers |= {name: said for name, said in (("If-None-Match", etag), ("If-Modified-Since", modified)) if said}
    url = address_of(url)
    for _ in range(_REDIRECTS + 1):
        answer = _ask(url, headers, permitted)
        if isinstance(answer, Fetched):
            return answer
        url = address_of(urljoin(url, answer))
    raise Unfetched("redirects")


def _ask(url: str, headers: Mapping[str, str], permitted: Callable[[Address], bool]) -> Fetched | str:
    """What the server answers: the file, or the address where it is now."""
    parts = urlsplit(url)
    host, secure = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    try:
        talk = _connect(host, port, secure, permitted)
    except ssl.SSLError:
        raise Unfetched("bad_certificate") from None
    except OSError:
        raise Unfetched("no_answer") from None
    # A server that sends a byte at a time keeps to every step's time and to no end.
    hung_up = threading.Event()
    over = threading.Timer(_DEADLINE, _hang_up, [talk.sock, hung_up])
    over.daemon = True
    over.start()
    try:
        where = urlunsplit(("", "", parts.path, parts.query, ""))
        talk.request("GET", where, headers={"Host": parts.netloc, **headers})
        answered = _read(talk.getresponse())
        if hung_up.is_set():
            raise Unfetched("no_answer")  # who knows what is missing
        return answered
    except (OSError, http.client.HTTPException, ValueError):
        raise Unfetched("no_answer") from None
    finally:
        over.cancel()
        talk.close()


def _connect(host: str, port: int, secure: bool, permitted: Callable[[Address], bool]) -> http.client.HTTPConnection:
    """A connection to an address of this host that may be asked. Raises `Unfetched` and ``OSError``."""
    found = [entry[4][0] for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    allowed = [str(address) for address in found if permitted(ipaddress.ip_address(str(address).partition("%")[0]))]
    if not allowed:
        raise Unfetched("private_address")
    talk = http.client.HTTPConnection(host, port, timeout=_STEP)
    talk.sock = socket.create_connection((allowed[0], port), timeout=_STEP)
    if secure:
        try:
            talk.sock = ssl.create_default_context().wrap_socket(talk.sock, server_hostname=host)
        except OSError:
            talk.sock.close()
            raise
    return talk


def _hang_up(connected: socket.socket, hung_up: threading.Event) -> None:
    hung_up.set()
    with suppress(OSError):  # it may have ended meanwhile
        connected.shutdown(socket.SHUT_RDWR)


def _read(answer: http.client.HTTPResponse) -> Fetched | str:
    if answer.status == 304:
        return Fetched(None)
    if answer.status in _MOVED and (there := answer.headers.get("Location")):
        return there
    if answer.status != 200:
        raise Unfetched("not_there" if answer.status in _CLOSED else "http_error")
    body = answer.read(_LARGEST + 1)
    if len(body) > _LARGEST:
        raise Unfetched("too_large")
    if answer.length:
        raise Unfetched("no_answer")  # it ended before its end
    return Fetched(body, _short(answer.headers.get("ETag"), 200), _short(answer.headers.get("Last-Modified"), 100))


def _short(said: str | None, longest: int) -> str:
    """What the server wants sent back, if it can be kept whole."""
    return said if said and len(said) <= longest and said.isascii() and said.isprintable() else ""
