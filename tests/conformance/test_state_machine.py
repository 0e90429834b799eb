"""Random reps, leads, clocks and policies, on the service and on the floor in memory: they never differ."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.conformance.machine import TwoWorlds

pytestmark = pytest.mark.django_db(transaction=True)

#: The same days in every run. ``--hypothesis-profile=long`` plays others each time, many more and longer ones: it is for the night.
_EVERY_RUN = settings(max_examples=60, stateful_step_count=40, derandomize=True, database=None, print_blob=False)
_SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)


def test_whatever_happens_the_service_and_the_floor_agree() -> None:
    how = settings() if settings.get_current_profile_name() == "long" else _EVERY_RUN
    run_state_machine_as_test(
        TwoWorlds, settings=settings(how, suppress_health_check=_SLOW, report_multiple_bugs=False)
    )
