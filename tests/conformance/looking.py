"""A rep looks at everything there is to look at, and sees exactly what the policy lets them see."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from dibs.insight.pools import BadFilter, pool_page
from dibs.insight.sight import lead_in_sight
from dibs.insight.story import story_of
from dibs.people.caller import Caller
from tests.conformance.drawn import CANARIES, POOLS
from tests.conformance.invariants import Floor, Leads


def look_around(rules: Floor, leads: Leads, rep: str, caller: Caller) -> None:
    """Every pool page, a search in it, every lead and every lead's story."""
    _look_into_pools(rules, leads, rep, caller)
    for lead_id, lead in leads.items():
        shown = rules.shows(leads, lead_id, rep)
        seen = lead_in_sight(caller, UUID(lead_id), rules.now)
        assert (seen is None) == (shown is None), f"{rep} sees {lead_id} as {seen}, not as {shown}"
        if seen is None or shown is None:
            assert story_of(caller, UUID(lead_id), rules.now) is None
            continue
        for name in CANARIES:
            assert (name in seen) == ("*" in shown or name in shown), f"{rep} sees {name} of {lead_id}: {shown}"
        told = _text([dict(seen), [entry.as_dict() for entry in story_of(caller, UUID(lead_id), rules.now) or ()]])
        for name in CANARIES:
            if "*" not in shown and name not in shown:
                assert getattr(lead.facts, name) not in told, f"{rep} reads {name} of {lead_id}"


def _look_into_pools(rules: Floor, leads: Leads, rep: str, caller: Caller) -> None:
    for pool in POOLS:
        page = pool_page(caller, pool, now=rules.now, limit=1000)
        assert (page is None) == (rules.level(rep, pool) == "none"), pool
        if page is None:
            continue
        pool_rules = rules.pool(pool)
        assert pool_rules is not None
        line = rules.line(leads, pool, rep)
        queue = pool_rules["mode"] == "queue"
        assert [str(seen["id"]) for seen in page.items] == (line[:1] if queue else line), pool
        # In a list, what was opened stays a preview.
        full = rules.level(rep, pool) == "full"
        for seen in page.items:
            told, facts = _text(dict(seen)), leads[str(seen["id"])].facts
            for name in CANARIES:
                assert (getattr(facts, name) in told) == (full or name in pool_rules["preview"]), (pool, name)
        if page.items and not queue:
            hidden = [name for name in CANARIES if not full and name not in pool_rules["preview"]]
            _search_for_what_is_hidden(rules, rep, caller, pool, leads[str(page.items[0]["id"])].facts, hidden)


def _search_for_what_is_hidden(
    rules: Floor, rep: str, caller: Caller, pool: str, facts: Any, hidden: list[str]
) -> None:
    """What is masked is not found, not filtered by and not sorted by either: the answer would tell what it says."""
    for name in hidden:
        page = pool_page(caller, pool, q=getattr(facts, name), now=rules.now)
        assert page is not None
        assert not page.items, f"{rep} finds leads by {name}"
    if "city" in hidden:
        try:
            pool_page(caller, pool, filters={"city": [facts.city]}, now=rules.now)
        except BadFilter:
            return
        raise AssertionError(f"{rep} filters by what is hidden")


def _text(what: Any) -> str:
    return json.dumps(what, default=str, ensure_ascii=False)
