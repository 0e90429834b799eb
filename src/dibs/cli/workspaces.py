"""Which workspace a command works in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from dibs.people.models import Workspace

workspace_option = click.option(
    "--workspace", metavar="SLUG", help="Which workspace; needed only where there are several."
)


def chosen_workspace(slug: str | None) -> Workspace:
    """The workspace of that name, or without one the only one there is. A `click.ClickException` says which there are."""
    from dibs.distribution.joining import first_workspace
    from dibs.people.models import Workspace

    if slug is None:
        try:
            return first_workspace()
        except Workspace.MultipleObjectsReturned as several:
            raise click.ClickException(
                f"There are several workspaces; choose one with --workspace: {several}"
            ) from None
    found = Workspace.objects.filter(slug=slug).first()
    if found is None:
        known = ", ".join(Workspace.objects.order_by("slug").values_list("slug", flat=True)) or "none yet"
        raise click.ClickException(f"There is no workspace {slug!r}. There are: {known}")
    return found
