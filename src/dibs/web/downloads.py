"""Files that a page hands out."""

from __future__ import annotations

from django.http import HttpResponse
from django.utils.http import content_disposition_header


def spreadsheet(name: str, text: str) -> HttpResponse:
    """A CSV file, kept by nobody on the way. It begins with a byte order mark: without one, Excel reads UTF-8 as the machine's own
    encoding, and a name in Japanese is another."""
    headers = {
        "Content-Disposition": content_disposition_header(True, name) or "attachment",
        "Cache-Control": "private, no-store",
    }
    return HttpResponse("\ufeff" + text, content_type="text/csv; charset=utf-8", headers=headers)
