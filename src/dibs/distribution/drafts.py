"""A policy to try out: a version by its number, the one in force, or the text of one that nobody has published."""

from __future__ import annotations

from uuid import UUID

from dibs.distribution import policies
from dibs.distribution.models import PolicyVersion
from dibs.distribution.rulebooks import Active, predicting, switched_on, with_model
from dibs.engine import policy as documents
from dibs.engine.policy import Policy, PolicyRefused
from dibs.engine.rulebook import Rulebook

#: What stands in place of a version's id for one that is not published; its number is 0.
DRAFT = UUID(int=0)


class NothingToTry(Exception):
    """The workspace has published no policy, and no text was given."""


def draft(workspace_id: UUID, text: str) -> Active:
    """The policy in ``text``, ready to run and never published. Raises `PolicyRefused` if it has errors.

    An example that fails is none: one tries a policy out to see why.
    """
    checked = policies.check(workspace_id, text)
    errors = [found for found in checked.problems if found.severity == "error" and found.code != "example_failed"]
    if checked.policy is None or errors:
        raise PolicyRefused(tuple(errors) or checked.problems)
    return with_model(ready(checked.policy), switched_on(workspace_id))


def ready(policy: Policy) -> Active:
    """A policy without errors that is not published, ready to run."""
    return Active(DRAFT, 0, documents.digest(policy), Rulebook.of(policy))


def version(workspace_id: UUID, number: int | None = None) -> Active:
    """The version of this number, the one in force without; with the model that is switched on. Raises `UnknownVersion` and `NothingToTry`."""
    if number is None:
        active = policies.active(workspace_id)
        if active is None:
            raise NothingToTry
        return active
    found = PolicyVersion.objects.filter(workspace_id=workspace_id, number=number).values_list("id", flat=True).first()
    if found is None:
        raise policies.UnknownVersion(number)
    return predicting(found, switched_on(workspace_id))
