"""Synthetic reps and their faces."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from dibs.simulation.faces import HAIRS, Features, draw_features, face
from dibs.simulation.people import SyntheticRep, synthetic_reps
from dibs.simulation.team import LOGINS, REPS, TEAMS, sample_reps, teams_of


def _at_work(rep: SyntheticRep, now: datetime) -> bool:
    local = now.astimezone(ZoneInfo(rep.timezone))
    span = rep.hours.get(local.isoweekday())
    return span is not None and span[0] <= local.hour * 60 + local.minute < span[1]


def test_the_same_seed_draws_the_same_face() -> None:
    assert face("aiko") == face("aiko")


def test_faces_differ() -> None:
    assert len({face(str(number)) for number in range(200)}) > 190


@pytest.mark.parametrize("hair", HAIRS)
def test_a_face_is_a_small_document_without_styles_links_or_ids(hair) -> None:
    drawing = face("seed", Features(hair=hair, skin=2, hair_colour=1, beard="full", glasses=True, earrings=True))
    root = ET.fromstring(drawing)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert len(drawing) < 4_000
    for element in root.iter():
        assert element.tag.rpartition("}")[2] in {"svg", "g", "path", "circle", "ellipse", "rect"}
        assert not {"style", "id", "href", "class"} & set(element.attrib)


def test_hair_is_never_the_colour_of_dark_skin() -> None:
    for number in range(500):
        features = draw_features(str(number))
        assert features.skin < 3 or features.hair_colour in (0, 1, 2, 6)


def test_reps_take_the_countries_in_turn_and_have_handles_of_their_own() -> None:
    reps = synthetic_reps(60, "floor")
    assert len({rep.handle for rep in reps}) == 60
    assert [rep.country for rep in reps[:8]] == ["JP", "MX", "ES", "ID", "CO", "BR", "DE", "JP"]
    assert reps == synthetic_reps(60, "floor")


def test_the_sample_has_its_three_teams_and_everybody_is_in_one() -> None:
    assert set(TEAMS) == set(REPS) == {"closers", "tokyo", "field"}
    assert all(teams_of(handle) for handle in sample_reps())
    assert teams_of("aiko") == ("closers", "tokyo")


def test_sample_people_have_handles_and_faces_of_their_own() -> None:
    handles = [*sample_reps(), *(login.handle for login in LOGINS)]
    assert len(set(handles)) == len(handles)
    assert len({rep.face for rep in sample_reps().values()}) == len(sample_reps())


@pytest.mark.parametrize("team", ["closers", "field"])
@pytest.mark.parametrize("monday", [datetime(2026, 1, 12, tzinfo=UTC), datetime(2026, 7, 13, tzinfo=UTC)])
def test_somebody_of_closers_and_field_is_at_work_at_every_hour_of_the_week(team, monday) -> None:
    for half_hours in range(7 * 48):
        now = monday + timedelta(minutes=30 * half_hours)
        assert any(_at_work(rep, now) for rep in REPS[team]), f"{now:%A %H:%M}"
