from __future__ import annotations

import pytest

from tests.integration.distribution.scene import Scene, make_scene


@pytest.fixture
def scene() -> Scene:
    return make_scene()
