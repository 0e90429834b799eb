"""``dibs user hours``, ``away``, ``back`` and ``calendar``: when a rep works, and when not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from dibs.cli.database import connected

if TYPE_CHECKING:
    from dibs.people.models import Rep

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WHEN = re.compile(r"([a-z]{3})(?:-([a-z]{3}))?=(\d?\d:\d\d)-(\d?\d:\d\d)")

_json_option = click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")


@click.command("hours")
@click.argument("email")
@click.argument("when", nargs=-1, metavar="[DAYS=FROM-UNTIL]...")
@click.option("--always", is_flag=True, help="At work always, on public holidays too.")
@click.option("--zone", metavar="ZONE", help="The rep's time zone, such as Asia/Tokyo.")
@click.option("--country", metavar="CODE", help="Whose public holidays the rep keeps, such as JP.")
@click.option(
    "--region", metavar="CODE", help="The region of the country, where it has holidays of its own, such as BY."
)
@click.option("--holidays/--no-holidays", "keeps", default=None, help="Whether public holidays are days off.")
@_json_option
def hours(
    email: str,
    when: tuple[str, ...],
    always: bool,
    zone: str | None,
    country: str | None,
    region: str | None,
    keeps: bool | None,
    as_json: bool,
) -> None:
    """Show when a rep works, or set it: mon-fri=09:00-18:00 sat=10:00-14:00.

    Days that are not named are free. An end before its beginning is on the next day.
    """
    if always and when:
        raise click.UsageError("Give hours, or --always.")
    given: dict[str, Any] = {"timezone": zone, "country": country, "region": region, "keeps_holidays": keeps}
    changes = {name: value for name, value in given.items() if value is not None}
    if always or when:
        changes["hours"] = _week(when) if when else None
    with _rep_of(email) as rep:
        from dibs.people import particulars

        particulars.edit(rep, changes)
        if as_json:
            kept = {name: getattr(rep, name) for name in given}
            click.echo(json.dumps({"handle": rep.handle, **kept, "hours": particulars.days_of_hours(rep.hours)}))
            return
        off = (
            ""
            if rep.hours is None or not rep.keeps_holidays or not rep.country
            else f", public holidays of {rep.country} off"
        )
        click.echo(f"{rep.name}, in {rep.timezone}{f' ({rep.region})' if rep.region else ''}{off}:")
        for day, (begins, ends) in (particulars.days_of_hours(rep.hours) or {"": ("always", "")}).items():
            click.echo(f"  {_DAYS[int(day) - 1]}  {begins}-{ends}" if day else "  always at work")


def _week(when: tuple[str, ...]) -> dict[str, tuple[str, str]]:
    week: dict[str, tuple[str, str]] = {}
    for text in when:
        match = _WHEN.fullmatch(text.lower())
        if match is None or not {match[1], match[2] or match[1]} <= set(_DAYS):
            raise click.BadParameter(f"{text!r} is not like mon-fri=09:00-18:00 or sat=10:00-14:00", param_hint="DAYS")
        first, last = _DAYS.index(match[1]), _DAYS.index(match[2] or match[1])
        for n in range(first, last + 1 if first <= last else last + 8):
            week[str(n % 7 + 1)] = (match[3].zfill(5), match[4].zfill(5))
    return week


@click.command("away")
@click.argument("email")
@click.option("--from", "first", type=click.DateTime(["%Y-%m-%d"]), help="The first day off, in the rep's time zone.")
@click.option("--until", "last", type=click.DateTime(["%Y-%m-%d"]), help="The last day off; the first, if not given.")
@click.option("--note", default="", help="A word about it.")
@_json_option
def away(email: str, first: datetime | None, last: datetime | None, note: str, as_json: bool) -> None:
    """Give a rep time off, or list the time off there is.

    No leads are given to them then. Leads that they have stay theirs.
    """
    if last and not first:
        raise click.UsageError("--until needs --from.")
    with _rep_of(email) as rep:
        from django.utils.timezone import now

        from dibs.people import particulars
        from dibs.people.models import TimeOff

        if first:
            span = particulars.days_off(rep.timezone, first.date(), (last or first).date())
            particulars.take_off(rep, *span, note, now())
        spans: list[dict[str, Any]] = [
            {"id": str(off.id), "starts": off.starts.isoformat(), "ends": off.ends.isoformat(), "note": off.note}
            for off in TimeOff.objects.filter(rep=rep, ends__gt=now()).order_by("starts")
        ]
        if as_json:
            click.echo(json.dumps(spans, ensure_ascii=False))
            return
        if not spans:
            click.echo(f"{rep.name} has no time off ahead.")
        for span_ in spans:
            click.echo("  ".join(filter(None, [span_["id"], f"{span_['starts']} to {span_['ends']}", span_["note"]])))


@click.command("back")
@click.argument("email")
@click.argument("time_off", metavar="ID", type=click.UUID)
def back(email: str, time_off: UUID) -> None:
    """Take time off back, by its ID in `dibs user away EMAIL`: what is under way ends now."""
    with _rep_of(email) as rep:
        from django.utils.timezone import now

        from dibs.people import particulars

        if not particulars.back(rep, time_off, now()):
            raise click.ClickException(f"There is no time off {time_off} ahead. See: dibs user away {email}")
        click.echo(f"{rep.name} will not be away then.")


@click.command("calendar")
@click.argument("email")
@click.argument("url", required=False)
@click.option("--remove", is_flag=True, help="Disconnect it, and forget what it said.")
@_json_option
def calendar(email: str, url: str | None, remove: bool, as_json: bool) -> None:
    """Connect a rep's calendar (iCalendar, at an address), or show how it is doing.

    While the rep has an appointment, no leads are given to them. The worker reads it every few minutes.
    """
    if url and remove:
        raise click.UsageError("Give an address, or --remove.")
    with _rep_of(email) as rep:
        from dibs.delivery.words import WORDS
        from dibs.people import particulars

        if url:
            particulars.connect_calendar(rep, url)
        elif remove and not particulars.disconnect_calendar(rep):
            raise click.ClickException(f"{rep.name} has no calendar connected.")
        state = particulars.calendar_of(rep)
        if as_json:
            told = state and {
                "host": state.host,
                "fetched_at": state.fetched_at and state.fetched_at.isoformat(),
                "failing_since": state.failing_since and state.failing_since.isoformat(),
                "problem": state.problem or None,
            }
            click.echo(json.dumps(told))
        elif state is None:
            click.echo(f"{rep.name} has no calendar connected.")
        elif state.failing_since:
            why = WORDS["problem"].get(state.problem, state.problem)
            click.echo(f"{state.host} can't be read since {state.failing_since:%Y-%m-%d %H:%M} UTC: {why}.")
        elif state.fetched_at:
            click.echo(f"{state.host}, last read {state.fetched_at:%Y-%m-%d %H:%M} UTC.")
        else:
            click.echo(f"{state.host}, not read yet: a running worker does that within a minute or so.")


@contextmanager
def _rep_of(email: str) -> Iterator[Rep]:
    """The rep with this e-mail address, in their workspace; what does not fit is said in words."""
    with connected():
        from dibs.delivery.words import UNFIT
        from dibs.people.models import Rep, User
        from dibs.people.particulars import Unfit
        from dibs.people.tenancy import within

        user = User.objects.filter(email__iexact=email.strip()).first()
        if user is None:
            raise click.ClickException(f"Nobody here has the address {email}. See: dibs user list")
        with within(user.workspace_id):
            rep = Rep.objects.defer("face").filter(user=user).first()
            if rep is None:
                raise click.ClickException(f"{user.name} is no rep.")
            try:
                yield rep
            except Unfit as unfit:
                raise click.ClickException(f"{unfit.field.replace('_', ' ')}: {UNFIT[unfit.code]}.") from None
