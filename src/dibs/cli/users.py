"""``dibs user`` and ``dibs token``: who works here, and what programs call with."""

from __future__ import annotations

import json
import secrets
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from dibs.cli import hours
from dibs.cli.database import connected, tell
from dibs.cli.moving import by_option, to_option
from dibs.cli.workspaces import chosen_workspace, workspace_option

if TYPE_CHECKING:
    from dibs.people.models import User

_ROLES = ["rep", "manager", "ops", "integration"]
#: What an integration's token may do if nobody said: send leads in, and see what became of them.
_USUAL_SCOPES = ("leads:write", "leads:read")

_json_option = click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")


@click.group()
def user() -> None:
    """Add, list and see off the people who work here, and say when they work."""


@user.command("add")
@click.argument("email")
@click.option("--name", help="The person's name; what stands before the @ if none is given.")
@click.option("--role", type=click.Choice(_ROLES), default="rep", show_default=True)
@click.option(
    "--team", "teams", multiple=True, metavar="SLUG", help="A team the rep is in, or the manager manages; repeatable."
)
@click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input. Else one is made and shown once."
)
@workspace_option
@_json_option
def add(
    email: str,
    name: str | None,
    role: str,
    teams: tuple[str, ...],
    password_stdin: bool,
    workspace: str | None,
    as_json: bool,
) -> None:
    """Add somebody, in the default workspace of a new installation if there is no other.

    An integration gets no password: it calls by token (dibs token create).
    """
    from email_validator import EmailNotValidError, validate_email

    try:
        validate_email(email, check_deliverability=False, test_environment=True)
    except EmailNotValidError as problem:
        raise click.BadParameter(str(problem), param_hint="EMAIL") from None
    given = sys.stdin.readline().rstrip("\r\n") if password_stdin else None
    with connected(new=True):
        from django.contrib.auth.password_validation import validate_password
        from django.core.exceptions import ValidationError

        from dibs.distribution.joining import BadTeamName, Known, join

        if given is not None:
            try:
                validate_password(given)
            except ValidationError as problem:
                raise click.ClickException("This password can't be used. " + " ".join(problem.messages)) from None
        made = None if role == "integration" or given is not None else secrets.token_urlsafe(12)
        here = chosen_workspace(workspace)
        name = name or email.partition("@")[0].replace(".", " ").title()
        try:
            somebody = join(here, email, name, role, password=given or made, teams=teams)
        except Known:
            raise click.ClickException(f"{email} has an account already. Nothing was changed.") from None
        except BadTeamName as bad:
            raise click.BadParameter(
                f"{str(bad)!r}: a team's name has up to 50 letters a-z, digits, - and _, so that a policy can call it by it",
                param_hint="--team",
            ) from None
        rep = getattr(somebody, "rep", None)
        if as_json:
            answer = {
                "id": str(somebody.id),
                "email": somebody.email,
                "name": somebody.name,
                "role": role,
                "workspace": here.slug,
                "handle": rep.handle if rep else None,
                "teams": list(teams),
                "password": made,
            }
            click.echo(json.dumps(answer, ensure_ascii=False))
            return
        known_as = f", known to the policy as {rep.handle}" if rep else ""
        click.echo(f"Added {somebody.name} <{somebody.email}> as {role} in {here.slug}{known_as}.")
        if made:
            click.echo(f"Password: {made}")


@user.command("list")
@workspace_option
@_json_option
def list_(workspace: str | None, as_json: bool) -> None:
    """List who works here."""
    with connected():
        from dibs.people.models import User
        from dibs.people.tenancy import within

        here = chosen_workspace(workspace)
        with within(here.id):
            people: list[dict[str, Any]] = [
                {
                    "email": person.email,
                    "name": person.name,
                    "role": person.role,
                    "handle": rep.handle if (rep := getattr(person, "rep", None)) else None,
                    "teams": sorted(team.slug for team in (rep.teams.all() if rep else person.manages.all())),
                    "active": person.is_active,
                }
                for person in User.objects.filter(workspace=here).select_related("rep").order_by("role", "email")
            ]
        if as_json:
            click.echo(json.dumps(people, ensure_ascii=False))
            return
        from rich.console import Console
        from rich.table import Table

        table = Table("E-mail", "Name", "Role", "Handle", "Teams", "", box=None)
        for row in people:
            gone = "" if row["active"] else "deactivated"
            table.add_row(row["email"], row["name"], row["role"], row["handle"] or "", ", ".join(row["teams"]), gone)
        Console().print(table)


@user.command("deactivate")
@click.argument("email")
@click.option(
    "--redistribute", is_flag=True, help="Hand on all that is theirs, by the policy or as --to says; shown first."
)
@to_option
@by_option
@click.option("--opportunities-to", metavar="HANDLE", help="The rep who gets the opportunities that are open.")
@click.option("--yes", is_flag=True, help="Do not ask before it is done.")
@_json_option
def deactivate(
    email: str, redistribute: bool, to: str, by: str, opportunities_to: str | None, yes: bool, as_json: bool
) -> None:
    """See somebody off: no login, no calls by token, and for a rep no more leads.

    Their tokens are deleted. What they did stays in their name. With --redistribute you see who would get their leads before anything
    happens.
    """
    with connected():
        from dibs.distribution.joining import leave

        somebody = _somebody(email)
        if opportunities_to is not None:
            _check_heir(somebody, opportunities_to)
        if redistribute:
            _see_off(somebody, to, by, yes=yes, as_json=as_json)
            _pass_on(somebody, opportunities_to, quiet=as_json)
            return
        held = leave(somebody)
        handed, left = _pass_on(somebody, opportunities_to, quiet=True)
    if as_json:
        answer = {
            "id": str(somebody.id), "email": somebody.email, "active": False, "leads_held": held,
            "opportunities_handed": handed, "opportunities_open": left,
        }  # fmt: skip
        click.echo(json.dumps(answer, ensure_ascii=False))
        return
    click.echo(f"{somebody.name} <{somebody.email}> can't log in any more, and has no tokens.")
    _say_passed_on(somebody, opportunities_to, handed, left)
    if held:
        click.echo(
            f"Leads still theirs: {held}. Claims run out by themselves. Hand on the others with: "
            f"dibs user deactivate {somebody.email} --redistribute"
        )


def _check_heir(somebody: User, handle: str) -> None:
    """Refuse before anything is done, if the opportunities cannot go to this rep."""
    from dibs.people.models import Rep
    from dibs.people.tenancy import within

    with within(somebody.workspace_id):
        there = Rep.objects.filter(workspace_id=somebody.workspace_id, handle=handle, active=True)
        if not there.exclude(user=somebody).exists():
            raise click.ClickException(f"There is no other active rep called {handle}.")


def _pass_on(somebody: User, to: str | None, *, quiet: bool) -> tuple[int, int]:
    """Hand the open opportunities of who was a rep to another, if one is named; how many went, and how many are theirs still."""
    from django.utils.timezone import now

    from dibs.crm.models import Opportunity
    from dibs.distribution.opportunities import hand_all
    from dibs.people.caller import operator
    from dibs.people.models import Rep
    from dibs.people.tenancy import within

    with within(somebody.workspace_id):
        rep = Rep.objects.filter(user=somebody).first()
        if rep is None:
            return 0, 0
        caller = operator(somebody.workspace_id, somebody.workspace.timezone)
        handed = hand_all(caller, rep.handle, to, now()) if to is not None else 0
        left = Opportunity.objects.filter(workspace_id=somebody.workspace_id, owner=rep, state="open").count()
    if not quiet:
        _say_passed_on(somebody, to, handed, left)
    return handed, left


def _say_passed_on(somebody: User, to: str | None, handed: int, left: int) -> None:
    if handed:
        click.echo(f"Opportunities handed to {to}: {handed}.")
    if left:
        click.echo(
            f"Opportunities still theirs: {left}. Hand them on with: "
            f"dibs user deactivate {somebody.email} --opportunities-to HANDLE"
        )


def _see_off(somebody: User, to: str, by: str, *, yes: bool, as_json: bool) -> None:
    """Show who would get a rep's leads, and do it if that is right."""
    from dibs.cli.moving import aim_of, done, planned, show
    from dibs.distribution.moving import Wanted
    from dibs.people.caller import operator
    from dibs.people.models import Rep
    from dibs.people.tenancy import within

    with within(somebody.workspace_id):
        handle = Rep.objects.filter(user=somebody).values_list("handle", flat=True).first()
    if handle is None:
        raise click.ClickException(f"{somebody.email} is no rep and has no leads to hand on.")
    caller = operator(somebody.workspace_id, somebody.workspace.timezone)
    move = planned(caller, Wanted(kind="leaving", aim=aim_of(to, by), rep=handle), [])
    if not yes:
        show(caller, move, as_json=False)
        if not click.confirm(f"See {somebody.name} off, and move these leads?", err=True):
            done(caller, move, "drop", quiet=True)
            raise click.Abort
    done(caller, move, "start", quiet=as_json)
    show(caller, move, as_json=as_json)


for command in (hours.hours, hours.away, hours.back, hours.calendar):
    user.add_command(command)


@click.group()
def token() -> None:
    """Make, list and revoke keys that programs call with."""


@token.command("create")
@click.argument("email")
@click.option("--name", default="", help="What it is for.")
@click.option("--scope", "scopes", multiple=True, help="What it may do; repeatable. None: all that a person may.")
@click.option("--days", type=click.IntRange(min=1), help="Days until it expires; never if not given.")
@_json_option
def create(email: str, name: str, scopes: tuple[str, ...], days: int | None, as_json: bool) -> None:
    """Make a token for a user and print it, alone. It can't be shown again."""
    with connected():
        from django.utils.timezone import now

        from dibs.people.access import SCOPES
        from dibs.people.models import ApiToken
        from dibs.people.tenancy import within

        if unknown := sorted(set(scopes) - SCOPES):
            raise click.BadParameter(
                f"{', '.join(unknown)}: there are {', '.join(sorted(SCOPES))}", param_hint="--scope"
            )
        somebody = _somebody(email)
        if not somebody.is_active:
            raise click.ClickException(f"{somebody.email} is deactivated: a token of theirs would open nothing.")
        if somebody.role == "integration" and not scopes:
            scopes = _USUAL_SCOPES
            tell(f"Scopes: {', '.join(scopes)} (choose others with --scope)")
        with within(somebody.workspace_id):
            expires_at = now() + timedelta(days=days) if days else None
            text = ApiToken.issue(somebody, name, list(scopes), expires_at)
        click.echo(
            json.dumps({"token": text, "expires_at": expires_at and expires_at.isoformat()}) if as_json else text
        )


@token.command("list")
@workspace_option
@_json_option
def list_tokens(workspace: str | None, as_json: bool) -> None:
    """List the tokens there are. What they are themselves is not kept, so it can't be shown."""
    with connected():
        from dibs.people.models import ApiToken
        from dibs.people.tenancy import within

        here = chosen_workspace(workspace)
        with within(here.id):
            tokens: list[dict[str, Any]] = [
                {
                    "id": str(found.id),
                    "name": found.name,
                    "user": found.user.email,
                    "scopes": found.scopes,
                    "created": found.created_at.isoformat(timespec="seconds"),
                    "expires": found.expires_at and found.expires_at.isoformat(timespec="seconds"),
                }
                for found in ApiToken.objects.filter(workspace=here)
                .select_related("user")
                .order_by("user__email", "created_at")
            ]
    if as_json:
        click.echo(json.dumps(tokens, ensure_ascii=False))
        return
    if not tokens:
        click.echo("There are no tokens. See: dibs token create EMAIL")
    for row in tokens:
        may = ", ".join(row["scopes"]) or "all that the person may"
        until = f"until {row['expires']}" if row["expires"] else "does not expire"
        click.echo("  ".join(filter(None, [row["id"], row["user"], row["name"], may, f"made {row['created']}", until])))


@token.command("revoke")
@click.argument("token_id", metavar="ID", type=click.UUID)
@_json_option
def revoke(token_id: UUID, as_json: bool) -> None:
    """Delete a token, by its ID in `dibs token list`: from now on it opens nothing."""
    with connected():
        from dibs.people.models import ApiToken

        found = ApiToken.objects.filter(id=token_id).select_related("user").first()
        if found is None:
            raise click.ClickException(f"There is no token {token_id}. See: dibs token list")
        found.delete()
    if as_json:
        click.echo(json.dumps({"id": str(token_id), "name": found.name, "user": found.user.email}, ensure_ascii=False))
        return
    click.echo(f"Revoked {f'“{found.name}”' if found.name else 'the token'} of {found.user.email}.")


def _somebody(email: str) -> User:
    from dibs.people.models import User

    found = User.objects.filter(email__iexact=email.strip()).first()
    if found is None:
        raise click.ClickException(f"Nobody here has the address {email}. See: dibs user list")
    return found
