"""Writes ``docs/reference/api.md`` from the routes themselves: ``python -m tests.api.reference``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "api.md"

_HEAD = """# HTTP API

Under `/api/v1`; the OpenAPI document is at `/api/v1/openapi.json`. This page is made from the routes themselves.

## Calling it

Send a token with each request: `Authorization: Bearer dibs_...`. `dibs token create EMAIL` makes one. A person's token may all
that the person may, unless it is narrowed with scopes; an integration's token may only what its scopes say.

**Lists** come in pages, `{"items": [...], "next": "..."}`. Ask for the next one with `cursor=` and the value of `next`, all else the
same; `null` means that this was the last. `limit` is 1 to 1,000. A page may hold fewer items than asked for and still have a
next one.

**Writes** can be sent again: give each an `Idempotency-Key` of its own, up to 200 visible ASCII characters. The same key with the
same body within a day is done once and answered again (`Idempotent-Replayed: true`), also at the same moment; with another body
it is refused. Keys are the caller's own.

**What the caller may not see** is not sent. A masked field is absent from a lead and named in its `hidden`; a lead that the caller
may not know of answers 404, the same as one that there is not. Search, filters and orders reach only fields that the caller sees.

**Moments** are ISO 8601 in UTC, spans are seconds. **Bodies** are JSON (`application/json`), up to 32 MB.

## Claiming

`POST /api/v1/leads/{lead_id}/claim` answers 200 with the lead in full, `lock_expires_at` and its lease, `claim`. Show the lease when
acting on the lead (`{"claim": "..."}`): if it has lapsed, the act is refused with 409 `claim_lapsed`, even if the lead is yours
again. Somebody else has it: 409 `already_claimed`, and `by` says who. A rule is in the way: 403 with the rule's code, and
`remedy` says what would make it a yes.

```console
$ curl -X POST -H "Authorization: Bearer $TOKEN" https://dibs.example/api/v1/leads/$LEAD/claim
{"id":"...","state":"owned","owner":"aiko","lock_expires_at":"2026-03-02T09:15:00Z","claim":"...", ...}
```

## Errors

Every error is `application/problem+json` ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)): `status`, `title`, `detail`, and a `code`
that stays the same. An invalid request also has `errors`, each with `where`, `code` and `message`.

| code | status | meaning |
|---|---|---|
"""

_REFUSALS = """
When the rules refuse a claim or an act, the code is the refusal's own: 409 if it is about what the lead is just now
({conflicts}), 503 for {busy}, otherwise 403. They are in the [reference of reasons](reasons.md), and come with `reasons` and `remedy`,
both with `text` in the caller's language.

## Roles and scopes

| action | roles | scope |
|---|---|---|
"""


def render() -> str:
    """The whole page. Django must be set up."""
    from dibs.api.problems import BUSY, CODES, CONFLICTS
    from dibs.people.access import ACCESS
    from dibs.people.models import Role

    codes = "\n".join(f"| `{code}` | {status} | {title} |" for code, (status, title) in CODES.items())
    said = ", ".join(f"`{code}`" for code in sorted(CONFLICTS))
    refusals = _REFUSALS.format(conflicts=said, busy=", ".join(f"`{code}`" for code in sorted(BUSY)))
    access = "\n".join(
        f"| {action.value.replace('_', ' ')} | {', '.join(role for role in Role.values if role in granted.roles)} | `{granted.scope}` |"
        for action, granted in ACCESS.items()
    )
    return f"{_HEAD}{codes}\n{refusals}{access}\n\n## Routes\n\n" + "\n".join(_routes())


def _routes() -> Iterator[str]:
    from dibs.api.urls import api, document

    schema = json.loads(document())
    actions = {
        (operation.methods[0], path): operation.auth_callbacks[0].action
        for bound in api._get_bound_routers()
        for path, view in bound.path_operations.items()
        for operation in view.operations
    }
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            action = actions[method.upper(), path.removeprefix("/api/v1")]
            yield f"### `{method.upper()} {path}`\n"
            yield f"{operation['summary']}. Needs: {action.value.replace('_', ' ')}.\n"
            if said := operation.get("description"):
                yield re.sub(r"\s+", " ", said).strip() + "\n"
            if fields := list(_fields(operation, schema)):
                yield "| name | in | type | |\n|---|---|---|---|\n" + "\n".join(fields) + "\n"
            answers = ", ".join(
                f"{status} {_shape(said)}".strip()
                for status, said in operation["responses"].items()
                if int(status) < 400
            )
            yield f"Answers {answers}.\n"


def _fields(operation: dict[str, Any], schema: dict[str, Any]) -> Iterator[str]:
    for parameter in operation["parameters"]:
        if parameter["in"] == "query":
            yield _row(parameter["name"], "query", parameter["schema"], parameter["required"])
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    ref = next((part["$ref"] for part in [body, *body.get("anyOf", [])] if "$ref" in part), None)
    if ref:
        shape = schema["components"]["schemas"][ref.rsplit("/", 1)[1]]
        for name, said in shape["properties"].items():
            yield _row(name, "body", said, name in shape.get("required", []))


def _row(name: str, where: str, said: dict[str, Any], required: bool) -> str:
    about = said.get("description", "") + (" Required." if required else "")
    return f"| `{name}` | {where} | {_type(said)} | {about.strip()} |"


def _type(said: dict[str, Any]) -> str:
    if "$ref" in said:
        return str(said["$ref"].rsplit("/", 1)[1])
    if "anyOf" in said:
        return " or ".join(dict.fromkeys(_type(part) for part in said["anyOf"] if part.get("type") != "null"))
    if "enum" in said:
        return ", ".join(f"`{value}`" for value in said["enum"] if value != "")
    if "const" in said:
        return f"`{said['const']}`"
    if said.get("type") == "array":
        return f"list of {_type(said.get('items', {}))}"
    return str(said.get("format") or said.get("type", "anything"))


def _shape(said: dict[str, Any]) -> str:
    content = next(iter(said.get("content", {}).values()), {})
    return f"`{_type(content['schema'])}`" if content else "without a body"


if __name__ == "__main__":
    import django

    django.setup()
    PAGE.write_text(render(), encoding="utf-8")
