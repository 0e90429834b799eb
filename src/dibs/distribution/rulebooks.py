"""Published policies made ready to run.

Compiled rulebooks are kept by each process under the version's id: a version never changes, so they never go out of date, and
which one is active is asked afresh each time. So are models that predict, and which of them is switched on.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import lru_cache
from uuid import UUID

import structlog
from django.db import connection

from dibs.distribution.models import PolicyVersion, ScoreModel
from dibs.engine import policy as documents
from dibs.engine.policy import Policy
from dibs.engine.prediction import Model, NotAModel
from dibs.engine.rulebook import Rulebook

_log = structlog.get_logger()

#: Compiled rulebooks a process keeps. One takes some hundred kilobytes.
_KEPT = 256


@dataclass(frozen=True, slots=True)
class Active:
    """A published policy made ready to run."""

    version_id: UUID
    number: int
    digest: str
    book: Rulebook


def active(workspace_id: UUID) -> Active | None:
    """The workspace's active policy, or ``None`` before the first is published; with the model that is switched on, if one is. A look-up
    in each of two indexes of one row."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT policy.id, (SELECT id FROM distribution_scoremodel WHERE workspace_id = policy.workspace_id AND active) "
            "FROM distribution_policyversion policy WHERE policy.workspace_id = %s AND policy.active",
            [workspace_id],
        )
        row = cursor.fetchone()
    return predicting(*row) if row else None


@lru_cache(maxsize=_KEPT)
def rulebook(version_id: UUID) -> Active:
    """A published version, compiled once in this process. Raises `PolicyVersion.DoesNotExist` where it is not to be seen."""
    version = PolicyVersion.objects.only("number", "digest", "document").get(id=version_id)
    return Active(version_id, version.number, version.digest, Rulebook.of(policy_of(version)))


@lru_cache(maxsize=_KEPT)
def predicting(version_id: UUID, model_id: UUID | None) -> Active:
    """A published version with this model of the workspace's switched on; ``None``: with none."""
    return with_model(rulebook(version_id), model_id)


def with_model(policy: Active, model_id: UUID | None) -> Active:
    """The same policy with this model switched on; ``None``: with none. A model that another version of Dibs wrote, and this one cannot
    read, counts as none: leads keep coming in, and points count."""
    if model_id is None:
        return policy
    try:
        return replace(policy, book=policy.book.with_model(model(model_id)))
    except NotAModel as problem:
        _log.warning("model_not_read", model=str(model_id), problem=str(problem))
        return policy


@lru_cache(maxsize=_KEPT)
def model(model_id: UUID) -> Model:
    """A model that is learnt, read once in this process. Raises `ScoreModel.DoesNotExist` and `NotAModel`."""
    found = ScoreModel.objects.only("number", "document").get(id=model_id)
    return Model(found.number, found.document)


def switched_on(workspace_id: UUID) -> UUID | None:
    """The model that predicts here, if one is switched on."""
    found: UUID | None = (
        ScoreModel.objects.filter(workspace_id=workspace_id, active=True).values_list("id", flat=True).first()
    )
    return found


def policy_of(version: PolicyVersion) -> Policy:
    """The policy a version holds, every default as it was when it was published."""
    return documents.from_canonical(json.dumps(version.document))
