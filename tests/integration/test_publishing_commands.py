"""``dibs policy``: what it says, and its exit codes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from dibs.cli.policy import policy
from dibs.cli.policy_files import refuse
from dibs.distribution.policies import TooSudden
from dibs.engine.policy import Problem
from dibs.people.models import Workspace
from tests.integration.commands import run_here
from tests.making import make_user, make_workspace

SOUND = "policy: Sound\nroute:\n  - {name: All, pull: {pool: inbound}}\npools: {inbound: {}}\n"
BROKEN = SOUND.replace("{pool: inbound}", "{pool: inbund}")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(SOUND, encoding="utf-8")
    return path


def run(*arguments: Any, stdin: str | None = None) -> Result:
    return run_here(policy, *arguments, stdin=stdin)


def test_check_of_a_sound_policy_ends_with_0(file: Path) -> None:
    result = run("check", file)
    assert (result.exit_code, result.stdout) == (0, f"{file}: ok (no examples)\n")


def test_check_tells_each_problem_with_file_line_column_and_ends_with_1(file: Path) -> None:
    file.write_text(BROKEN, encoding="utf-8")
    result = run("check", file)
    assert result.exit_code == 1
    assert f"{file}:3:30: error: there is no pool inbund; did you mean inbound? [unknown_pool]\n" in result.stderr
    marked = result.stderr.splitlines()
    assert marked[2].index("^") == marked[1].index("inbund")
    assert result.stdout == f"{file}: refused (1 error, 1 warning)\n"


def test_check_answers_as_json_too(file: Path) -> None:
    file.write_text(BROKEN + "examples: [{lead: {}, expect: {pool: inbound}}]\n", encoding="utf-8")
    result = run("check", file, "--json")
    answer = json.loads(result.stdout)
    assert (result.exit_code, answer["ok"], answer["policy"]) == (1, False, "Sound")
    assert answer["problems"][0] == {
        "code": "unknown_pool",
        "message": "there is no pool inbund; did you mean inbound?",
        "line": 3,
        "column": 30,
        "path": "route[0].pull.pool",
        "severity": "error",
    }


def test_check_takes_several_files_and_standard_input(file: Path) -> None:
    result = run("check", file, "-", stdin=BROKEN)
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [f"{file}: ok (no examples)", "-: refused (1 error, 1 warning)"]


def test_check_of_what_is_not_there_or_not_utf_8_is_told(file: Path) -> None:
    assert run("check", file.with_name("nowhere.yaml")).exit_code == 2
    file.write_bytes("policy: Ångström\n".encode("latin-1"))
    result = run("check", file)
    assert result.exit_code == 1
    assert f"{file}:1: not UTF-8" in result.stderr


def test_schema_is_json() -> None:
    assert json.loads(run("schema").stdout)["title"] == "Policy"


@pytest.fixture
def workspace(own_database: None) -> Workspace:
    """A workspace, and commands that use the tests' database as it is."""
    return make_workspace("main")


def test_publish_list_and_rollback(workspace: Workspace, file: Path) -> None:
    nora = make_user(workspace, "ops")
    assert "No policy is published yet" in run("list").stdout
    result = run("publish", file, "--by", nora.email, "--note", "To begin with")
    assert (result.exit_code, result.stdout) == (0, "Published “Sound” as version 1.\n")
    assert run("publish", file).stdout == "Nothing changed: version 1 is this policy already.\n"
    file.write_text(SOUND.replace("Sound", "Louder"), encoding="utf-8")
    answer = json.loads(run("publish", file, "--json").stdout)
    assert (answer["number"], answer["new"], answer["problems"]) == (2, True, [])
    assert run("rollback", "1").stdout == "Published “Sound” as version 3.\n"
    listed = json.loads(run("list", "--json").stdout)
    assert [(row["number"], row["active"], row["note"]) for row in listed] == [
        (3, True, "Back to version 1"),
        (2, False, ""),
        (1, False, "To begin with"),
    ]
    assert listed[2]["published_by"] == nora.email


def test_what_is_refused_ends_with_1_and_changes_nothing(workspace: Workspace, file: Path) -> None:
    file.write_text(BROKEN, encoding="utf-8")
    result = run("publish", file)
    assert result.exit_code == 1
    assert "[unknown_pool]" in result.stderr
    assert result.stderr.startswith(f"Error: {file} is refused; nothing was changed.\n{file}:3:")
    answer = json.loads(run("publish", file, "--json").stdout)
    assert answer["ok"] is False
    assert answer["problems"][0]["line"] == 3
    assert "no policy version 4" in run("rollback", "4").stderr
    assert run("rollback", "4").exit_code == 1
    assert "Nobody here" in run("publish", file, "--by", "nobody@example.com").stderr
    assert json.loads(run("list", "--json").stdout) == []


def test_warnings_are_told_and_do_not_stop_it(workspace: Workspace, file: Path) -> None:
    file.write_text(SOUND.replace("pull: {pool: inbound}", "push: {team: closers}"), encoding="utf-8")
    result = run("publish", file)
    assert result.exit_code == 0
    assert (
        f"{file}:3:30: warning: the workspace has no team closers; add it under People [unknown_team]" in result.stderr
    )
    checked = run("check", file, "--people")
    assert checked.exit_code == 0
    assert "[unknown_team]" in checked.stderr
    assert "[unknown_team]" not in run("check", file).stderr


def test_diff_ends_with_1_where_the_meaning_differs(workspace: Workspace, file: Path) -> None:
    result = run("diff", file)
    assert result.exit_code == 1
    assert "+policy: Sound" in result.stdout
    run("publish", file)
    assert run("diff", file).stdout == "Is the same as version 1.\n"
    file.write_text("# a remark\n" + SOUND, encoding="utf-8")
    result = run("diff", file)
    assert result.exit_code == 0
    assert result.stdout.endswith(
        "+# a remark\n policy: Sound\n route:\n   - {name: All, pull: {pool: inbound}}\nMeans the same as version 1.\n"
    )
    file.write_text(SOUND.replace("{}", "{lock: 5m}"), encoding="utf-8")
    result = run("diff", file, "--json")
    assert (result.exit_code, json.loads(result.stdout)["differs"]) == (1, True)
    assert "no policy version 9" in run("diff", file, "--to", "9").stderr


def test_one_of_several_workspaces_is_chosen_by_name(workspace: Workspace, file: Path) -> None:
    make_workspace("other")
    assert run("publish", file, "--workspace", "other").exit_code == 0
    assert json.loads(run("list", "--json", "--workspace", "main").stdout) == []
    assert len(json.loads(run("list", "--json", "--workspace", "other").stdout)) == 1
    assert "There is no workspace" in run("list", "--workspace", "nowhere").stderr


# -- for a moment ahead -----------------------------------------------------------------------------------------------


def announce(file: Path, *options: str, hold: int = 5) -> Result:
    file.write_text(SOUND + f"fair_play: {{hold_at_most: {hold}}}\n", encoding="utf-8")
    return run("publish", file, *options)


def test_publish_can_announce_for_a_moment_in_the_workspaces_own_time(workspace: Workspace, file: Path) -> None:
    Workspace.objects.filter(id=workspace.id).update(timezone="Asia/Tokyo")
    run("publish", file)
    result = announce(file, "--effective-from", "2199-12-01T09:00")
    assert (result.exit_code, result.stdout) == (
        0,
        "Announced “Sound” as version 2, from 2199-12-01 09:00 JST.\n",
    )
    again = announce(file, "--effective-from", "2199-12-01T00:00Z")
    assert again.stdout == "Nothing changed: version 2 is announced for 2199-12-01 09:00 JST already.\n"
    listed = run("list").stdout.splitlines()
    assert listed[0].startswith(">    2")
    assert "(from 2199-12-01T00:00:00+00:00)" in listed[0]
    assert listed[1].startswith("*    1")


def test_publish_can_announce_for_a_span_ahead(workspace: Workspace, file: Path) -> None:
    run("publish", file)
    answer = json.loads(announce(file, "--effective-from", "3d", "--json").stdout)
    assert (answer["new"], answer["pending"], answer["taken_back"]) == (True, True, None)
    ahead = datetime.fromisoformat(answer["effective_from"]) - datetime.now(UTC)
    assert timedelta(days=2, hours=23) < ahead <= timedelta(days=3)


def test_a_moment_that_is_none_is_a_wrong_call(workspace: Workspace, file: Path) -> None:
    for wrong in ("soon", "2026-13-01", "0d", "9999-12-31T23:59", "9999-12-31T23:59-14:00"):
        result = announce(file, "--effective-from", wrong)
        assert (result.exit_code, wrong in result.stderr) == (2, True)
    assert run("list").stdout.startswith("No policy is published yet.")


def test_publishing_at_once_says_what_it_takes_back(workspace: Workspace, file: Path) -> None:
    run("publish", file)
    announce(file, "--effective-from", "3d")
    result = announce(file, hold=7)
    assert result.stdout == "Published “Sound” as version 3.\nVersion 2, which was announced, is taken back.\n"
    assert [line[0] for line in run("list").stdout.splitlines()] == ["*", "x", " "]


def test_cancel_takes_back_what_is_announced(workspace: Workspace, file: Path) -> None:
    run("publish", file)
    none = run("cancel")
    assert (none.exit_code, none.stderr) == (1, "Error: No policy is announced. See: dibs policy list\n")
    announce(file, "--effective-from", "3d")
    assert run("cancel").stdout == "Took back “Sound”, version 2. What is active stays so.\n"
    announce(file, "--effective-from", "4d")
    assert json.loads(run("cancel", "--json").stdout) == {"ok": True, "number": 3, "name": "Sound"}


def test_rollback_can_be_announced_too(workspace: Workspace, file: Path) -> None:
    run("publish", file)
    announce(file)
    result = run("rollback", 1, "--effective-from", "2d", "--json")
    answer = json.loads(result.stdout)
    assert (result.exit_code, answer["number"], answer["pending"]) == (0, 3, True)


def test_one_that_is_too_sudden_is_refused_with_the_earliest_moment(workspace: Workspace, file: Path) -> None:
    file.write_text(SOUND + "fair_play: {notice: 3d}\n", encoding="utf-8")
    run("publish", file)
    file.write_text(SOUND + "fair_play: {notice: 3d, hold_at_most: 5}\n", encoding="utf-8")
    result = run("publish", file)
    assert result.exit_code == 1
    assert f"Error: {file} is refused; nothing was changed.\n" in result.stderr
    assert "it may take effect from " in result.stderr
    assert "[too_sudden]" in result.stderr
    (hint,) = [line for line in result.stderr.splitlines() if line.startswith("Announce it instead: ")]
    assert run("publish", file, *hint.removeprefix("Announce it instead: ").split()).exit_code == 0


def test_the_moment_that_is_named_instead_leaves_time_to_type_it(capsys: pytest.CaptureFixture[str]) -> None:
    problem = Problem("too_sudden", "It is too sudden.", path="fair_play")
    for minute, hour in ((0, 11), (49, 11), (50, 12), (59, 12)):
        with pytest.raises(SystemExit):
            refuse(
                "policy.yaml", "", TooSudden(problem, datetime(2026, 3, 2, 10, minute, 59, tzinfo=UTC)), as_json=False
            )
        assert f"--effective-from 2026-03-02T{hour}:00+0000" in capsys.readouterr().err
