"""Matching new leads to accounts, with up to a million of them: one lead by itself, and what it adds to each lead of a batch.

By itself: ``python -m benchmarks.matching --accounts 10000,100000,1000000 [--json]``. Names are like those of real companies: some words
that many have, one or two that few have, a legal form. Leads write them as people do: another legal form, a slip of the pen, words
in another order, one left out; a third are of companies that are no account. Beside the time stands what a lead takes whose domain
says whose it is; beside how many are found, how many are by comparing with each account there is.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

from benchmarks.measure import Measure
from benchmarks.running import data_folder

_BATCH = 1_000
_LOOKUPS = 1_000
#: Leads that are compared with every account, which takes a second each among a million.
_COMPARED = 100
#: Percent, among any number of accounts. The more there are, the more are as like what was written as the one that was meant.
_FOUND_AGAIN = 85
_FORMS = ("Inc.", "LLC", "GmbH", "S.A. de C.V.", "Ltd", "Co., Ltd.", "S.p.A.", "Pty Ltd", "AG", "")
_TRADES = """
Trading Logistics Systems Holdings Industries Foods Energy Medical Consulting Software Construction Motors Textiles
Chemicals Marine Design Services Partners Global International Technologies Electronics Farms Media Finance Hotels
Travel Steel
"""
_SYLLABLES = """
ba be bi bo bu ka ke ki ko ku ma me mi mo mu na ne ni no nu ra re ri ro ru sa se si so su ta te ti to tu va ve vi
vo lan mer tor vil gar den fel hol ber lin mar tan wen dor nex sol ter qua zen pol gra
"""


def measure(*, quick: bool = False, sizes: Sequence[int] = ()) -> list[Measure]:
    sizes = sizes or ((2_000,) if quick else (10_000, 100_000))
    found: list[Measure] = []
    with data_folder():
        from dibs.people.models import Workspace
        from dibs.people.tenancy import enter

        workspace = Workspace.objects.create(slug="bench", name="Bench", timezone="UTC")
        enter(workspace.id)
        random = Random("matching")
        names: list[str] = []
        empty = _in_batches(workspace.id, [_lead(_name(random)) for _ in range(_BATCH)])
        found.append(Measure("match, no accounts: each of a batch", empty, "µs", budget_at_most=100))
        for size in sizes:
            loaded = _load(workspace.id, names, size, random)
            found += _look(workspace.id, names, size, random, loaded)
    return found


def _look(workspace_id: Any, names: Sequence[str], size: int, random: Random, loaded: float) -> Iterator[Measure]:
    written = [_written(random, names) for _ in range(_LOOKUPS)]
    spans, right = [], []
    for lead, meant in written:
        began = time.perf_counter()
        found = _matched(workspace_id, [lead])
        spans.append((time.perf_counter() - began) * 1e3)
        if meant is not None:
            right.append(_called(found[0]) == meant)
    spans.sort()
    known = [_of_domain(random.choice(names)) for _ in range(_LOOKUPS)]
    by_domain = _one_by_one(workspace_id, known[:100])
    label = f"match, {size:,} accounts"
    yield Measure(f"{label}: accounts written", loaded, "accounts/s")
    said = "one whose domain is known"
    yield Measure(
        f"{label}: one lead, median", spans[len(spans) // 2], "ms", limit=by_domain, limit_is=said, budget_at_most=3
    )
    yield Measure(
        f"{label}: one lead, p99",
        spans[int(len(spans) * 0.99)],
        "ms",
        limit=by_domain,
        limit_is=said,
        budget_at_most=25,
    )
    yield Measure(
        f"{label}: each of a batch",
        _in_batches(workspace_id, [lead for lead, _ in written]),
        "µs",
        limit=_in_batches(workspace_id, known),
        limit_is=said,
        budget_at_most=300,
    )
    yield Measure(
        f"{label}: found again, of those that are one", 100 * sum(right) / len(right), "%", budget_at_least=_FOUND_AGAIN
    )
    some = [(lead, meant) for lead, meant in written if meant is not None][:_COMPARED]
    yield Measure(
        f"{label}: found again, of the first {len(some)}",
        100 * sum(right[: len(some)]) / len(some),
        "%",
        limit=_found_by_comparing(names, some),
        limit_is="comparing with each account",
        budget=0.97,
    )


def _found_by_comparing(names: Sequence[str], written: Sequence[tuple[Any, str | None]]) -> float:
    """Percent of the leads for which the likest of all accounts is the one that is meant."""
    from rapidfuzz import fuzz, process

    from dibs.crm.companies import company_key
    from dibs.distribution.matching import alike

    keys = [name.lower() for name in names]
    blankless = [key.replace(" ", "") for key in keys]
    right = 0
    for lead, meant in written:
        key = company_key(lead.company)
        likely = {
            at
            for text, choices, scorer in (
                (key, keys, fuzz.token_sort_ratio),
                (key.replace(" ", ""), blankless, fuzz.ratio),
            )
            for _, _, at in process.extract(text, choices, scorer=scorer, limit=20, score_cutoff=60)
        }
        best = min(likely, key=lambda at: (-alike(key, keys[at]), names[at]), default=None)
        right += best is not None and names[best] == meant
    return 100 * right / len(written)


def _load(workspace_id: Any, names: list[str], size: int, random: Random) -> float:
    """Write accounts until there are so many; how many a second."""
    from django.db import connection
    from django.utils.timezone import now

    from dibs.crm.accounts import Told, write_accounts

    seen = set(names)
    began, before = time.perf_counter(), len(names)
    while len(names) < size:
        some = []
        while len(some) < min(_BATCH, size - len(names)):
            name = _name(random)
            if name not in seen:
                seen.add(name)
                some.append(name)
        given = frozenset({"name", "external_id", "domain"})
        write_accounts(
            workspace_id,
            [
                Told(given, name=f"{name} {random.choice(_FORMS)}", external_id=name, domain=_domain(name))
                for name in some
            ],
            now(),
        )
        names += some
    seconds = time.perf_counter() - began
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE) crm_account, crm_accountmark")
    return (len(names) - before) / seconds


def _name(random: Random) -> str:
    own = "".join(random.choice(_SYLLABLES.split()) for _ in range(random.choice((2, 3, 3, 4)))).title()
    return " ".join([own, *random.sample(_TRADES.split(), random.choice((0, 1, 1, 2)))])


def _written(random: Random, names: Sequence[str]) -> tuple[Any, str | None]:
    """A lead's company as somebody writes it, and the account that it is."""
    if random.random() < 1 / 3:
        return _lead(_name(random) + random.choice(("x", "ov", "ski"))), None
    meant = random.choice(names)
    name = random.choice((_with_a_slip, _with_a_slip, _in_another_order, _with_one_word_less, _as_it_is))(meant, random)
    return _lead(f"{name.upper() if random.random() < 0.2 else name} {random.choice(_FORMS)}"), meant


def _as_it_is(name: str, _random: Random) -> str:
    return name


def _with_a_slip(name: str, random: Random) -> str:
    """A letter less, more, another one, or two in the wrong order."""
    at = random.randrange(1, len(name) - 1)
    letter = random.choice("aeinrst")
    here, there = name[at], name[at + 1]
    return name[:at] + random.choice(("", letter + here, letter, there + here)) + name[at + 1 :]


def _in_another_order(name: str, random: Random) -> str:
    words = name.split()
    random.shuffle(words)
    return " ".join(words)


def _with_one_word_less(name: str, random: Random) -> str:
    """One of those that others have too. Of two words none: what is left of "Garden Hotels" is no more like it than like others."""
    words = name.split()
    if len(words) > 2:
        words.pop(random.randrange(1, len(words)))
    return " ".join(words)


def _lead(company: str) -> Any:
    from dibs.engine.facts import LeadFacts

    return LeadFacts(company=company)


def _of_domain(name: str) -> Any:
    from dibs.engine.facts import LeadFacts

    return LeadFacts(company=name, domain=_domain(name))


def _domain(name: str) -> str:
    return f"{name.lower().replace(' ', '-')}.example"


def _matched(workspace_id: Any, leads: Sequence[Any]) -> list[Any]:
    """The account that each lead is matched to, or would be put beside for a person to decide."""
    from dibs.distribution.matching import match_accounts
    from dibs.engine.policy_market import Matching

    found = match_accounts(workspace_id, [(lead, {"flags": ()}) for lead in leads], Matching())
    return [match.account_id or match.near_id for match in found]


def _called(account: Any) -> str | None:
    """The account's name without its legal form."""
    from dibs.crm.models import Account

    return Account.objects.values_list("external_id", flat=True).get(id=account) if account else None


def _one_by_one(workspace_id: Any, leads: Sequence[Any]) -> float:
    """Milliseconds for a lead by itself, the median."""
    spans = []
    for lead in leads:
        began = time.perf_counter()
        _matched(workspace_id, [lead])
        spans.append((time.perf_counter() - began) * 1e3)
    return sorted(spans)[len(spans) // 2]


def _in_batches(workspace_id: Any, leads: Sequence[Any]) -> float:
    """Microseconds for each lead of batches as an import makes them."""
    began = time.perf_counter()
    for start in range(0, len(leads), _BATCH):
        _matched(workspace_id, leads[start : start + _BATCH])
    return (time.perf_counter() - began) / len(leads) * 1e6


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.matching", description=__doc__)
    parser.add_argument(
        "--accounts", default="10000,100000", help="how many accounts, one measurement each, up to 1000000"
    )
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = measure(sizes=[int(size) for size in given.accounts.split(",")])
    if given.json:
        print(json.dumps([figure.as_json() for figure in found], indent=2, ensure_ascii=False))
        return 0
    for figure in found:
        beside = f"   ({figure.limit_is}: {figure.limit:,.2f})" if figure.limit else ""
        print(f"{figure.name:60} {figure.value:12,.2f} {figure.unit}{beside}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
