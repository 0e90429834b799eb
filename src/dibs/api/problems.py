"""Errors as ``application/problem+json`` (RFC 9457), each with a stable ``code``.

`CODES` lists those the API itself gives. A claim or an act that the rules refuse answers with the refusal's own code (see the
reference of reasons) and with what would make it a yes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from django.http import HttpResponse

from dibs.engine.decision import Refusal
from dibs.insight.story import told
from dibs.people.caller import Caller

MEDIA_TYPE = "application/problem+json"

#: code: (HTTP status, title)
CODES: Mapping[str, tuple[int, str]] = {
    "bad_json": (400, "The body is not JSON"),
    "bad_cursor": (400, "The cursor was not given out for this list"),
    "bad_idempotency_key": (400, "An Idempotency-Key is 1 to 200 visible ASCII characters"),
    "host_unknown": (400, "Dibs is not known by this name"),
    "not_authenticated": (401, "A valid token is needed"),
    "not_allowed": (403, "The role or the token's scopes do not allow this"),
    "not_a_rep": (403, "Only a rep can take leads"),
    "not_your_rep": (403, "The caller neither is this rep nor leads them"),
    "not_found": (404, "There is no such thing here"),
    "method_not_allowed": (405, "This address does not answer that method"),
    "body_too_large": (413, "The body is too large"),
    "unsupported_media_type": (415, "The body is not of the media type that this address takes"),
    "invalid": (422, "The request does not fit its schema"),
    "bad_filter": (422, "There is no such filter or order here"),
    "idempotency_key_reused": (422, "This Idempotency-Key was used for another request"),
    "policy_refused": (422, "The policy was refused"),
    "unknown_version": (422, "There is no such version of the policy"),
    "too_many_leads": (422, "That is more leads than are gone through at once"),
    "unknown_rep": (422, "There is no active rep with this handle"),
    "unknown_pool": (422, "The policy has no such pool"),
    "unknown_assessment": (422, "There is no such questionnaire for this lead"),
    "unknown_answer": (422, "A question or an answer is none that is asked"),
    "answers_missing": (422, "Questions that must be answered are not"),
    "unknown_sequence": (422, "The policy has no such sequence of mails"),
    "unknown_stage": (422, "The policy has no such stage"),
    "unknown_team": (422, "There is no such team"),
    "not_your_team": (403, "Who or what is named is not of the caller's teams"),
    "move_too_large": (422, "Too many leads for one move"),
    "move_not_now": (409, "The move is not in a state for that"),
    "move_outdated": (409, "Another policy is in force since the move was planned"),
    "not_learnt": (409, "The model is not learnt, so that it could be switched on"),
    "bad_span": (422, "The span of a leave cannot be right"),
    "no_policy": (409, "No policy is published yet"),
    "file_refused": (422, "Nothing of the file can be read"),
    "mapping_refused": (422, "The mapping cannot be used"),
    "source_refused": (422, "The source cannot be kept so"),
    "campaign_refused": (422, "The campaign cannot be kept so"),
    "import_running": (409, "The import is still under way"),
    "import_undone": (409, "The import was undone already, or is being"),
    "import_touched": (409, "Somebody has touched leads of the import"),
    "not_a_person": (422, "Nobody can be looked for by that"),
    "erased": (410, "What was answered was erased with the person it spoke of"),
    "internal_error": (500, "Something went wrong in Dibs"),
    "database_gone": (503, "The database cannot be reached"),
}

#: Refusals that are about what the lead is just now; all others are about what the caller may (403).
CONFLICTS = frozenset(
    {
        "already_claimed",
        "already_decided",
        "already_done",
        "already_ended",
        "already_undone",
        "here_again",
        "must_not_contact",
        "claim_lapsed",
        "is_cancelled",
        "no_policy",
        "not_claimable",
        "not_now",
        "not_waiting",
        "opportunity_ended",
        "opportunity_open",
        "opportunity_outdated",
        "same_lead",
    }
)
#: Refusals that say "not at this moment, try again".
BUSY = frozenset({"too_busy"})


class Problem(Exception):
    """Ends a request with an error. ``more`` is added to the answer's members."""

    def __init__(self, code: str, detail: str = "", headers: Mapping[str, str] | None = None, **more: Any) -> None:
        super().__init__(code)
        self.code, self.detail, self.more = code, detail, more
        self.headers = headers or {}

    def response(self) -> HttpResponse:
        status, title = CODES[self.code]
        return problem(status, self.code, title, self.detail or title, headers=self.headers, **self.more)


def problem(
    status: int, code: str, title: str, detail: str, *, headers: Mapping[str, str] | None = None, **more: Any
) -> HttpResponse:
    body = {"type": "about:blank", "status": status, "code": code, "title": title, "detail": detail, **more}
    given = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    return HttpResponse(
        json.dumps(body, ensure_ascii=False, default=str),
        status=status,
        content_type=MEDIA_TYPE,
        headers={**given, **(headers or {})},
    )


def refused(refusal: Refusal, caller: Caller | None, by: str | None = None) -> HttpResponse:
    """The rules said no: why, in the caller's language and time zone, what would make it a yes, and who has the lead, if that
    is why."""
    code = refusal.code
    status = 503 if code in BUSY else 409 if code in CONFLICTS else 403
    language, timezone = (caller.language, caller.timezone) if caller else ("en", "UTC")
    more: dict[str, Any] = {"reasons": list(told(refusal.reasons, language, timezone=timezone))}
    if by and code == "already_claimed":
        more["by"] = by
    if refusal.remedy is not None:
        more["remedy"] = told([refusal.remedy], language, timezone=timezone)[0]
    why = more["reasons"][0]["text"]
    return problem(status, code, why, why, headers={"Retry-After": "1"} if status == 503 else None, **more)


def field_errors(errors: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What pydantic found, without the input itself: where, a code, and what is wrong."""
    return [
        {
            "where": [part for part in error["loc"] if part not in {"body", "query", "wanted", "asked"}],
            "code": error["type"],
            "message": error["msg"],
        }
        for error in errors
    ]
