"""Publishing policies: numbered, immutable, one active, safe when several publish at once."""

from __future__ import annotations

import threading
from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError, connection, transaction

from dibs.delivery.models import Outbox
from dibs.distribution import policies, rulebooks
from dibs.distribution.models import PolicyVersion
from dibs.engine.facts import LeadFacts
from dibs.engine.policy import PolicyRefused, canonical, digest, read
from dibs.people.models import Workspace
from dibs.people.tenancy import enter
from tests.making import make_rep, make_user, make_workspace
from tests.running import PATIENCE

pytestmark = pytest.mark.django_db(transaction=True)


def text(name: str = "First", lock: str = "15m", **more: str) -> str:
    rest = "".join(f"{key}: {value}\n" for key, value in more.items())
    return f"policy: {name}\nroute:\n  - {{name: All, pull: {{pool: inbound}}}}\npools: {{inbound: {{lock: {lock}}}}}\n{rest}"


@pytest.fixture
def workspace() -> Workspace:
    return make_workspace()


def numbers(workspace: Workspace) -> list[tuple[int, str, bool]]:
    rows = PolicyVersion.objects.filter(workspace=workspace).order_by("number")
    return list(rows.values_list("number", "name", "active"))


def test_a_fresh_workspace_has_no_policy(workspace: Workspace) -> None:
    assert policies.active(workspace.id) is None


def test_the_first_is_version_1_and_active_and_keeps_its_text(workspace: Workspace) -> None:
    ops = make_user(workspace, "ops", name="Nora")
    version = policies.publish(workspace.id, text("First"), by=ops, note="To begin with")
    assert (version.number, version.name, version.active) == (1, "First", True)
    assert (version.source, version.note, version.published_by) == (text("First"), "To begin with", ops)
    version.refresh_from_db()
    assert version.digest == digest(read(text("First")))
    assert canonical(policies.policy_of(version)) == canonical(read(text("First")))
    active = policies.active(workspace.id)
    assert active is not None
    assert (active.version_id, active.number, active.digest) == (version.id, 1, version.digest)
    found = active.book.first(active.book.activation(LeadFacts()))
    assert found is not None
    assert found.rule.name == "All"


def test_the_next_takes_its_place(workspace: Workspace) -> None:
    policies.publish(workspace.id, text("First"), by=None)
    policies.publish(workspace.id, text("Second"), by=None)
    assert numbers(workspace) == [(1, "First", False), (2, "Second", True)]
    active = policies.active(workspace.id)
    assert active is not None
    assert active.number == 2


def test_the_same_meaning_is_no_new_version(workspace: Workspace) -> None:
    first = policies.publish(workspace.id, text(lock="15m"), by=None)
    again = policies.publish(workspace.id, "# a remark\n" + text(lock="900s"), by=None)
    assert again.id == first.id
    assert numbers(workspace) == [(1, "First", True)]
    assert Outbox.objects.filter(workspace=workspace, event="policy.published").count() == 1


def test_one_with_errors_is_refused_and_changes_nothing(workspace: Workspace) -> None:
    policies.publish(workspace.id, text("First"), by=None)
    for broken, code in (
        (text("Second", lock="0m"), "duration_not_positive"),
        (text("Second").replace("{pool: inbound}", "{pool: inbund}"), "unknown_pool"),
        (text("Second", examples="[{lead: {}, expect: {rank: hot}}]"), "example_failed"),
        ("not a policy", "not_a_mapping"),
    ):
        with pytest.raises(PolicyRefused) as refused:
            policies.publish(workspace.id, broken, by=None)
        assert code in {problem.code for problem in refused.value.problems}
        assert str(refused.value).startswith("line ")
    assert numbers(workspace) == [(1, "First", True)]
    assert Outbox.objects.filter(workspace=workspace).count() == 1


def test_publishing_is_told_in_the_outbox(workspace: Workspace) -> None:
    ops = make_user(workspace, "ops", name="Nora")
    version = policies.publish(workspace.id, text("First"), by=ops)
    event = Outbox.objects.get(workspace=workspace)
    assert event.event == "policy.published"
    assert event.payload == {"number": 1, "name": "First", "digest": version.digest, "by": "Nora"}


def test_nothing_is_told_if_the_transaction_around_it_is_lost(workspace: Workspace) -> None:
    with transaction.atomic():
        policies.publish(workspace.id, text("First"), by=None)
        transaction.set_rollback(True)
    enter(workspace.id)
    assert numbers(workspace) == []
    assert not Outbox.objects.filter(workspace=workspace).exists()


def test_going_back_publishes_the_older_text_anew(workspace: Workspace) -> None:
    first = policies.publish(workspace.id, text("First"), by=None)
    policies.publish(workspace.id, text("Second"), by=None)
    back = policies.rollback(workspace.id, 1, by=None)
    assert (back.number, back.name, back.note) == (3, "First", "Back to version 1")
    assert (back.digest, back.source) == (first.digest, first.source)
    assert numbers(workspace) == [(1, "First", False), (2, "Second", False), (3, "First", True)]


def test_going_back_to_what_is_active_changes_nothing(workspace: Workspace) -> None:
    policies.publish(workspace.id, text("First"), by=None)
    assert policies.rollback(workspace.id, 1, by=None).number == 1
    assert len(numbers(workspace)) == 1


def test_going_back_to_what_never_was_is_an_error(workspace: Workspace) -> None:
    with pytest.raises(policies.UnknownVersion, match="no policy version 7"):
        policies.rollback(workspace.id, 7, by=None)


def test_another_workspaces_versions_are_neither_seen_nor_used(workspace: Workspace) -> None:
    version = policies.publish(workspace.id, text("Theirs"), by=None)
    policies.rulebook.cache_clear()
    ours = make_workspace()
    assert policies.active(ours.id) is None
    with pytest.raises(policies.UnknownVersion):
        policies.rollback(ours.id, 1, by=None)
    with pytest.raises(PolicyVersion.DoesNotExist):
        policies.rulebook(version.id)
    assert policies.publish(ours.id, text("Ours"), by=None).number == 1


def test_which_policy_is_active_costs_one_query_once_it_is_compiled(
    workspace: Workspace, django_assert_num_queries: Any
) -> None:
    policies.publish(workspace.id, text("First"), by=None)
    policies.rulebook.cache_clear()
    rulebooks.predicting.cache_clear()
    with django_assert_num_queries(2):
        first = policies.active(workspace.id)
    with django_assert_num_queries(1):
        second = policies.active(workspace.id)
    assert first is not None
    assert second is first
    with django_assert_num_queries(0):
        assert policies.rulebook(first.version_id) is first


def test_the_database_itself_allows_one_active_policy_and_each_number_once(workspace: Workspace) -> None:
    version = policies.publish(workspace.id, text("First"), by=None)
    for wrong in ({"number": 2, "active": True}, {"number": 1, "active": False}):
        copy = PolicyVersion(workspace=workspace, name="X", source="", document={}, digest=version.digest, **wrong)
        with pytest.raises(IntegrityError), transaction.atomic():
            copy.save(force_insert=True)
        enter(workspace.id)


def test_the_workspaces_people_are_looked_at(workspace: Workspace) -> None:
    make_rep(workspace, "aiko", teams=("closers",))
    make_rep(workspace, "budi", teams=("field",), active=False)
    rules = "  - {name: Push, when: lead.consent, push: {team: %s}}\n"
    for team, code in (("closers", None), ("field", "team_empty"), ("closer", "unknown_team")):
        checked = policies.check(workspace.id, text().replace("route:\n", "route:\n" + rules % team))
        assert [problem.code for problem in checked.problems] == ([code] if code else [])
        assert checked.ok


def test_two_who_publish_at_once_get_two_versions_and_one_is_active(workspace: Workspace) -> None:
    publishers = 8
    start = threading.Barrier(publishers)
    failed: list[BaseException] = []

    def publish(name: str, workspace_id: UUID) -> None:
        try:
            enter(workspace_id)
            start.wait(PATIENCE)
            policies.publish(workspace_id, text(name), by=None)
        except BaseException as problem:
            failed.append(problem)
        finally:
            connection.close()

    threads = [threading.Thread(target=publish, args=(f"By {n}", workspace.id)) for n in range(publishers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert failed == []
    published = numbers(workspace)
    assert [number for number, _, _ in published] == list(range(1, publishers + 1))
    assert {name for _, name, _ in published} == {f"By {n}" for n in range(publishers)}
    assert [number for number, _, active in published if active] == [publishers]


def test_eight_who_publish_the_same_at_once_make_one_version(workspace: Workspace) -> None:
    failed: list[BaseException] = []

    def publish() -> None:
        try:
            policies.publish(workspace.id, text("Same"), by=None)
        except BaseException as problem:
            failed.append(problem)
        finally:
            connection.close()

    threads = [threading.Thread(target=publish) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert failed == []
    assert numbers(workspace) == [(1, "Same", True)]
