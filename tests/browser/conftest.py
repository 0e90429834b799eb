"""A real browser at a real Dibs, and a small company to be in."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.sessions.backends.db import SessionStore
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from dibs.people.models import Rep, User
from tests.api.conftest import Company, make_company
from tests.running import Up

PASSWORD = "open sesame 1"
# What comes costs no more for it, however busy the machine is.
_PATIENCE = 180_000  # milliseconds
expect.set_options(timeout=_PATIENCE)
_QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

#: Logs somebody in: in a browser of their own, with what else the context is to be like; with ``by_password`` as people do.
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


def _session(user: User) -> str:
    """The key of a session in which this user is logged in."""
    user = User.objects.get(id=user.pk)  # with the password that it has now
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    assert session.session_key
    return session.session_key


def hold_the_time(page: Page) -> None:
    """Let no time pass for what the page's scripts begin from here on, but what `page.clock.run_for` gives them: what they take away after
    a while stays until the test has seen it, however long that takes."""
    page.clock.install()
    # A moment that is not over yet when this arrives, and not so far ahead that countdowns run out.
    page.clock.pause_at(page.evaluate("Date.now()") + 120_000)


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

    def log_in(who: Any, *, by_password: bool = False, **like: Any) -> Page:
        context = browser.new_context(base_url=running_dibs.url, **like)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(_PATIENCE)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        # A content policy that was broken is told on the console.
        page.on(
            "console", lambda said: complaints.append(said.text) if "Content Security Policy" in said.text else None
        )
        user = who.user if isinstance(who, Rep) else who
        if by_password:
            page.goto("/account/login/")
            page.fill("[name=login]", user.email)
            page.fill("[name=password]", PASSWORD)
            page.press("[name=password]", "Enter")
            page.wait_for_url(lambda url: "/account/login/" not in url)
        else:
            # Nobody logs in by password as often as a quick machine would here: there is a limit to it.
            context.add_cookies(
                [{"name": settings.SESSION_COOKIE_NAME, "value": _session(user), "url": running_dibs.url}]
            )
            page.goto("/")
        return page

    yield log_in
    for context in contexts:
        context.close()
    assert complaints == []
