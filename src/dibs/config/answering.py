"""What every answer has in common: security headers, and the plain word when the database is gone or something broke."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import lru_cache
from typing import Any, cast

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.core.handlers.exception import convert_exception_to_response
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.template.loader import render_to_string
from django.utils.module_loading import import_string

Answer = Callable[[HttpRequest], HttpResponseBase]

#: Asked by programs: no session, no CSRF cookie, no language, no messages.
PROGRAMS = ("/api/", "/healthz", "/readyz", "/metrics", "/static/")
#: Answered whatever the server is called: a load balancer asks by address.
_PROBES = ("/healthz", "/readyz")


def is_programs(request: HttpRequest) -> bool:
    return request.path_info.startswith(PROGRAMS)


def stream_url(request: HttpRequest) -> str:
    """Where the page's browser opens the live stream: the same host, the stream's port, unless a setting says otherwise."""
    if settings.STREAM_URL:
        return str(settings.STREAM_URL)
    host = request.get_host()
    bare = host[: host.rindex(":")] if ":" in host.rpartition("]")[2] else host
    return f"{request.scheme}://{bare}:{settings.STREAM_PORT}/stream"


@lru_cache(maxsize=64)
def _content_policy(stream: str) -> str:
    origin = "/".join(stream.split("/", 3)[:3])
    return "; ".join(
        [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            "font-src 'self'",
            "manifest-src 'self'",
            f"connect-src 'self' {origin}",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ]
    )


class Headers:
    """Security headers on every answer, and no answer but 400 under a name that is not in ``DIBS_HOSTS``.

    On a page also ``request.stream_url``, which the content policy lets it connect to.
    """

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info not in _PROBES:
            try:
                request.get_host()
            except DisallowedHost:
                return _answered(HOST_UNKNOWN)
        if is_programs(request):
            response = self.get_response(request)
            response.headers["X-Content-Type-Options"] = "nosniff"
            if not response.streaming:
                # Without it the server would send the answer in chunks.
                response.headers.setdefault("Content-Length", str(len(response.content)))  # type: ignore[attr-defined]
            if not request.path_info.startswith("/static/"):
                response.headers.setdefault("Cache-Control", "no-store")
            return response
        stream = stream_url(request)
        request.stream_url = stream  # type: ignore[attr-defined]
        response = self.get_response(request)
        headers = response.headers
        headers.setdefault("Content-Security-Policy", _content_policy(stream))
        headers["X-Content-Type-Options"] = "nosniff"
        headers["X-Frame-Options"] = "DENY"
        headers["Referrer-Policy"] = "same-origin"
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
        headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"
        headers.setdefault("Cache-Control", "no-store")
        if settings.HTTPS:
            headers["Strict-Transport-Security"] = "max-age=31536000"
        return response


class Pages:
    """Run ``settings.PAGE_MIDDLEWARE`` for pages, and none of it for what programs ask."""

    def __init__(self, get_response: Answer) -> None:
        self.programs = get_response
        self.views: list[Any] = []
        chain: Answer = get_response
        for name in reversed(settings.PAGE_MIDDLEWARE):
            layer = import_string(name)(chain)
            if hasattr(layer, "process_view"):
                self.views.insert(0, layer.process_view)
            chain = cast(Answer, convert_exception_to_response(layer))
        self.pages = chain

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.programs(request) if is_programs(request) else self.pages(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponseBase | None:
        if is_programs(request):
            return None
        for look in self.views:
            response: HttpResponseBase | None = look(request, view, args, kwargs)
            if response is not None:
                return response
        return None


def database_is_gone(exc: BaseException | None) -> bool:
    """Whether an error says that the database can't be reached, rather than that it refused a statement."""
    while exc is not None:
        if isinstance(exc, (OperationalError, InterfaceError)):
            state = getattr(exc.__cause__, "sqlstate", None)
            # No state: no answer at all. 08: connection lost. 57P: shutting down, or starting up. 53300: no connection left.
            return state is None or state.startswith(("08", "57P")) or state == "53300"
        exc = exc.__cause__ or exc.__context__
    return False


def told(status: int, code: str, title: str, detail: str) -> dict[str, Any]:
    """An error as RFC 9457 has it, with a stable ``code``."""
    return {"type": "about:blank", "status": status, "code": code, "title": title, "detail": detail}


#: The answer to a request by a name that the server is not told to answer to; the live stream's too.
HOST_UNKNOWN = told(
    400,
    "host_unknown",
    "Dibs is not known by this name",
    "Whoever runs it can add the name to DIBS_HOSTS, separated by commas, and start it again.",
)


def problem(status: int, code: str, title: str, detail: str, **headers: str) -> HttpResponse:
    """An error as ``application/problem+json``."""
    return _answered(told(status, code, title, detail), **headers)


def _answered(body: dict[str, Any], **headers: str) -> HttpResponse:
    return JsonResponse(body, status=body["status"], content_type="application/problem+json", headers=headers)


def database_gone() -> HttpResponse:
    return problem(
        503,
        "database_gone",
        "The database cannot be reached",
        "Nothing was changed. Try again in a moment.",
        **{"Retry-After": "2"},
    )


def server_error(request: HttpRequest) -> HttpResponse:
    """The answer to whatever was not caught, in a view or around it. 503 if the database is gone, else 500."""
    gone = database_is_gone(sys.exc_info()[1])
    if is_programs(request):
        if gone:
            return database_gone()
        return problem(
            500, "internal_error", "Something went wrong in Dibs", "The server's log says what. Nothing was changed."
        )
    status = 503 if gone else 500
    try:
        page: str = render_to_string(f"{status}.html", {"stream_url": ""})
    except Exception:
        # Whatever broke may have broken the pages' frame too: these words need nothing.
        page = _PLAIN[status]
    return HttpResponse(page, status=status, headers={"Retry-After": "2"} if gone else None)


_PLAIN = {
    503: '<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="5">'
    "<title>Dibs: one moment</title><h1>One moment</h1><p>Dibs cannot reach its database just now. "
    "Nothing was changed. This page tries again by itself.</p></html>",
    500: '<!doctype html><html lang="en"><meta charset="utf-8"><title>Dibs: something went wrong</title>'
    "<h1>Something went wrong</h1><p>That is a mistake in Dibs, not yours. Nothing was changed; "
    "the server's log says what happened.</p></html>",
}
