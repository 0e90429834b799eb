"""Accounts: whom leads belong to, whose they are, and of which family."""

from __future__ import annotations

import json
from typing import Annotated, Any

from django.http import HttpResponse
from django.utils.timezone import now
from ninja import Query, Router
from pydantic import Field, ValidationError

from dibs.api import answers
from dibs.api.documentation import reads, writes
from dibs.api.idempotency import once
from dibs.api.problems import Problem, field_errors
from dibs.api.routes.acts import id_in
from dibs.api.shapes import Incoming, text
from dibs.api.shapes import Problem as ProblemShape
from dibs.api.shapes_of_accounts import (
    AccountIn,
    AccountOut,
    AccountPage,
    AccountReceipt,
    AccountReceipts,
    AccountsIn,
)
from dibs.api.tokens import Request, Token, check_query
from dibs.insight.accounts import AccountCard, account_in_sight, accounts_page
from dibs.intake.accounts import Taken, receive_accounts
from dibs.people.access import Action

router = Router(tags=["accounts"])

_SEE = Token(Action.SEE_ACCOUNTS)
_WRITE = Token(Action.WRITE_ACCOUNTS)


class AccountFilters(Incoming):
    name: Annotated[str, text(300, 1)] | None = Field(None, description="As names are compared: without legal forms.")
    domain: Annotated[str, text(253, 1)] | None = None
    external_id: Annotated[str, text(200, 1)] | None = None
    phone: Annotated[str, text(64, 1)] | None = None
    owner: Annotated[str, text(100, 1)] | None = Field(None, description="The handle of the rep whose own they are.")
    parent: Annotated[str, text(200, 1)] | None = Field(None, description="The id or external id of the one above.")
    cursor: Annotated[str, text(200, 1)] | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 50


@router.get("/accounts", auth=_SEE, response=reads(AccountPage), summary="List accounts, newest first")
def list_accounts(request: Request, wanted: Query[AccountFilters]) -> HttpResponse:
    check_query(request, AccountFilters)
    caller = request.auth
    filters = wanted.model_dump(exclude={"cursor", "limit"}, exclude_none=True)
    return answers.page(accounts_page(caller, filters, cursor=wanted.cursor, limit=wanted.limit), _shown)


@router.post(
    "/accounts", auth=_WRITE, response=writes({201: AccountReceipt, 200: AccountReceipt}), summary="Create or change an account"
)  # fmt: skip
def write_account(request: Request, body: AccountIn) -> HttpResponse:
    """201 for a new one; 200 for one that is here. Its owner gets the leads that come from now on; those that are here stay with who
    has them (a move takes them along)."""
    caller = request.auth
    at = now()

    def write() -> HttpResponse:
        (taken,) = receive_accounts(caller.workspace_id, [json.loads(request.body)], at)
        _or_problem(taken)
        return answers.answer(_receipt(taken), 201 if taken.outcome == "created" else 200)

    return once(request, caller, at, write)


@router.post(
    "/accounts/batch",
    auth=_WRITE,
    response=writes({200: AccountReceipts}),
    summary="Create or change up to 1,000 accounts",
)
def write_accounts(request: Request, body: AccountsIn) -> HttpResponse:
    """Answers each one by its place. One that is refused does not keep the others out."""
    caller = request.auth
    at = now()

    def write() -> HttpResponse:
        receipts: list[dict[str, Any] | None] = []
        fit: list[dict[str, Any]] = []
        for given in body.accounts:
            try:
                AccountIn.model_validate(given)
                fit.append(given)
                receipts.append(None)
            except ValidationError as problem:
                receipts.append({"outcome": "refused", "errors": field_errors(problem.errors())})
        taken = iter(receive_accounts(caller.workspace_id, fit, at) if fit else ())
        return answers.answer({"items": [said or _receipt(next(taken)) for said in receipts]})

    return once(request, caller, at, write)


@router.get("/accounts/{account_id}", auth=_SEE, response=reads(AccountOut), summary="Read an account")
def read_account(request: Request, account_id: str) -> HttpResponse:
    caller = request.auth
    card = account_in_sight(caller, id_in(account_id))
    if card is None:
        raise Problem("not_found")
    return answers.answer(_shown(card))


@router.patch(
    "/accounts/{account_id}", auth=_WRITE, response=writes({200: AccountOut}) | {409: ProblemShape}, summary="Change an account"
)  # fmt: skip
def change_account(request: Request, account_id: str, body: AccountIn) -> HttpResponse:
    """What is left out stays as it is; null takes away what there is."""
    caller = request.auth
    account, at = id_in(account_id), now()

    def write() -> HttpResponse:
        (taken,) = receive_accounts(caller.workspace_id, [json.loads(request.body)], at, known=[account])
        if taken.code == "account_unknown":
            raise Problem("not_found")
        _or_problem(taken)
        card = account_in_sight(caller, account)
        assert card is not None
        return answers.answer(_shown(card))

    return once(request, caller, at, write)


def _or_problem(taken: Taken) -> None:
    if taken.code is not None:
        raise Problem("invalid", f"{taken.field}: {taken.message}", errors=_errors(taken))


def _receipt(taken: Taken) -> dict[str, Any]:
    if taken.code is not None:
        return {"outcome": "refused", "errors": _errors(taken)}
    return {"outcome": taken.outcome, "id": taken.id}


def _errors(taken: Taken) -> list[dict[str, Any]]:
    return [{"where": [taken.field] if taken.field else [], "code": taken.code, "message": taken.message}]


def _shown(card: AccountCard) -> dict[str, Any]:
    return {name: getattr(card, name) for name in AccountOut.model_fields}
