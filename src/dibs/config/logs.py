"""How Dibs logs: structlog, one line an event, as text for people or JSON for machines."""

from __future__ import annotations

import logging
import logging.config
import time
from typing import Any

import structlog

_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


class _DatabaseGone(logging.Filter):
    """Requests that find no database say so once in five seconds and without a traceback, not once each."""

    _last = float("-inf")

    def filter(self, record: logging.LogRecord) -> bool:
        if getattr(record, "status_code", None) != 503:
            return True
        if time.monotonic() - self._last < 5:
            return False
        self._last = time.monotonic()
        record.exc_info = None
        record.exc_text = None
        return True


def set_up(*, json: bool, level: str) -> None:
    """Set up logging for this process, to standard error."""
    # Plain tracebacks: structlog's usual ones show local variables, and in those are passwords and what leads told of themselves.
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if json
        else structlog.dev.ConsoleRenderer(
            colors=False, pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
        )
    )
    after: list[Any] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if json:
        after.append(structlog.processors.format_exc_info)
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "line": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "foreign_pre_chain": _SHARED,
                    "processors": [*after, renderer],
                }
            },
            "filters": {"gone": {"()": _DatabaseGone}},
            "handlers": {"err": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["gone"]}},
            "root": {"handlers": ["err"], "level": level},
            "loggers": {
                "procrastinate": {"level": "WARNING"},
                # A 4xx is the caller's to know.
                "django.request": {"level": "ERROR"},
                "httpx": {"level": "WARNING"},
                # The one that uses the pool says what went wrong.
                "psycopg.pool": {"level": "ERROR"},
            },
        }
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
