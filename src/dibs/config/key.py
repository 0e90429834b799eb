"""The installation's secret key: made once, kept in the data folder, for nobody else to read."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from dibs.config.database import Trouble


def secret_key(data: Path) -> str:
    """The key in ``data``, made if there is none. Two processes that make it at once agree on one."""
    path = data / "secret_key"
    try:
        if not path.exists():
            growing = data / f".secret_key-{os.getpid()}"
            with open(os.open(growing, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.write(secrets.token_urlsafe(48))
            try:
                os.link(growing, path)  # fails where another process was first
            except FileExistsError:
                pass
            finally:
                growing.unlink()
        key = path.read_text().strip()
    except OSError as problem:
        raise Trouble(f"The secret key {path} can't be read: {problem.strerror}.") from None
    if len(key) < 32:
        raise Trouble(f"The secret key {path} is damaged. Delete it to have a new one made; everybody logs in again.")
    return key
