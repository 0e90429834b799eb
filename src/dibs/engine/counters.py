"""A rep's counters, and how each event moves them.

They move here and nowhere else; the database only stores what `after` answers, so that the simulator and the live service never
drift apart. What the rules of fair play make of them stands in `dibs.engine.fairplay`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import groupby

from dibs.engine.facts import RepFacts

#: How many scores of past claims are kept for ``mix``; its window ``over`` cannot be longer.
RECENT = 200
#: What `per_hour` counts within, and how many latest pushes' moments are kept for it: it cannot allow more.
AN_HOUR = timedelta(hours=1)
_PUSHES = 100


@dataclass(frozen=True, slots=True)
class Standing:
    """A rep's fair-play counters; none is ever negative.

    ``holding``: leads the rep has, claimed or pushed, without contact yet. ``open_leads``: all the rep has that are not
    ended. ``day`` and ``week`` (its Monday) are the rep's local dates that ``claims_today``, ``assigned_today`` and
    ``claims_this_week`` count in. ``recent``: scores (1..100) of the last claims, newest last. ``skips``: since the last
    claim, and those before it if it was not kept; ``kept_skips``: before the claims since the last contact, to count again if one
    of these is given back (see `skips_counted`). ``lapses``: ever. ``claimed_at``: the moments of the latest claims, oldest first, as many as ``claim_rate`` counts.
    ``floor_on``: the last day, or the Monday of the last week, whose claim floor was looked at. ``assigned_this_week`` counts in
    ``week``, ``assigned_this_month`` in ``month``, its first day. ``pushed_at``: when leads were pushed to the rep, oldest first: the
    latest, and those within `AN_HOUR` before it. ``lapses_in_a_row``: locks, offers and times for
    first contact that ran out unused, the rep being at work, since they last did something.
    """

    holding: int = 0
    open_leads: int = 0
    day: date | None = None
    claims_today: int = 0
    assigned_today: int = 0
    week: date | None = None
    claims_this_week: int = 0
    recent: tuple[int, ...] = ()
    skips: int = 0
    kept_skips: int = 0
    lapses: int = 0
    last_claim_at: datetime | None = None
    claimed_at: tuple[datetime, ...] = ()
    floor_on: date | None = None
    assigned_this_week: int = 0
    month: date | None = None
    assigned_this_month: int = 0
    pushed_at: tuple[datetime, ...] = ()
    lapses_in_a_row: int = 0


@dataclass(frozen=True, slots=True)
class Claimed:
    """The rep took a lead from a pool. ``today`` is the rep's local date.

    ``score`` is ``None`` for the head of a queue: the rep did not choose it, so it says nothing for or against the mix. ``keep``:
    of how many latest claims the moments are kept, see `kept_for`.
    """

    score: int | None
    at: datetime
    today: date
    keep: int = 0


@dataclass(frozen=True, slots=True)
class Pushed:
    """A lead was assigned or offered to the rep, or ``count`` of them at once. ``today`` is the rep's local date."""

    at: datetime
    today: date
    count: int = 1


@dataclass(frozen=True, slots=True)
class Contacted:
    """The first contact on a lead the rep holds."""


@dataclass(frozen=True, slots=True)
class Acted:
    """The rep did something else with a lead that shows them to be there, such as accepting an offer."""


@dataclass(frozen=True, slots=True)
class Lapsed:
    """A lock, an offer or the time for first contact ran out unused: the lead is no longer the rep's.

    ``claimed``: the rep's local date on which they claimed it, ``None`` if it was pushed to them; ``score``: what that claim
    counted with, as in `Claimed`. With the lead the claim goes too. ``off_work``: the rep was not at work when it ran out, so that it
    is none of those in a row.
    """

    claimed: date | None = None
    score: int | None = None
    off_work: bool = False


@dataclass(frozen=True, slots=True)
class Released:
    """The lead left the rep otherwise: given back, declined, taken by a manager. ``contacted``: after first contact; else
    ``claimed`` and ``score`` as in `Lapsed`. ``by_rep``: who gave it back is the rep, to whom that counts as a skip if they had claimed it.
    """

    contacted: bool = False
    claimed: date | None = None
    score: int | None = None
    by_rep: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """The lead was converted or retired, or merged away. ``contacted``: after first contact; ``converted`` without one says that
    there was one."""

    contacted: bool = True
    converted: bool = False


@dataclass(frozen=True, slots=True)
class Unclaimed:
    """A lead that the rep had claimed and given up without a contact comes back: the claim goes, as with one given back. ``claimed`` and
    ``score`` as in `Lapsed`; ``by_rep``: who brings it back is the rep, to whom that counts as a skip."""

    claimed: date
    score: int | None = None
    by_rep: bool = False


@dataclass(frozen=True, slots=True)
class Skipped:
    """The rep opened an available lead's details, or passed over the head of a queue, without taking it."""


@dataclass(frozen=True, slots=True)
class FloorLooked:
    """The rep's claim floor was looked at for the day, or the week, that ``period`` names."""

    period: date


@dataclass(frozen=True, slots=True)
class Unpushed:
    """A push is taken back as if it had not been, with nothing done about the lead since: ``at`` that moment it was made, on the rep's
    local date ``today``. ``held``: the rep has the lead still; else ``lapsed`` says that it ran out unused, and ``off_work`` that the rep
    was not at work then, as in `Lapsed`.
    """

    at: datetime
    today: date
    held: bool = True
    lapsed: bool = False
    off_work: bool = False


@dataclass(frozen=True, slots=True)
class Restored:
    """A lead that was taken from the rep is theirs again as it was, which is no push. ``contacted``: after first contact; else ``claimed``
    is the rep's local date on which they had claimed it, ``None`` if it had been pushed to them.
    """

    contacted: bool = False
    claimed: date | None = None


Event = (
    Claimed
    | Pushed
    | Contacted
    | Acted
    | Lapsed
    | Released
    | Ended
    | Unclaimed
    | Skipped
    | FloorLooked
    | Unpushed
    | Restored
)


def after(standing: Standing, event: Event) -> Standing:
    """The counters after an event."""
    match event:
        case Claimed(score, at, today, keep):
            standing = on_day(standing, today)
            return replace(
                standing,
                holding=standing.holding + 1,
                open_leads=standing.open_leads + 1,
                claims_today=standing.claims_today + 1,
                claims_this_week=standing.claims_this_week + 1,
                recent=standing.recent if score is None else (*standing.recent, score)[-RECENT:],
                skips=0,
                kept_skips=standing.skips + standing.kept_skips,
                last_claim_at=at,
                claimed_at=(*standing.claimed_at, at)[-keep:] if keep else (),
                lapses_in_a_row=0,
            )
        case Pushed(at, today, count):
            standing = on_day(standing, today)
            return replace(
                standing,
                holding=standing.holding + count,
                open_leads=standing.open_leads + count,
                assigned_today=standing.assigned_today + count,
                assigned_this_week=standing.assigned_this_week + count,
                assigned_this_month=standing.assigned_this_month + count,
                pushed_at=with_push(standing.pushed_at, at, count),
            )
        case Unpushed(at, today, held, lapsed, off_work):
            standing = _without_one(standing, contacted=False) if held else standing
            if lapsed:
                row = standing.lapses_in_a_row if off_work else _less(standing.lapses_in_a_row)
                standing = replace(standing, lapses=_less(standing.lapses), lapses_in_a_row=row)
            return _unpushed(standing, at, today)
        case Restored(contacted, claimed):
            standing = replace(
                standing, open_leads=standing.open_leads + 1, holding=standing.holding + (0 if contacted else 1)
            )
            return standing if claimed is None else _claimed_again(standing, claimed)
        case Contacted():
            return replace(standing, holding=_less(standing.holding), kept_skips=0, lapses_in_a_row=0)
        case Acted():
            return replace(standing, lapses_in_a_row=0)
        case Lapsed(claimed, score, off_work):
            standing = replace(
                _without_one(standing, contacted=False),
                lapses=standing.lapses + 1,
                lapses_in_a_row=standing.lapses_in_a_row + (0 if off_work else 1),
            )
            return standing if claimed is None else _with_a_skip(_unclaimed(standing, claimed, score))
        case Released(contacted, claimed, score, by_rep):
            standing = _without_one(standing, contacted)
            if by_rep:
                standing = replace(standing, lapses_in_a_row=0)
            if contacted or claimed is None:
                return standing
            standing = _unclaimed(standing, claimed, score)
            return _with_a_skip(standing) if by_rep else standing
        case Ended(contacted, converted):
            if converted:
                standing = replace(standing, lapses_in_a_row=0, kept_skips=standing.kept_skips if contacted else 0)
            return _without_one(standing, contacted)
        case Unclaimed(claimed, score, by_rep):
            standing = _unclaimed(standing, claimed, score)
            return _with_a_skip(standing) if by_rep else standing
        case Skipped():
            return replace(standing, skips=standing.skips + 1, lapses_in_a_row=0)
        case FloorLooked(period):
            return replace(standing, floor_on=max(period, standing.floor_on or period))


def with_push(pushed_at: tuple[datetime, ...], at: datetime, count: int = 1) -> tuple[datetime, ...]:
    """The moments of the latest pushes after ``count`` more at ``at``: those of the hour up to it, 100 at most."""
    if not pushed_at and count == 1:
        return (at,)
    # They stand in order, so that only the first of those that still count has to be found.
    return (pushed_at[bisect_right(pushed_at, at - AN_HOUR) :] + (at,) * count)[-_PUSHES:]


def together(events: Iterable[Event]) -> Iterator[Event]:
    """The same, with pushes at one moment that follow each other as one: a batch brings a rep dozens."""
    for event, same in groupby(events):
        if isinstance(event, Pushed):
            yield Pushed(event.at, event.today, sum(push.count for push in same if isinstance(push, Pushed)))
        else:
            yield from same


def pushed_within_hour(pushed_at: tuple[datetime, ...], now: datetime) -> int:
    """How many leads were pushed within the 60 minutes up to now."""
    return len(pushed_at) - bisect_right(pushed_at, now - AN_HOUR)


def on_day(standing: Standing, today: date) -> Standing:
    """The counters as they count on ``today``: those of another day, week or month start at 0.

    A date before the one counted in (the rep moved to a time zone further west) keeps counting in the later one, so that
    nobody gets a second day out of one.
    """
    if standing.day is None or today > standing.day:
        standing = replace(standing, day=today, claims_today=0, assigned_today=0)
    elif standing.month is not None:
        return standing  # within the day, so within the week and the month too
    monday, first = today - timedelta(days=today.weekday()), today.replace(day=1)
    if standing.week is None or monday > standing.week:
        standing = replace(standing, week=monday, claims_this_week=0, assigned_this_week=0)
    if standing.month is None or first > standing.month:
        standing = replace(standing, month=first, assigned_this_month=0)
    return standing


def counted(rep: RepFacts, standing: Standing) -> RepFacts:
    """The rep's facts with what their standing, as it counts today (see `on_day`), says of their load."""
    return replace(
        rep,
        open_leads=standing.open_leads,
        assigned_today=standing.assigned_today,
        assigned_this_week=standing.assigned_this_week,
        assigned_this_month=standing.assigned_this_month,
        pushed_at=standing.pushed_at,
    )


def _without_one(standing: Standing, contacted: bool) -> Standing:
    """One open lead fewer; one fewer held too, unless it had been contacted and so was held no more."""
    holding = standing.holding if contacted else _less(standing.holding)
    return replace(standing, open_leads=_less(standing.open_leads), holding=holding)


def _unclaimed(standing: Standing, claimed: date, score: int | None) -> Standing:
    """The claim of this local date taken back: it counts neither for the mix nor for the claim floor. For the claim rate it does."""
    today = _less(standing.claims_today) if claimed == standing.day else standing.claims_today
    week = standing.claims_this_week
    if claimed - timedelta(days=claimed.weekday()) == standing.week:
        week = max(today, week - 1)
    recent = standing.recent
    if score is not None and score in recent:
        last = len(recent) - 1 - recent[::-1].index(score)
        recent = recent[:last] + recent[last + 1 :]
    return replace(standing, claims_today=today, claims_this_week=week, recent=recent)


def _unpushed(standing: Standing, at: datetime, today: date) -> Standing:
    """The push of this moment taken back from what it still counts in."""
    pushed_at = standing.pushed_at
    if at in pushed_at:
        place = pushed_at.index(at)
        pushed_at = pushed_at[:place] + pushed_at[place + 1 :]
    in_week = today - timedelta(days=today.weekday()) == standing.week
    in_month = today.replace(day=1) == standing.month
    return replace(
        standing,
        assigned_today=_less(standing.assigned_today) if today == standing.day else standing.assigned_today,
        assigned_this_week=_less(standing.assigned_this_week) if in_week else standing.assigned_this_week,
        assigned_this_month=_less(standing.assigned_this_month) if in_month else standing.assigned_this_month,
        pushed_at=pushed_at,
    )


def _claimed_again(standing: Standing, claimed: date) -> Standing:
    """The claim of this local date counts for the claim floor again. Not for the mix: which of the latest claims it was is not known."""
    in_week = claimed - timedelta(days=claimed.weekday()) == standing.week
    return replace(
        standing,
        claims_today=standing.claims_today + (1 if claimed == standing.day else 0),
        claims_this_week=standing.claims_this_week + (1 if in_week else 0),
    )


def _with_a_skip(standing: Standing) -> Standing:
    """A claimed lead given up counts as a skip, and the skips before its claim count on."""
    return replace(standing, skips=standing.skips + standing.kept_skips + 1, kept_skips=0)


def _less(count: int) -> int:
    """One less, never below 0: a lead may have come to its rep before counting began."""
    return max(0, count - 1)
