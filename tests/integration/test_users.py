"""`dibs user` and `dibs token`: people and keys, from a script and by hand."""

from __future__ import annotations

import json
import re

import pytest

from dibs.crm.models import Opportunity
from dibs.distribution.joining import Known, first_workspace, join
from dibs.distribution.models import Standing
from dibs.people.caller import caller_with
from dibs.people.models import Rep, Team, User, Workspace
from dibs.people.tenancy import enter
from tests.integration.commands import Command


def test_the_first_user_brings_the_first_workspace(command: Command) -> None:
    told = command("user", "add", "aiko.mori@example.com", "--name", "Aiko Mori", "--team", "closers")
    assert told.returncode == 0, told.stderr
    assert "known to the policy as aiko-mori" in told.stdout
    (password,) = re.findall(r"^Password: (\S+)$", told.stdout, re.MULTILINE)

    workspace = Workspace.objects.get()
    assert workspace.slug == "main"
    user = User.objects.get()
    assert (user.role, user.name, user.check_password(password)) == ("rep", "Aiko Mori", True)
    enter(workspace.id)
    rep = Rep.objects.get()
    assert Standing.objects.filter(rep=rep).exists()
    assert [team.slug for team in rep.teams.all()] == ["closers"]


def test_a_team_that_no_policy_could_name_is_refused(command: Command) -> None:
    told = command("user", "add", "aiko@example.com", "--team", "東京")
    assert told.returncode == 2
    assert "東京" in told.stderr
    assert not User.objects.exists()


def test_a_password_may_come_from_a_script(command: Command) -> None:
    told = command(
        "user", "add", "n@example.com", "--role", "ops", "--password-stdin", "--json", input="open sesame 9\n"
    )
    assert json.loads(told.stdout)["password"] is None
    assert User.objects.get().check_password("open sesame 9")

    short = command("user", "add", "m@example.com", "--role", "ops", "--password-stdin", input="1234\n")
    assert short.returncode == 1
    assert "too short" in short.stderr
    assert User.objects.count() == 1


def test_what_cannot_be_right_changes_nothing(command: Command) -> None:
    assert command("user", "add", "aiko@example.com").returncode == 0
    twice = command("user", "add", "AIKO@example.com")
    assert (twice.returncode, "has an account already" in twice.stderr) == (1, True)
    assert command("user", "add", "no address").returncode == 2
    assert command("user", "add", "b@example.com", "--role", "king").returncode == 2
    elsewhere = command("user", "add", "b@example.com", "--workspace", "nowhere")
    assert (elsewhere.returncode, "There are: main" in elsewhere.stderr) == (1, True)
    assert User.objects.count() == 1


def test_a_token_is_printed_alone_and_works(command: Command) -> None:
    from django.utils.timezone import now

    command("user", "add", "aiko@example.com")
    told = command("token", "create", "aiko@example.com", "--days", "30", "--scope", "claim")
    caller = caller_with(told.stdout.strip(), now())
    assert told.stdout.count("\n") == 1
    assert caller is not None
    assert (caller.handle, caller.scopes) == ("aiko", frozenset({"claim"}))

    assert command("token", "create", "nobody@example.com").returncode == 1
    unknown = command("token", "create", "aiko@example.com", "--scope", "everything")
    assert (unknown.returncode, "leads:write" in unknown.stderr) == (2, True)


def test_an_integration_gets_no_password_and_a_token_that_can_send_leads(command: Command) -> None:
    from django.utils.timezone import now

    added = command("user", "add", "site@example.com", "--role", "integration", "--json")
    assert json.loads(added.stdout)["password"] is None
    assert not User.objects.get().has_usable_password()
    caller = caller_with(command("token", "create", "site@example.com").stdout.strip(), now())
    assert caller is not None
    assert "leads:write" in caller.scopes


def test_tokens_are_listed_without_what_they_are_and_can_be_revoked(command: Command) -> None:
    from django.utils.timezone import now

    assert "There are no tokens" not in command("user", "add", "aiko@example.com").stdout
    assert "There are no tokens" in command("token", "list").stdout
    kept, lost = (
        command(
            "token", "create", "aiko@example.com", "--name", name, "--scope", "claim", "--days", "30"
        ).stdout.strip()
        for name in ("phone", "lost laptop")
    )
    for listed in (command("token", "list"), command("token", "list", "--json")):
        assert listed.returncode == 0, listed.stderr
        assert "aiko@example.com" in listed.stdout
        for text in (kept, lost):
            assert text.rpartition("_")[2] not in listed.stdout
    rows = {row["name"]: row for row in json.loads(listed.stdout)}
    assert set(rows["phone"]) == {"id", "name", "user", "scopes", "created", "expires"}
    assert (rows["phone"]["user"], rows["phone"]["scopes"]) == ("aiko@example.com", ["claim"])
    assert rows["phone"]["expires"] > rows["phone"]["created"]

    told = command("token", "revoke", rows["lost laptop"]["id"])
    assert (told.returncode, told.stdout) == (0, "Revoked “lost laptop” of aiko@example.com.\n")
    assert caller_with(lost, now()) is None
    assert caller_with(kept, now()) is not None
    again = command("token", "revoke", rows["lost laptop"]["id"])
    assert (again.returncode, again.stderr.startswith("Error: There is no token")) == (1, True)
    assert command("token", "revoke", "the old one").returncode == 2


def test_somebody_seen_off_can_neither_log_in_nor_call_nor_get_leads(command: Command) -> None:
    from django.test import Client
    from django.utils.timezone import now

    command("user", "add", "aiko@example.com", "--team", "closers", "--password-stdin", input="open sesame 9\n")
    token = command("token", "create", "aiko@example.com").stdout.strip()
    browser = Client()
    login = {"login": "aiko@example.com", "password": "open sesame 9"}
    browser.post("/account/login/", login)
    assert "_auth_user_id" in browser.session

    told = command("user", "deactivate", "Aiko@example.com")
    assert told.returncode == 0, told.stderr
    user = User.objects.get()
    assert not user.is_active
    assert not user.tokens.exists()
    enter(user.workspace_id)
    assert not Rep.objects.get().active
    assert caller_with(token, now()) is None
    assert browser.get("/").status_code == 302
    stranger = Client()
    stranger.post("/account/login/", login)
    assert "_auth_user_id" not in stranger.session

    assert json.loads(command("user", "list", "--json").stdout)[0]["active"] is False
    assert "deactivated" in command("token", "create", "aiko@example.com").stderr
    nobody = command("user", "deactivate", "nobody@example.com")
    assert (nobody.returncode, nobody.stderr.startswith("Error: Nobody here")) == (1, True)


def test_the_opportunities_of_who_leaves_go_to_another(command: Command) -> None:
    for name in ("aiko", "budi"):
        command("user", "add", f"{name}@example.com", "--role", "rep", "--team", "closers")
    enter(first_workspace().id)
    aiko, budi = (Rep.objects.get(handle=name) for name in ("aiko", "budi"))
    for n in range(3):
        state = "open" if n else "won"
        Opportunity.objects.create(
            workspace_id=aiko.workspace_id, owner=aiko, name=f"No {n}", stage="qualified", state=state
        )

    told = command("user", "deactivate", "aiko@example.com")
    assert "Opportunities still theirs: 2." in told.stdout
    nobody = command("user", "deactivate", "aiko@example.com", "--opportunities-to", "aiko")
    assert (nobody.returncode, "no other active rep called aiko" in nobody.stderr) == (1, True)
    told = command("user", "deactivate", "aiko@example.com", "--opportunities-to", "budi", "--json")
    answer = json.loads(told.stdout)
    assert (answer["opportunities_handed"], answer["opportunities_open"]) == (2, 0)
    enter(aiko.workspace_id)
    assert set(Opportunity.objects.filter(state="open").values_list("owner_id", flat=True)) == {budi.id}
    assert Opportunity.objects.get(state="won").owner_id == aiko.id


@pytest.mark.django_db
def test_two_that_would_share_a_handle_get_one_each() -> None:
    workspace = first_workspace()
    handles = [join(workspace, f"aiko@{n}.example", "Aiko", "rep").rep.handle for n in range(3)]
    assert handles == ["aiko", "aiko-2", "aiko-3"]


@pytest.mark.django_db
def test_a_manager_manages_teams_and_an_address_joins_once() -> None:
    workspace = first_workspace()
    manager = join(workspace, "mara@example.com", "Mara", "manager", teams=["closers", "tokyo"])
    assert {team.slug for team in manager.manages.all()} == {"closers", "tokyo"}
    assert Team.objects.count() == 2
    with pytest.raises(Known):
        join(workspace, "Mara@example.com", "Mara", "rep")


@pytest.mark.django_db
def test_the_workspace_to_use_is_the_only_one_or_main() -> None:
    sample = Workspace.objects.create(slug="sample", name="Sample")
    assert first_workspace() == sample
    Workspace.objects.create(slug="other", name="Other")
    with pytest.raises(Workspace.MultipleObjectsReturned, match="other, sample"):
        first_workspace()
    main = Workspace.objects.create(slug="main", name="Main")
    assert first_workspace() == main
