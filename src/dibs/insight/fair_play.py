"""Fair play, for the whole team: who claims what, against what was on offer; how long leads sit; what becomes of them.

Nothing here is about a single lead. Counts come from what ``distribution.choices`` and ``distribution.samples`` wrote down, and
from indexes that hold all that is asked, so that a million decisions a month cost no page its time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.cache import cache
from django.db import connection

from dibs.distribution.choices import BANDS
from dibs.insight.cherry import Index, index
from dibs.insight.sight import Eyes
from dibs.people.caller import Caller
from dibs.people.models import Role

#: How a lead was taken, and what ``taken_by`` says of it.
WAYS: dict[str, tuple[str, ...]] = {
    "pull": ("claimed",),
    "push": ("assigned", "offered", "lapsed", "rejected", "released", "reassigned", "requalified", "freed"),
    "escalation": ("escalated", "aged"),
    "review": ("review",),
    "floor": ("floor",),
}
#: The latest notes of a pool say how it stands now, if they are not older than this.
_STILL_NOW = timedelta(minutes=20)
#: Figures of more claims than this are kept for so many seconds: to count them takes as long as a page may take altogether.
_MANY, _KEPT_FOR = 20_000, 60
#: How many points a line over a period has, about.
_POINTS = 84


@dataclass(frozen=True, slots=True)
class Player:
    """What one rep did in the period. ``median_wait``: how long what they claimed had waited (half of it longer), ``None`` without claims.
    ``queued`` of the claims were of a queue's head and ``unknown`` of a sight that could not be worked out: neither has part in what
    follows. ``bands``: claims by `BANDS` of score. ``offered``: on average over those claims, which share of what was in sight was in
    each band, 0..1.
    """

    handle: str
    name: str
    claims: int
    median_wait: timedelta | None
    queued: int
    unknown: int
    bands: tuple[int, ...]
    offered: tuple[float, ...]
    index: Index
    lapses: int
    released: int
    skips: int


@dataclass(frozen=True, slots=True)
class Way:
    """Leads that were converted or retired in the period, by how their last rep had come to have them; see `WAYS`."""

    way: str
    ended: int
    converted: int


@dataclass(frozen=True, slots=True)
class FairPlay:
    """``median_to_claim``: over all claims of the reps in sight. ``bands`` and ``offered``: as a `Player`'s, of all of them."""

    since: datetime
    until: datetime
    reps: tuple[Player, ...]
    ways: tuple[Way, ...]
    claims: int
    unknown: int
    median_to_claim: timedelta | None
    bands: tuple[int, ...]
    offered: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class PoolNote:
    """How a pool stood at a moment; spans are how long leads had waited. ``bands``: how many waited in each of `BANDS`."""

    at: datetime
    waiting: int
    median: timedelta
    p90: timedelta
    oldest: timedelta
    bands: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class PoolMoved:
    """A pool ``now`` (``None``: not noted lately), and how it stood through the period, oldest first. ``masked``: the caller sees some
    of its leads only; what is noted of all of them would tell of the others, and is left out."""

    name: str
    mode: str
    now: PoolNote | None
    moved: tuple[PoolNote, ...]
    masked: bool = False


def open_to(caller: Caller, eyes: Eyes) -> bool:
    """Whether the policy lets the caller see it: ``fair_play.shown_to`` may limit it to who leads others."""
    return caller.role != Role.REP or eyes.book is None or eyes.book.policy.fair_play.shown_to == "team"


def reps_watched(caller: Caller, *, also_left: bool = False) -> list[tuple[UUID, str, str]]:
    """Id, handle and name of the reps whose play the caller sees, by name. A rep: those of the own teams, without one those who are in
    none either; a manager: those of the teams managed; who sees all: all. Oneself in any case. Who has left is not there any more,
    unless asked for."""
    mine, values = "true", list[Any]()
    if caller.role not in {Role.OPS, Role.INTEGRATION}:
        teams = caller.manages if caller.role == Role.MANAGER else caller.teams
        alone = caller.role == Role.REP and not teams
        mine = (
            "(rep.id = %s OR {} EXISTS (SELECT FROM people_membership member JOIN people_team team ON team.id = member.team_id "
            "WHERE member.rep_id = rep.id{}))".format(
                "NOT" if alone else "", "" if alone else " AND team.slug = ANY(%s)"
            )
        )
        values = [caller.rep_id] if alone else [caller.rep_id, list(teams)]
    rows = _rows(
        f"SELECT rep.id, rep.handle, rep.name FROM people_rep rep WHERE rep.workspace_id = %s AND (rep.active OR %s) AND {mine} "
        "ORDER BY rep.name, rep.id",
        caller.workspace_id,
        also_left,
        *values,
    )
    return [(rep, handle, name) for rep, handle, name in rows]


def lately(caller: Caller, days: int, now: datetime) -> FairPlay:
    """What the reps in the caller's sight did in the last so many days. Where that is a great deal, it may be as of a minute ago."""
    reps = reps_watched(caller)
    whose = hashlib.sha256(repr(reps).encode()).hexdigest()
    name = f"fair_play:{caller.workspace_id}:{days}:{whose}"
    kept: FairPlay | None = cache.get(name)
    if kept is not None:
        return kept
    found = _played(caller.workspace_id, reps, now - timedelta(days=days), now)
    if found.claims > _MANY:
        cache.set(name, found, _KEPT_FOR)
    return found


def fair_play(caller: Caller, since: datetime, until: datetime) -> FairPlay:
    """What the reps in the caller's sight did after ``since`` and up to ``until``."""
    return _played(caller.workspace_id, reps_watched(caller), since, until)


def _played(workspace_id: UUID, reps: Sequence[tuple[UUID, str, str]], since: datetime, until: datetime) -> FairPlay:
    ids = [rep for rep, _, _ in reps]
    play = {row[0]: row[1:] for row in _rows(_CLAIMS, workspace_id, since, until, ids)}
    passed = {row[0]: row[1:] for row in _rows(_PASSED, workspace_id, since, until, ids)}
    players = tuple(_player(handle, name, play.get(rep), passed.get(rep, (0, 0, 0))) for rep, handle, name in reps)
    (median,) = _rows(_MEDIAN, workspace_id, since, until, ids)[0]
    compared = sum(sum(player.bands) for player in players)
    return FairPlay(
        since=since,
        until=until,
        reps=players,
        ways=_ways(workspace_id, ids, since, until),
        claims=sum(player.claims for player in players),
        unknown=sum(player.unknown for player in players),
        median_to_claim=_span(median),
        bands=tuple(sum(player.bands[band] for player in players) for band in range(len(BANDS))),
        offered=tuple(
            sum(player.offered[band] * sum(player.bands) for player in players) / compared if compared else 0.0
            for band in range(len(BANDS))
        ),
    )


#: A claim where all in sight had the same score was no choice by score: it has no part in the index.
_CHOSE = "FILTER (WHERE variance > 0)"
_CLAIMED_IN = ", ".join(
    f"count(*) FILTER (WHERE seen IS NOT NULL AND score > {start} AND score <= {end})"
    for start, end in zip((0, *BANDS), BANDS, strict=False)
)
_OFFERED_IN = ", ".join(f"avg(offered[{place}]::float8 / seen)" for place in range(1, len(BANDS) + 1))
_WHOSE = "FROM distribution_choice WHERE workspace_id = %s AND at > %s AND at <= %s AND rep_id = ANY(%s)"
_CLAIMS = f"""
    SELECT rep_id, count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY waited), count(*) FILTER (WHERE queue),
           count(*) FILTER (WHERE seen IS NULL AND NOT queue),
           count(ridit) {_CHOSE}, avg(ridit) {_CHOSE}, var_samp(ridit) {_CHOSE}, avg(variance) {_CHOSE},
           {_CLAIMED_IN}, {_OFFERED_IN}
    {_WHOSE} GROUP BY rep_id
"""
_MEDIAN = f"SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY waited) {_WHOSE}"
_PASSED = """
    SELECT rep_id, count(*) FILTER (WHERE kind = 'lapsed'), count(*) FILTER (WHERE kind IN ('released', 'returned')),
           count(*) FILTER (WHERE kind IN ('skipped', 'opened'))
    FROM distribution_passedover WHERE workspace_id = %s AND at > %s AND at <= %s AND rep_id = ANY(%s) GROUP BY rep_id
"""


def _player(handle: str, name: str, play: tuple[Any, ...] | None, passed: tuple[Any, ...]) -> Player:
    nothing: tuple[Any, ...] = (0, None, 0, 0, 0, None, None, None, *(0,) * len(BANDS), *(None,) * len(BANDS))
    claims, median, queued, unknown, n, mean, spread, chance, *by_band = play or nothing
    lapses, released, skips = passed
    return Player(
        handle=handle,
        name=name,
        claims=claims,
        median_wait=_span(median),
        queued=queued,
        unknown=unknown,
        bands=tuple(by_band[: len(BANDS)]),
        offered=tuple(share or 0.0 for share in by_band[len(BANDS) :]),
        index=index(n, mean, spread, chance),
        lapses=lapses,
        released=released,
        skips=skips,
    )


def _ways(workspace_id: UUID, reps: Sequence[UUID], since: datetime, until: datetime) -> tuple[Way, ...]:
    ended = _rows(
        """
        SELECT taken_by, count(*), count(*) FILTER (WHERE state = 'converted') FROM crm_lead
        WHERE workspace_id = %s AND owner_id = ANY(%s) AND ended_at > %s AND ended_at <= %s AND state IN ('converted', 'retired')
        GROUP BY taken_by
        """,
        workspace_id,
        list(reps),
        since,
        until,
    )
    return tuple(
        Way(way, sum(row[1] for row in ended if row[0] in by), sum(row[2] for row in ended if row[0] in by))
        for way, by in WAYS.items()
    )


def pools_moved(caller: Caller, since: datetime, until: datetime) -> tuple[PoolMoved, ...]:
    """How the pools in the caller's sight stand, and stood since then.

    Of a queue it is told to who sees the head alone as well: the queue's own page says how many wait there, and how long.
    """
    eyes = Eyes(caller, until)
    rules = eyes.book.policy.pools if eyes.book else {}
    windows = {name: window for name in rules if (window := eyes.window(name)).level != "none"}
    names = [name for name, window in windows.items() if window.only is None]
    step = max((until - since) / _POINTS, timedelta(minutes=5))
    moved: dict[str, list[PoolNote]] = {name: [] for name in names}
    for pool, at, waiting, median, p90, oldest in _rows(_MOVED, step, since, caller.workspace_id, names, since, until):
        moved[pool].append(PoolNote(at, round(waiting), _secs(median), _secs(p90), _secs(oldest)))
    now = {
        pool: PoolNote(at, waiting, _secs(median), _secs(p90), _secs(oldest), tuple(bands))
        for pool, at, waiting, median, p90, oldest, bands in _rows(
            _LATEST, caller.workspace_id, names, until - _STILL_NOW, until
        )
    }
    return tuple(
        PoolMoved(name, rules[name].mode, now.get(name), tuple(moved.get(name, ())), masked=window.only is not None)
        for name, window in windows.items()
    )


_MOVED = """
    SELECT pool, max(at), avg(waiting), avg(median), avg(p90), max(oldest) FROM (
        SELECT *, date_bin(%s, at, %s) AS step FROM distribution_poolsample
        WHERE workspace_id = %s AND pool = ANY(%s) AND at > %s AND at <= %s) note
    GROUP BY pool, step ORDER BY pool, step
"""
_LATEST = """
    SELECT DISTINCT ON (pool) pool, at, waiting, median, p90, oldest, offered FROM distribution_poolsample
    WHERE workspace_id = %s AND pool = ANY(%s) AND at > %s AND at <= %s ORDER BY pool, at DESC
"""


def _span(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=float(seconds))


def _secs(seconds: Any) -> timedelta:
    return timedelta(seconds=round(seconds))


def _rows(statement: str, *values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())
