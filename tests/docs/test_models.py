"""The pages on models: each shows its policy as it is, and says when to choose it and when not."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs import write_model_pages

MODELS = Path(write_model_pages.__file__).parent / "models"
PAGES = [page for page in write_model_pages.PAGES if page.name != "index.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_file_on_the_page_is_the_file_that_runs(page: Path) -> None:
    assert write_model_pages.render(page) == page.read_text(encoding="utf-8"), "run: python docs/write_model_pages.py"


def test_each_model_has_its_page() -> None:
    shown = {policy for page in PAGES for policy in write_model_pages.shown(page)}
    assert shown == {
        f"policies/{model}.yaml"
        for model in (
            "queue",
            "pool",
            "cherry_pick",
            "hot_push_warm_pull",
            "marketing_then_sales",
            "named_accounts",
            "territories",
            "best_match",
            "seniors_and_newcomers",
            "escalation",
            "tiers",
        )
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_each_page_says_when_to_choose_the_model_and_when_not(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    parts = ("\n**Choose it** ", "\n**Not** ", "\n## A day of it\n", "\n## The file\n", "\n## What goes well with it\n")
    assert [part for part in parts if text.count(part) != 1] == []
    assert sorted(parts, key=text.index) == list(parts)
    assert f"({page.name})" in (MODELS / "index.md").read_text(encoding="utf-8")
