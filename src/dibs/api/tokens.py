"""Who is calling, by bearer token, and whether they may do this kind of thing. Every route says which kind it is."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest
from django.utils.timezone import now
from ninja.security import HttpBearer
from pydantic import BaseModel

from dibs.api.problems import Problem
from dibs.people.access import ACCESS, Action
from dibs.people.caller import Caller, caller_with


class Request(HttpRequest):
    """A request that a `Token` has let through."""

    auth: Caller


class Token(HttpBearer):
    """Lets through callers who may do ``action``; puts the `Caller` on ``request.auth``."""

    def __init__(self, action: Action, *, media_type: str = "application/json") -> None:
        super().__init__()
        self.action, self.media_type = action, media_type

    def __call__(self, request: HttpRequest) -> Caller:
        caller = caller_with(token_in(request), now())
        if caller is None:
            raise Problem("not_authenticated", "The token is unknown, has expired, or was revoked.")
        if not caller.may(self.action):
            raise Problem(
                "not_allowed", f"This needs one of the roles {', '.join(sorted(ACCESS[self.action].roles))}"
                f" and, where the token has scopes, the scope {ACCESS[self.action].scope}."
            )  # fmt: skip
        check_body(request, self.media_type)
        return caller

    def authenticate(self, request: HttpRequest, token: str) -> Caller | None:
        return caller_with(token, now())


# One name in OpenAPI for the one way to authenticate, whatever the action.
Token.__name__ = "BearerToken"


def token_in(request: HttpRequest) -> str:
    """The bearer token of the request. Raises `Problem` if there is none."""
    scheme, _, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Problem("not_authenticated", "Send a token: Authorization: Bearer dibs_...")
    return str(token.strip())


def check_query(request: HttpRequest, known: type[BaseModel]) -> None:
    """Refuse a query that asks for what there is not: a filter with a slip in its name would answer with everything."""
    unknown = sorted(set(request.GET) - set(known.model_fields))
    if unknown:
        errors = [
            {"where": [name], "code": "extra_forbidden", "message": "There is no such parameter"} for name in unknown
        ]
        raise Problem("invalid", f"{unknown[0]}: There is no such parameter", errors=errors)


def check_body(request: HttpRequest, media_type: str = "application/json") -> None:
    """Refuse a body that is too large or says that it is not of this kind. Raises `Problem`."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    size = int(length) if length.isdigit() else 0
    longest = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    if media_type != "application/json":
        longest = settings.UPLOAD_LARGEST + (1 << 20)  # with what is around the file
    if longest is not None and size > longest:
        raise Problem("body_too_large", f"At most {longest} bytes are read.")
    if size and request.method in {"POST", "PUT", "PATCH"} and request.content_type != media_type:
        raise Problem("unsupported_media_type", f"The body came as {request.content_type or 'no media type'}.")
