"""E-mail addresses and the company domains behind them. Nothing here asks the network."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from importlib.resources import files

import tldextract
from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

_ADDRESS = re.compile(r"([a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*)@([a-z0-9.-]+)")
# No "--" in third and fourth place: those are encoded names, which the validator looks at itself.
_LABEL = r"(?!..--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}\.)+[a-z]{{2,63}}")
_ANGLED = re.compile(r"[^<>]*<([^<>]+)>")
_SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*://")


def clean_email(text: str) -> tuple[str, bool]:
    """The address in lower case and whether it can be right. One that cannot be comes back as it was.

    ``Aiko <aiko@acme.jp>`` and ``mailto:aiko@acme.jp`` count as the address in them. Whether the address exists is not asked.
    """
    lowered = text.lower()
    found = _ADDRESS.fullmatch(lowered)
    if found and len(lowered) <= 254 and len(found[1]) <= 64 and _plain_host(found[2]):
        return lowered, True
    candidate = text.strip().removeprefix("mailto:")
    if angled := _ANGLED.fullmatch(candidate):
        candidate = angled[1].strip()
    if len(candidate) > 320:
        return text, False
    try:
        return validate_email(candidate, check_deliverability=False).normalized.lower(), True
    except EmailNotValidError:
        return text, False


def registered_domain(text: str) -> str | None:
    """The registered domain in a host, a web address or an e-mail address: ``www.acme.co.jp`` gives ``acme.co.jp``.
    ``None`` for an IP address or what is no domain."""
    host = text.strip().lower()
    if "@" in host and "://" not in host:
        host = host.rpartition("@")[2]
    elif not host.isascii() or any(c in host for c in ":/?#@"):
        host = re.split(r"[/?#]", _SCHEME.sub("", host), maxsplit=1)[0].rpartition("@")[2].partition(":")[0]
    return _registered(host.strip(".<> "))


def is_free_mail(domain: str) -> bool:
    """Whether anybody can have an address at this registered domain, so that it says nothing about a company."""
    return domain in _free_mail()


@lru_cache(maxsize=65536)
def _registered(host: str) -> str | None:
    if not host or len(host) > 253:
        return None
    try:
        parts = _suffixes()(host)
    except (UnicodeError, ValueError):
        return None
    if parts.suffix and parts.domain:
        return None if " " in parts.domain else f"{parts.domain}.{parts.suffix}"
    if not parts.suffix and _HOST.fullmatch(host):
        # Public suffix list, its own rule for what it does not know: the last label is the suffix.
        return ".".join(host.split(".")[-2:])
    return None


@lru_cache(maxsize=65536)
def _plain_host(host: str) -> bool:
    if len(host) > 253 or not _HOST.fullmatch(host):
        return False
    return not any(host == name or host.endswith(f".{name}") for name in SPECIAL_USE_DOMAIN_NAMES)


@cache
def _suffixes() -> tldextract.TLDExtract:
    return tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)


@cache
def _free_mail() -> frozenset[str]:
    return frozenset(files("dibs.intake").joinpath("freemail.txt").read_text("utf-8").split())
