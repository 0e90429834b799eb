"""A day by a policy that has leads qualified by prediction: the floor and the live service ask the same model and agree."""

from __future__ import annotations

import pytest

from dibs.crm.models import Lead
from dibs.distribution import policies
from dibs.distribution.models import ScoreModel
from dibs.people.tenancy import enter
from tests.conformance.model_day import MONDAY, POLICIES, ModelDay, at
from tests.engine.test_prediction import DOCUMENT

pytestmark = pytest.mark.django_db(transaction=True)


def _predicted() -> ModelDay:
    day = ModelDay("hot_push_warm_pull", {"closers": ["aiko", "budi"], "field": ["diego"]})
    text = (POLICIES / "hot_push_warm_pull.yaml").read_text(encoding="utf-8")
    policies.publish(day.workspace.id, text.replace("qualify:", "qualify:\n  by: prediction", 1), by=None, now=MONDAY)
    ScoreModel.objects.create(workspace=day.workspace, number=1, state="ready", active=True, document=DOCUMENT)
    active = policies.active(day.workspace.id)
    assert active is not None
    assert active.book.model is not None
    day.floor.book, day.floor.digest = active.book, active.digest
    return day


def test_who_gets_what_is_by_the_likelihood_that_both_find() -> None:
    day = _predicted()
    likely = {"source": "pricing", "employees": 100, "domain": "acme.example", "email": "a@acme.example"}
    assert day.arrives("likely", at("9:00"), **likely).startswith("owned ")
    assert day.arrives("unlikely", at("9:01"), source="list", employees=5) == "pool inbound"
    assert day.claim("diego", "unlikely", at("9:05")) == "claimed"
    assert day.arrives("middling", at("9:06"), source="fair", employees=5) == "pool inbound"
    better = {"source": "pricing", "employees": 100, "attributes": {"plan": "pro"}}
    assert day.learns("middling", at("9:10"), **better).startswith("owned ")
    day.works(day.holder("likely"), "likely", at("9:11"), wins=True)
    day.passes(at("12:00"))
    enter(day.workspace.id)
    for name, lead_id in day.named.items():
        known = day.floor.leads[str(lead_id)].facts.likelihood
        assert known is not None
        assert Lead.objects.get(id=lead_id).likelihood == known, name
