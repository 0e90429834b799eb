"""Policies as published: numbered, immutable, one of them active in each workspace.

Publishing takes turns on the workspace's row, so two people who publish at once get two versions one after the other, and the
later one is active. Going back publishes the older text anew. Compiled rulebooks are kept by each process under the version's
id: a version never changes, so they never go out of date, and which one is active is asked afresh each time.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache, partial
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Q

from dibs.delivery.outbox import post
from dibs.delivery.wake import wake
from dibs.distribution.models import PolicyVersion
from dibs.engine import policy as documents
from dibs.engine.policy import Checked, People, Policy, PolicyRefused
from dibs.engine.rulebook import Rulebook
from dibs.people.models import Rep, Team, User, Workspace
from dibs.people.tenancy import enter

#: Compiled rulebooks a process keeps. One takes some hundred kilobytes.
_KEPT = 256


@dataclass(frozen=True, slots=True)
class Active:
    """A published policy made ready to run."""

    version_id: UUID
    number: int
    digest: str
    book: Rulebook


class UnknownVersion(Exception):
    """The workspace has no policy version of this number."""

    def __init__(self, number: int) -> None:
        super().__init__(f"there is no policy version {number}")
        self.number = number


def active(workspace_id: UUID) -> Active | None:
    """The workspace's active policy, or ``None`` before the first is published. One look-up in an index of one row."""
    found = (
        PolicyVersion.objects.filter(workspace_id=workspace_id, active=True).order_by().values_list("id", flat=True)[:1]
    )
    return next((rulebook(version_id) for version_id in found), None)


@lru_cache(maxsize=_KEPT)
def rulebook(version_id: UUID) -> Active:
    """A published version, compiled once in this process. Raises `PolicyVersion.DoesNotExist` where it is not to be seen."""
    version = PolicyVersion.objects.only("number", "digest", "document").get(id=version_id)
    return Active(version_id, version.number, version.digest, Rulebook.of(policy_of(version)))


def policy_of(version: PolicyVersion) -> Policy:
    """The policy a version holds, every default as it was when it was published."""
    return documents.from_canonical(json.dumps(version.document))


def check(workspace_id: UUID, text: str) -> Checked:
    """Check a policy's text, also against the workspace's teams and reps. The connection must be in the workspace."""
    return documents.check(text, _people(workspace_id))


def publish(workspace_id: UUID, text: str, by: User | None, note: str = "") -> PolicyVersion:
    """Make this text the active policy, and tell so in the outbox. The same policy as the active one is no new version.

    Raises `PolicyRefused` if it has errors or an example fails; then nothing changes.
    """
    enter(workspace_id)
    checked = check(workspace_id, text)
    if checked.policy is None or not checked.ok:
        raise PolicyRefused(checked.problems)
    policy, document = checked.policy, documents.canonical(checked.policy)
    digest = documents.digest(policy)
    with transaction.atomic():
        # Publishers take turns here. No key is changed, so those who only refer to the workspace need not wait.
        Workspace.objects.select_for_update(no_key=True).get(id=workspace_id)
        versions = PolicyVersion.objects.filter(workspace_id=workspace_id)
        current = versions.filter(active=True).first()
        if current is not None and current.digest == digest:
            return current
        latest = versions.order_by("-number").values_list("number", flat=True).first() or 0
        versions.filter(active=True).update(active=False)
        version = PolicyVersion.objects.create(
            workspace_id=workspace_id,
            number=latest + 1,
            name=policy.policy,
            source=text,
            document=json.loads(document),
            digest=digest,
            active=True,
            note=note[:500],
            published_by=by,
        )
        payload = {"number": version.number, "name": version.name, "digest": digest, "by": by.name if by else None}
        post(workspace_id, [("policy.published", None, payload)], version.published_at)
        transaction.on_commit(partial(wake, workspace_id))
    return version


def rollback(workspace_id: UUID, number: int, by: User | None) -> PolicyVersion:
    """Publish an older version's text anew; if it is the active one already, nothing changes.

    Raises `UnknownVersion`, and `PolicyRefused` if this version of Dibs no longer accepts the text.
    """
    enter(workspace_id)
    older = PolicyVersion.objects.filter(workspace_id=workspace_id, number=number).first()
    if older is None:
        raise UnknownVersion(number)
    return publish(workspace_id, older.source, by, note=f"Back to version {number}")


def _people(workspace_id: UUID) -> People:
    teams = Team.objects.filter(workspace_id=workspace_id).annotate(active=Count("reps", filter=Q(reps__active=True)))
    reps = Rep.objects.filter(workspace_id=workspace_id, active=True)
    return People(
        teams=dict(teams.values_list("slug", "active")), reps=frozenset(reps.values_list("handle", flat=True))
    )
