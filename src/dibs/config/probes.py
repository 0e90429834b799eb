"""What machines ask about the server: is it alive, is it ready, how is it doing."""

from __future__ import annotations

from hmac import compare_digest
from ipaddress import ip_address

import prometheus_client
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse

from dibs.config import figures
from dibs.config.answering import database_gone, problem


def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers. Says nothing about the database."""
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> HttpResponse:
    """The process and its database answer; else 503."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (DatabaseError, InterfaceError):
        return database_gone()
    return JsonResponse({"status": "ready"})


def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus figures: for a caller on this machine, or one that brings ``DIBS_METRICS_TOKEN``."""
    if not _may_read(request):
        return problem(403, "forbidden", "Not for you", "Ask from this machine, or with the metrics token.")
    body = prometheus_client.generate_latest(figures.registry())
    return HttpResponse(body, content_type=prometheus_client.CONTENT_TYPE_LATEST)


def _may_read(request: HttpRequest) -> bool:
    token = settings.METRICS_TOKEN
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if token and compare_digest(given.encode(), token.encode()):
        return True
    # A proxy on this machine calls for others: what it forwards is not local.
    if "X-Forwarded-For" in request.headers or "Forwarded" in request.headers:
        return False
    try:
        return ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False
