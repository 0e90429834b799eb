"""What somebody may not see is in nothing that Dibs sends them: not in any answer of the API, page, file, header, error or event.

The places to look in are asked of the API's document and of the pages' addresses, so a new one without a place in the walk fails
here. Who may see what is told in ``planted`` from the policy alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.test import Client
from django.urls import URLPattern

from dibs.api.urls import document
from dibs.config import watching
from dibs.config.following import messages_for
from dibs.people.caller import caller_of
from dibs.people.tenancy import enter
from dibs.web.urls import urlpatterns
from tests.integration.planted import FIELDS, PREVIEW, Company, Planted, Someone, found_in, plant

pytestmark = pytest.mark.django_db

WHO = (
    "sees in full", "sees previews", "sees nothing", "of another team", "manager", "manager of another team", "operations",
    "integration", "integration without scopes", "integration that reads no leads", "another company's operations", "nobody",
)  # fmt: skip
_BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
#: Where accounts are told of. They are the company's: who leads, and a program that may, reads all of them, and whose they are.
ABOUT_ACCOUNTS = (" /accounts", " /matches")
#: Bodies of acts that want one.
BODIES: dict[str, Any] = {
    "retire": {"why": "other"},
    "assign": {"rep": "aiko"},
}


#: What stands for a parameter of a page that no lead of the walk has.
PLACES = {"template": "call", "token": "made-up", "mail": "hello", "language": "en", "number": "1", "to": "on"}


@pytest.fixture
def company(db: Any) -> Company:
    return plant()


class Walk:
    """Somebody goes through everything; ``heard`` is all they were sent."""

    def __init__(self, company: Company, who: Someone) -> None:
        self.company, self.who = company, who
        self.heard: list[tuple[str, str]] = []
        self.api = {"Authorization": f"Bearer {who.token}"} if who.token else {}
        self.program, self.browser = Client(raise_request_exception=True), Client(raise_request_exception=True)
        if who.user is not None:
            self.browser.force_login(who.user, backend=_BACKEND)

    def hear(self, where: str, response: Any) -> Any:
        headers = "\n".join(f"{name}: {value}" for name, value in response.headers.items())
        body = b"".join(response.streaming_content) if response.streaming else response.content
        self.heard.append((where, f"{headers}\n{body.decode()}"))
        assert response.status_code < 500, where
        return response

    def get(self, path: str, **query: Any) -> Any:
        return self.hear(f"GET {path} {query}", self.program.get(f"/api/v1{path}", query, headers=self.api))

    def post(self, path: str, body: Any = None) -> Any:
        sent = json.dumps(body) if body is not None else ""
        given = self.program.generic("POST", f"/api/v1{path}", sent, content_type="application/json", headers=self.api)
        # A lead that was given or worked on is the caller's to see: it is the refusals that may not tell.
        return self.hear(f"POST {path}", given) if given.status_code >= 400 else given

    def page(self, path: str, **query: Any) -> Any:
        return self.hear(f"page {path} {query}", self.browser.get(path, query))

    def check(self, *, but: str = "") -> None:
        """Nothing was heard that may not be; and all that may be was, ``but`` this field, or the walk looked in the wrong places."""
        allowed = {(lead.number, name) for lead in self.company.leads for name in self.company.shown(self.who, lead)}
        for where, text in self.heard:
            told = found_in(text, self.company.leads) - allowed
            if any(place in where for place in ABOUT_ACCOUNTS):
                told = {(number, name) for number, name in told if name not in self.company.of_accounts(self.who)}
            assert not told, f"{self.who} reads {sorted(told)} at {where}"
        everything = set().union(*(found_in(text, self.company.leads) for _, text in self.heard))
        noted = {lead.number for lead in self.company.leads if lead.note}
        wanted = {(number, name) for number, name in allowed if name != but and (name != "note" or number in noted)}
        assert not wanted - everything, f"{self.who} was not shown {sorted(wanted - everything)}"


def api_paths(method: str) -> list[str]:
    return [path.removeprefix("/api/v1") for path, ways in json.loads(document())["paths"].items() if method in ways]


def filled(path: str, company: Company, lead: Planted, pool: str) -> str:
    """The path with its parameters. Raises `KeyError` for one that has no place in this walk."""
    values = {"lead_id": str(lead.id), "name": pool, "number": "active", "handle": "aiko", "id": str(uuid4())}
    values |= {"account_id": str(company.account), "move_id": str(company.move), "merge_id": str(uuid4())}
    # Comparisons have a walk of their own: here one that there is not.
    values["comparison_id"] = str(uuid4())
    values |= {name: str(ids[0]) for name, ids in company.things.items() if ids} | {"template": "call"}
    return path.format_map(values)


def every(path: str, company: Company) -> list[str]:
    """The path for each thing that it can be about and that is neither a lead nor a pool."""
    things = {**company.things, "match_id": company.matches}
    paths = [path]
    for name, ids in things.items():
        paths = [
            each.replace(f"{{{name}}}", str(one)) for each in paths for one in (ids if f"{{{name}}}" in each else ("",))
        ]
    return [filled(each, company, company.leads[0], "inbound") for each in paths]


def lead_paths(paths: list[str]) -> tuple[list[str], list[str], list[str]]:
    """Those about one lead, about one pool, and the rest."""
    of_leads = [path for path in paths if "{lead_id}" in path]
    of_pools = [path for path in paths if "{name}" in path and path not in of_leads]
    return of_leads, of_pools, [path for path in paths if path not in {*of_leads, *of_pools}]


@pytest.mark.parametrize("name", WHO)
def test_no_answer_of_the_api_holds_what_its_caller_may_not_see(company: Company, name: str) -> None:
    walk = Walk(company, company.people[name])
    of_leads, of_pools, rest = lead_paths(api_paths("get"))
    first = company.leads[0]
    for path in (each for given in rest for each in every(given, company)):
        walk.get(path)
        walk.get(path, nonsense=first.value("email"))
        if path.startswith("/metrics/credits"):
            walk.get(path, format="csv")
    cursor: str | None = ""
    for _ in range(len(company.leads) + 1):
        page = walk.get("/leads", limit=1, **({"cursor": cursor} if cursor else {}))
        cursor = page.json().get("next") if page.status_code == 200 else None
        if not cursor:
            break
    for lead in company.leads:
        for path in of_leads:
            walk.get(filled(path, company, lead, "inbound"))
        walk.get("/leads", email=lead.value("email"))
    for pool in PREVIEW:
        for path in of_pools:
            path = filled(path, company, first, pool)
            walk.get(path, limit=1000)
            for sort in ("-score", "score", "waiting_since"):
                walk.get(path, sort=sort)
            after = walk.get(path, limit=1)
            if after.status_code == 200 and after.json()["next"]:
                walk.get(path, limit=1, cursor=after.json()["next"])
    walk.get("/pools/nowhere/leads")
    walk.check()


@pytest.mark.parametrize("name", [name for name in WHO if "integration" not in name])
def test_no_page_holds_what_its_visitor_may_not_see(company: Company, name: str) -> None:
    who = company.people[name]
    walk = Walk(company, who)
    for pattern in urlpatterns:
        assert isinstance(pattern, URLPattern)
        for path in addresses(pattern, company):
            walk.page(path)
    for pool in PREVIEW:
        for query in (
            {"sort": "score"},
            {"sort": "-waiting_since"},
            {"limit": "1"},
            {"country": "MX"},
            {"cursor": "x"},
        ):
            walk.page(f"/pools/{pool}/", **query)
    walk.check(but="external_id")


def addresses(pattern: URLPattern, company: Company) -> Iterator[str]:
    """The page's addresses, one for each lead or pool that it can be about. A parameter of a new kind fails here."""
    route = str(pattern.pattern)
    known = {"lead_id", "name", "field", "handle", "act", "comparison_id", "match_id", "move_id", "what", "change"}
    known |= {*company.things, *PLACES}
    assert set(pattern.pattern.converters) <= known, f"{route} has no place in this walk"
    for kind in ("uuid:", "slug:", "str:", "int:"):
        route = route.replace(f"<{kind}", "<")
    pools = list(PREVIEW) if "<name>" in route else [""]
    leads = [str(lead.id) for lead in company.leads] if "<lead_id>" in route else [""]
    if "<act>" in route:
        leads = leads[:1]
    fields = ["city", "company", "industry"] if "<field>" in route else [""]
    for pool in pools:
        for lead in leads:
            for name in fields:
                path = route.replace("<name>", pool).replace("<lead_id>", lead).replace("<field>", name)
                path = path.replace("<handle>", "aiko").replace("<act>", "contact").replace("<what>", "bulk")
                path = path.replace("<change>", "hours").replace("<comparison_id>", str(uuid4()))
                for kind, value in PLACES.items():
                    path = path.replace(f"<{kind}>", value)
                path = path.replace("<move_id>", str(company.move))
                paths = [path]
                for kind, ids in {**company.things, "match_id": company.matches[:2]}.items():
                    paths = [
                        each.replace(f"<{kind}>", str(one))
                        for each in paths
                        for one in (ids if f"<{kind}>" in each else ("",))
                    ]
                yield from ("/" + each for each in paths)


@pytest.mark.parametrize("name", WHO)
def test_no_refusal_holds_what_its_caller_may_not_see(company: Company, name: str) -> None:
    who = company.people[name]
    walk = Walk(company, who)
    of_leads, of_pools, rest = lead_paths(api_paths("post"))
    ids = [str(lead.id) for lead in company.leads]
    for path in (each for given in rest for each in every(given, company)):
        for body in (
            None,
            {"unknown": ids},
            {"act": "retire", "leads": ids, "why": "duplicate"},
            {"act": "return", "leads": ids},
        ):
            with undone(company):
                walk.post(path, body)
    for path in of_pools:
        for pool in PREVIEW:
            with undone(company):
                walk.post(filled(path, company, company.leads[0], pool))
    for lead in company.leads:
        for path in of_leads:
            with undone(company):
                walk.post(filled(path, company, lead, "inbound"), BODIES.get(path.rpartition("/")[2]))
    allowed = {(lead.number, name) for lead in company.leads for name in company.shown(who, lead)}
    for where, text in walk.heard:
        told = found_in(text, company.leads) - allowed
        assert not told, f"{who} reads {sorted(told)} at {where}"
    assert len(walk.heard) > 10


DRAFT = "policy: Nobody gets any\nroute: [{name: All, nurture: true}]"


@pytest.mark.parametrize("name", WHO)
def test_no_trial_of_a_policy_holds_what_its_caller_may_not_see(company: Company, name: str) -> None:
    who = company.people[name]
    walk = Walk(company, who)

    def tried(path: str, body: Any) -> Any:
        return walk.hear(
            f"POST {path}",
            walk.program.post(f"/api/v1{path}", json.dumps(body), content_type="application/json", headers=walk.api),
        )

    for lead in company.leads:
        tried("/policies/dry-run", {"lead_id": str(lead.id)})
        tried("/policies/dry-run", {"lead_id": str(lead.id), "source": DRAFT})
        walk.page("/policy/try/", lead=str(lead.id))
    begun = tried("/policies/compare", {"source": DRAFT, "since": "2026-01-01T00:00:00Z"})
    if begun.status_code == 201:
        at = f"/policies/comparisons/{begun.json()['id']}"
        walk.get("/policies/comparisons")
        walk.get(at)
        assert walk.get(f"{at}/leads", limit=1000).json()["items"] or who.nothing
        walk.get(f"{at}/leads", format="csv")
        walk.page(f"/policy/compare/{begun.json()['id']}/")
        walk.page(f"/policy/compare/{begun.json()['id']}/leads.csv")
    allowed = {(lead.number, field) for lead in company.leads for field in company.shown(who, lead)}
    for where, text in walk.heard:
        told = found_in(text, company.leads) - allowed
        assert not told, f"{who} reads {sorted(told)} at {where}"


@pytest.mark.parametrize("name", ["manager", "manager of another team"])
def test_typing_in_somebodys_address_tells_nothing_of_a_lead_out_of_sight(company: Company, name: str) -> None:
    who = company.people[name]
    walk = Walk(company, who)
    for lead in company.leads:
        body = {"lead": {"source": "x", "email": lead.value("email")}}
        sent = json.dumps(body)
        told = walk.program.post("/api/v1/policies/dry-run", sent, content_type="application/json", headers=walk.api)
        assert told.status_code == 200
        known = {name for number, name in found_in(told.content.decode(), company.leads) if number == lead.number}
        assert known - {"email"} <= company.shown(who, lead)
        assert company.shown(who, lead) or told.json()["touches"] is None


@contextmanager
def undone(company: Company) -> Iterator[None]:
    """What happens in this block has not happened after it."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
    enter(company.workspace.id)


@pytest.mark.parametrize("name", ["sees in full", "sees previews", "sees nothing", "of another team", "manager"])
def test_what_is_masked_is_not_found_filtered_by_nor_sorted_by(company: Company, name: str) -> None:
    who = company.people[name]
    walk = Walk(company, who)
    looked = 0
    for lead in company.leads:
        if lead.pool is None:
            continue
        for field in FIELDS:
            if field in company.shown(who, lead) or field == "note":
                continue
            answer = walk.get(f"/pools/{lead.pool}/leads", q=lead.mark(field))
            if answer.status_code == 200:
                assert answer.json()["items"] == [], f"{who} finds {lead.number} by {field}"
            page = walk.browser.get(f"/pools/{lead.pool}/", {"q": lead.mark(field)})
            assert str(lead.id) not in page.content.decode(), f"{who} finds {lead.number} by {field}"
            looked += 1
            if field in {"industry", "city", "region", "product"}:
                for only in (lead.value(field), "something else"):
                    told = walk.get(f"/pools/{lead.pool}/leads", filter=f"{field}:{only}")
                    assert told.status_code >= 400 or not told.json()["items"], (
                        f"{who} filters {lead.number} by {field}"
                    )
    assert looked > 10 or name == "manager"


@pytest.mark.parametrize("name", [name for name in WHO if "integration" not in name and name != "nobody"])
def test_no_message_of_the_live_stream_holds_a_field_of_a_lead(company: Company, name: str) -> None:
    who = company.people[name]
    assert who.user is not None
    caller = caller_of(who.user)
    viewer = watching.Viewer(caller.workspace_id, who.user.id, watching._sight(caller))
    enter(company.workspace.id)
    with connection.cursor() as cursor:
        cursor.execute("SELECT seq, event, payload::text FROM delivery_outbox ORDER BY seq")
        rows = [(seq, event, json.loads(payload)) for seq, event, payload in cursor.fetchall()]
    assert len(rows) > len(company.leads)
    assert found_in(json.dumps([payload for _, _, payload in rows]), company.leads) == set()
    told = messages_for(viewer, rows) if caller.workspace_id == company.workspace.id else []
    for lead in company.leads:
        # Where it was before, a pool that all look into, its viewers were told of it; to a manager a review may be anybody's.
        secret = (
            not company.shown(who, lead) and who.role == "rep" and (lead.pool == "tokyo" or lead.review is not None)
        )
        assert not (secret and any(str(lead.id) in text for text in told)), f"{who} hears of {lead.number}"
