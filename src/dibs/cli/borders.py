"""``dibs policy borders``: which open leads a policy's territories would move, before it is published."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import click

from dibs.cli.policy_files import refuse, text_of
from dibs.cli.workspaces import chosen_workspace, workspace_option


@click.command("borders")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@workspace_option
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON, as the API does.")
def borders(file: str, workspace: str | None, as_json: bool) -> None:
    """Show which open leads would belong to others by a file's territories, and where the oldest of them would go.

    Leads that a person gave to their rep, and those that their rep claimed, stay. Nothing is written; to publish the file and move
    them: dibs policy publish FILE --move. Exit codes: 0 shown, 1 the file is refused.
    """
    from dibs.cli.database import connected
    from dibs.engine.policy import PolicyRefused

    text = text_of(file)
    with connected():
        from dibs.distribution.borders import would_move
        from dibs.distribution.drafts import draft
        from dibs.insight.territories import told
        from dibs.people.tenancy import within

        here = chosen_workspace(workspace)
        with within(here.id):
            try:
                after = draft(here.id, text)
            except PolicyRefused as refused:
                refuse(file, text, refused, as_json)
            moved = would_move(here.id, after, datetime.now(UTC))
    if as_json:
        click.echo(json.dumps(told(moved), ensure_ascii=False, default=str))
        return
    count = f"{moved.leads:,} of the oldest" if moved.more else f"{moved.leads:,}"
    click.echo(f"{count} open {'lead' if moved.leads == 1 else 'leads'} would belong to others.")
    for before, after_, leads in moved.between:
        click.echo(f"{leads:>8,}  {_named(before)} -> {_named(after_)}")
    for shown in moved.first:
        to = shown.to or {}
        goes = to.get("rep") or to.get("pool") or to.get("review") or "stays"
        has = shown.rep or shown.lead["state"]
        click.echo(f"  {shown.crossing.lead_id}  {shown.lead['company'] or shown.lead['name'] or '-'}: {has} -> {goes}")


def _named(territory: str | None) -> str:
    return territory or "none"
