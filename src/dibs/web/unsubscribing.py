"""Where a link in a mail leads: its reader takes themselves off, with one press, whoever they are and whatever became of them here.

Nobody is logged in. The page shows of the reader no more than the link does, `a***@example.com`. What a mail program posts by itself (RFC
8058, one click) carries no cookie and no CSRF token, and needs none: who has the link may follow it, and all that it can do is this.
"""

from __future__ import annotations

from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.timezone import now
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from dibs.delivery import unsubscribing
from dibs.distribution.refusing import refuse_by_link

#: Links that are none, from one address in a minute: more are not answered. Those that are some are never kept waiting: mail providers
#: post for many readers from one address.
GUESSES = 20


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Ask for the press of a button, for programs follow every link in a mail; and do it when it is pressed, as often as it is."""
    link = unsubscribing.read(token)
    if link is None:
        if _guessed(request) > GUESSES:
            return render(request, "429.html", status=429)
        return render(request, "unsubscribe.html", {"state": "unknown"}, status=404)
    if request.method != "POST":
        return render(request, "unsubscribe.html", {"state": "ask", "shown": link.shown})
    refuse_by_link(link.workspace_id, link.lead_id, link.digest, link.shown, now())
    return render(request, "unsubscribe.html", {"state": "done", "shown": link.shown})


def _guessed(request: HttpRequest) -> int:
    """How many links that are none came from where this one does within a minute, this one counted in, as far as this process knows."""
    key = f"unsubscribe:{request.META.get('REMOTE_ADDR', '')}"
    cache.add(key, 0, 60)
    try:
        return int(cache.incr(key))
    except ValueError:  # the minute ended in between
        return 1
