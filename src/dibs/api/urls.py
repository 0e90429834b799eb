"""The API under ``/api/v1``: its routes, its OpenAPI document, and one shape for every error."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache, wraps
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.urls import URLPattern, path, re_path
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation
from ninja.parser import Parser

from dibs import __version__
from dibs.api.idempotency import HEADER, KEPT_FOR
from dibs.api.problems import MEDIA_TYPE, Problem, field_errors
from dibs.api.routes import (
    accounts,
    acts,
    assessments,
    bulk,
    claims,
    do_not_contact,
    helping,
    imports,
    leads,
    matches,
    metrics,
    mine,
    moves,
    notices,
    opportunities,
    people,
    policies,
    pools,
    privacy,
    reports,
    reps,
    scores,
    scoring,
    sources,
    territories,
    trying,
    work,
)
from dibs.insight.pages import BadCursor
from dibs.insight.pools import BadFilter

View = Callable[..., HttpResponseBase]


class StrictJson(Parser):
    """JSON as the standard has it: no NaN, no Infinity."""

    def parse_body(self, request: HttpRequest) -> Any:
        return json.loads(request.body, parse_constant=_no_constant)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


class Api(NinjaAPI):
    """Says in its OpenAPI document what ninja cannot know: the media type of problems, the idempotency key, a batch's items."""

    def get_openapi_operation_id(self, operation: Operation) -> str:
        return operation.view_func.__name__

    def get_openapi_schema(self, *args: Any, **given: Any) -> OpenAPISchema:
        schema = super().get_openapi_schema(*args, **given)
        for methods in schema["paths"].values():
            for method, operation in methods.items():
                if method == "post" and _KEY not in operation["parameters"]:
                    operation["parameters"].append(_KEY)
                for status, said in operation["responses"].items():
                    if int(status) >= 400 and "content" in said:
                        said["content"] = {MEDIA_TYPE: next(iter(said["content"].values()))}
        for batch, items, one in (("LeadsIn", "leads", "LeadIn"), ("AccountsIn", "accounts", "AccountIn")):
            properties = schema["components"]["schemas"][batch]["properties"]
            properties[items]["items"] = {"$ref": f"#/components/schemas/{one}"}
        return schema


_KEY = {
    "in": "header",
    "name": HEADER,
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
    "description": f"Sent again within {KEPT_FOR.days * 24} hours with the same key and body, the write is done once and its "
    "answer given again. With another body: 422.",
}

api = Api(
    title="Dibs",
    version=__version__,
    description="Decides who gets which sales lead, and says why. Send a token: `Authorization: Bearer dibs_...`.",
    docs_url=None,
    openapi_url=None,
    parser=StrictJson(),
)
for room in (
    bulk,
    leads,
    pools,
    claims,
    acts,
    people,
    notices,
    trying,
    territories,
    policies,
    metrics,
    reports,
    scores,
    scoring,
    reps,
    helping,
    assessments,
    moves,
    opportunities,
    accounts,
    matches,
    privacy,
    do_not_contact,
    mine,
    work,
    imports,
    sources,
):
    api.add_router("", room.router)


@api.exception_handler(Problem)
def _problem(request: HttpRequest, exc: Problem) -> HttpResponse:
    return exc.response()


@api.exception_handler(BadCursor)
def _bad_cursor(request: HttpRequest, exc: BadCursor) -> HttpResponse:
    return Problem("bad_cursor").response()


@api.exception_handler(BadFilter)
def _bad_filter(request: HttpRequest, exc: BadFilter) -> HttpResponse:
    return Problem("bad_filter", f"There is no {exc.what} to filter or sort by here.").response()


@api.exception_handler(ValidationError)
def _invalid(request: HttpRequest, exc: ValidationError) -> HttpResponse:
    errors = field_errors(exc.errors)
    where = ".".join(str(part) for part in errors[0]["where"]) if errors else ""
    return Problem("invalid", f"{where}: {errors[0]['message']}" if errors else "", errors=errors).response()


@api.exception_handler(HttpError)
def _http_error(request: HttpRequest, exc: HttpError) -> HttpResponse:
    # Ninja raises it for one thing only that is not asked before it: a body that it cannot read.
    return Problem("bad_json" if exc.status_code == 400 else "not_authenticated").response()


@api.exception_handler(Http404)
def _not_found(request: HttpRequest, exc: Http404) -> HttpResponse:
    return Problem("not_found").response()


@cache
def document() -> str:
    """The OpenAPI document."""
    return json.dumps(api.get_openapi_schema(path_prefix="/api/v1/"), ensure_ascii=False)


@csrf_exempt
def openapi(request: HttpRequest) -> HttpResponse:
    if request.method != "GET":
        return Problem("method_not_allowed", "This address answers GET.", headers={"Allow": "GET"}).response()
    return HttpResponse(document(), content_type="application/json")


@csrf_exempt
def nothing_here(request: HttpRequest) -> HttpResponse:
    return Problem("not_found", "The API has no such address.").response()


def _with_problems(view: View) -> View:
    """The same view, its errors in the API's shape also where ninja does not make them."""

    @csrf_exempt
    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **given: Any) -> HttpResponseBase:
        response = view(request, *args, **given)
        if isinstance(response, HttpResponseNotAllowed):
            allowed = response["Allow"]
            return Problem(
                "method_not_allowed", f"This address answers {allowed}.", headers={"Allow": allowed}
            ).response()
        return response

    return answered


@csrf_exempt
def claim(request: HttpRequest, lead_id: str) -> HttpResponse:
    """The way to `claims.claim` that asks nothing of ninja, whose checks cost as much as the claim's own Python."""
    if request.method != "POST":
        return Problem("method_not_allowed", "This address answers POST.", headers={"Allow": "POST"}).response()
    try:
        return claims.claim(request, lead_id)
    except Problem as refused:
        return refused.response()


def _routes() -> list[URLPattern]:
    patterns, _, _ = api.urls
    return [
        path(f"v1/{pattern.pattern}", _with_problems(pattern.callback))
        for pattern in patterns
        if isinstance(pattern, URLPattern) and pattern.name not in {"api-root", "claim_lead"}
    ]


urlpatterns = [
    path("v1/leads/<str:lead_id>/claim", claim),
    path("v1/openapi.json", openapi),
    *_routes(),
    re_path("", nothing_here),
]
