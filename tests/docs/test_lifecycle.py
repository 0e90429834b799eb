from __future__ import annotations

from dibs.engine.lifecycle import STATES, TRANSITIONS
from docs import draw_lifecycle


def test_the_picture_and_its_page_are_what_the_table_says() -> None:
    again = "run python docs/draw_lifecycle.py"
    assert draw_lifecycle.PICTURE.read_text(encoding="utf-8") == draw_lifecycle.picture(), again
    assert draw_lifecycle.PAGE.read_text(encoding="utf-8") == draw_lifecycle.page(), again


def test_every_state_and_every_move_is_explained_and_no_other() -> None:
    assert set(draw_lifecycle.STATE) == set(STATES)
    assert set(draw_lifecycle.KIND) == {kind for kinds in TRANSITIONS.values() for kind in kinds}


def test_every_move_is_drawn() -> None:
    assert draw_lifecycle.picture().count('<g class="move') == sum(map(len, TRANSITIONS.values())) + 4, (
        "and four in the legend"
    )
