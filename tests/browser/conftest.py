"""A real browser at a real Dibs, and a small company to be in."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from dibs.people.models import Rep, User
from tests.api.conftest import Company, make_company
from tests.running import Up

PASSWORD = "open sesame 1"
# A row that somebody took stays for nearly 5 s, which is all that Playwright would wait; a busy machine takes longer still.
expect.set_options(timeout=20_000)
_QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

#: Logs somebody in: in a browser of their own, with what else the context is to be like.
LogIn = Callable[..., Page]


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # Playwright runs a loop in this thread, in which Django would refuse to be asked anything.
        before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
        running = playwright.chromium.launch(executable_path=chromium, args=list(_QUIET))
        yield running
        running.close()
        if before is None:
            del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def company(running_dibs: Up, browser: Browser) -> Company:
    made = make_company()
    # The tests hash passwords in a way that the server does not know.
    User.objects.update(password=PBKDF2PasswordHasher().encode(PASSWORD, "salt", iterations=1_000))
    return made


@pytest.fixture
def log_in(running_dibs: Up, browser: Browser) -> Iterator[LogIn]:
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def log_in(who: Any, **like: Any) -> Page:
        context = browser.new_context(base_url=running_dibs.url, **like)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        # A content policy that was broken is told on the console.
        page.on(
            "console", lambda said: complaints.append(said.text) if "Content Security Policy" in said.text else None
        )
        page.goto("/account/login/")
        page.fill("[name=login]", (who.user if isinstance(who, Rep) else who).email)
        page.fill("[name=password]", PASSWORD)
        page.press("[name=password]", "Enter")
        page.wait_for_url(lambda url: "/account/login/" not in url)
        return page

    yield log_in
    for context in contexts:
        context.close()
    assert complaints == []
