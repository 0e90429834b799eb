"""Puts the policies of ``policies/`` into the pages that speak of them: ``python docs/write_model_pages.py``.

A page of ``docs/models/`` shows a file where it has a block ``yaml title="policies/NAME.yaml"``.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs" / "models").glob("*.md"))

_SHOWN = re.compile(r'^```yaml title="(policies/\w+\.yaml)"\n.*?^```$', re.MULTILINE | re.DOTALL)


def render(page: Path) -> str:
    """The page as it should be, with each file as it is now."""
    return _SHOWN.sub(_block, page.read_text(encoding="utf-8"))


def shown(page: Path) -> list[str]:
    """The files that a page shows."""
    return _SHOWN.findall(page.read_text(encoding="utf-8"))


def _block(found: re.Match[str]) -> str:
    policy = (ROOT / found[1]).read_text(encoding="utf-8").rstrip()
    return f'```yaml title="{found[1]}"\n{policy}\n```'


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(render(page), encoding="utf-8")
