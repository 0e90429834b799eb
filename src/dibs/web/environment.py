"""Jinja2 as the pages use it."""

from __future__ import annotations

from typing import Any

from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import gettext, ngettext, npgettext, pgettext
from jinja2 import Environment
from lucide.jinja import lucide

from dibs.delivery import wording
from dibs.people.tenancy import new_token
from dibs.web import shown


def environment(**options: Any) -> Environment:
    environment = Environment(  # noqa: S701 (Django turns autoescape on)
        **options, trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.i18n", "jinja2.ext.do"]
    )
    environment.install_gettext_callables(  # type: ignore[attr-defined]
        gettext, ngettext, newstyle=True, pgettext=pgettext, npgettext=npgettext
    )
    environment.globals.update(
        static=static,
        url=reverse,
        icon=lucide,
        word=wording.word,
        new_token=new_token,
        field_name=lambda name: wording.field_name(name, wording.active_language()),
        in_words=lambda text: wording.condition_in_words(text, wording.active_language()),
    )
    environment.filters.update(
        absence=shown.absence,
        ago=shown.ago,
        called=shown.called,
        clock=shown.clock,
        countdown=shown.countdown,
        country=shown.country,
        date_of=shown.date_of,
        day=shown.day,
        flagged=wording.flagged,
        moment_in=shown.moment_in,
        money=shown.money,
        month=shown.month,
        number=shown.number,
        percent=wording.percent,
        since=shown.since,
        short_span=shown.short_span,
        span=lambda value: wording.span(value, wording.active_language()),
        titled=wording.titled,
        until_then=shown.until_then,
        value_of=shown.value_of,
    )
    return environment
