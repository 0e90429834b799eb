"""A small company, and people who look at its pages."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from dibs.people.models import Rep
from dibs.people.tenancy import enter
from tests.api.conftest import Company, make_company

_BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


def as_(who: Any) -> Client:
    """A browser in which this person is logged in."""
    browser = Client()
    browser.force_login(who.user if isinstance(who, Rep) else who, backend=_BACKEND)
    return browser


@pytest.fixture
def company(db: Any) -> Company:
    return make_company()


@pytest.fixture
def other(company: Company) -> Company:
    """Another company on the same server."""
    there = make_company()
    enter(company.workspace.id)
    return there
