"""``dibs privacy``: what is known of one person, handed out or erased, and how long anybody is kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from dibs.cli.database import connected
from dibs.cli.workspaces import chosen_workspace, workspace_option

if TYPE_CHECKING:
    from dibs.intake.persons import Asked

_json_option = click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")


def _who(command: Any) -> Any:
    for option in (
        click.option("--lead", type=click.UUID, metavar="ID", help="The person of this lead."),
        click.option("--phone", metavar="NUMBER", help="Everybody with this number."),
        click.option("--email", metavar="ADDRESS", help="Everybody with this address."),
    ):
        command = option(command)
    return command


@click.group()
def privacy() -> None:
    """Find, hand out or erase what is known of one person."""


@privacy.command("find")
@_who
@workspace_option
@_json_option
def find_(email: str | None, phone: str | None, lead: UUID | None, workspace: str | None, as_json: bool) -> None:
    """Tell what is known of somebody, in numbers. Nothing is changed."""
    with _person(email, phone, lead, workspace) as (workspace_id, asked):
        from dibs.intake.erasing import count
        from dibs.intake.persons import find

        person = find(workspace_id, asked)
        counts = count(workspace_id, person)
        if as_json:
            leads = [asdict(found) for found in person.leads.values()]
            click.echo(json.dumps({"counts": counts, "leads": leads}, ensure_ascii=False, default=str))
            return
        if not counts:
            raise click.ClickException("Nothing is known of anybody like that.")
        for found in person.leads.values():
            click.echo(f"{found.id}  {found.state:9}  {found.source}  {found.name or found.company or ''}".rstrip())
        for called, rows in counts.items():
            click.echo(f"{called:14} {rows}")
        if person.several():
            click.echo(
                "These are under different names: ask for one of their leads by --lead if they are several people."
            )


@privacy.command("export")
@_who
@click.option("--html", "as_page", is_flag=True, help="A page that the person can read, in place of JSON.")
@click.option("--language", type=click.Choice(["en", "ja", "es", "id"]), default="en", show_default=True)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Into this file, not to the screen.")
@workspace_option
def export(
    email: str | None,
    phone: str | None,
    lead: UUID | None,
    as_page: bool,
    language: str,
    output: Path | None,
    workspace: str | None,
) -> None:
    """Hand out all that is known of somebody, as one JSON document or as a page."""
    with _person(email, phone, lead, workspace) as (workspace_id, asked):
        from django.utils.timezone import now

        from dibs.intake import handing_out, person_document
        from dibs.intake.persons import find

        document = handing_out.told(workspace_id, find(workspace_id, asked), now(), language)
        if not document["counts"]:
            raise click.ClickException("Nothing is known of anybody like that.")
        text = (
            person_document.as_page(document, language)
            if as_page
            else json.dumps(document, ensure_ascii=False, indent=2)
        )
        if output is None:
            click.echo(text)
        else:
            output.write_text(text, encoding="utf-8")
            click.echo(f"Written to {output}.", err=True)


@privacy.command("erase")
@_who
@click.option("--yes", is_flag=True, help="Do not ask once more.")
@click.option("--may-contact", is_flag=True, help="Leave them off the list of those who must not be contacted.")
@workspace_option
@_json_option
def erase_(
    email: str | None,
    phone: str | None,
    lead: UUID | None,
    yes: bool,
    may_contact: bool,
    workspace: str | None,
    as_json: bool,
) -> None:
    """Erase somebody from everything. It cannot be undone; counts and reports stay as they are.

    Exit codes: 0 erased, 1 nobody like that is known.
    """
    with _person(email, phone, lead, workspace) as (workspace_id, asked):
        from django.utils.timezone import now

        from dibs.intake.erasing import erase
        from dibs.intake.persons import find
        from dibs.people.caller import operator

        person = find(workspace_id, asked)
        if not yes:
            leads = f"{len(person.leads)} {'lead' if len(person.leads) == 1 else 'leads'}"
            click.confirm(f"Erase who is known by this, with {leads}?", abort=True, err=True)
        done = erase(operator(workspace_id), asked, now(), listed=not may_contact)
        if done is None:
            raise click.ClickException("Nothing is known of anybody like that.")
        if as_json:
            click.echo(json.dumps(asdict(done), default=str))
        else:
            leads = f"{done.leads} {'lead' if done.leads == 1 else 'leads'}"
            click.echo(f"Erased: {leads}, {done.ended} of them open; {sum(done.rows.values())} rows in all.")


@privacy.command("retain")
@click.option("--dry-run", is_flag=True, help="Only count what has had its time.")
@workspace_option
@_json_option
def retain_(dry_run: bool, workspace: str | None, as_json: bool) -> None:
    """Erase what the policy keeps no longer, now and not by night."""
    with connected():
        from django.utils.timezone import now

        from dibs.intake.retention import over, retain
        from dibs.people.tenancy import within

        here = chosen_workspace(workspace)
        with within(here.id):
            found = over(here.id, now()) if dry_run else retain(here.id, now())
        if as_json:
            click.echo(json.dumps(asdict(found)))
            return
        said = "Would go" if dry_run else "Erased"
        click.echo(
            f"{said}: {found.ended} leads that were given up or lost, {found.open} that nobody has, {found.raw} rows of what sources sent."
        )


@contextmanager
def _person(
    email: str | None, phone: str | None, lead: UUID | None, workspace: str | None
) -> Iterator[tuple[UUID, Asked]]:
    """Who is meant, in which workspace. Ends the command if that can be nobody."""
    if sum(each is not None for each in (email, phone, lead)) != 1:
        raise click.UsageError("Say who by one of --email, --phone and --lead.")
    with connected():
        from dibs.intake.persons import NotAPerson, asked_for
        from dibs.people.tenancy import within

        here = chosen_workspace(workspace)
        with within(here.id):
            try:
                asked = asked_for(here.id, email=email, phone=phone, lead=lead)
            except NotAPerson as problem:
                said = {
                    "email_invalid": "This cannot be an e-mail address.",
                    "phone_invalid": "This cannot be a phone number; write it with its country code.",
                }
                raise click.ClickException(said.get(problem.code, "Say who is meant.")) from None
            yield here.id, asked
