"""Jinja2 as the pages use it."""

from __future__ import annotations

from typing import Any

from django.templatetags.static import static
from django.urls import reverse
from jinja2 import Environment


def environment(**options: Any) -> Environment:
    environment = Environment(**options, trim_blocks=True, lstrip_blocks=True)  # noqa: S701 (Django turns autoescape on)
    environment.globals.update(static=static, url=reverse)
    return environment
