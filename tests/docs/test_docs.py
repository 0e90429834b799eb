"""What the documentation says is so."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from dibs.cli.main import dibs_command
from dibs.engine.lifecycle import TRANSITIONS
from docs import write_cli_reference

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *DOCS.rglob("*.md")])

_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def _prose(page: Path) -> str:
    return _FENCED.sub("", page.read_text(encoding="utf-8"))


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+\s+(.+)$", _prose(page), re.MULTILINE)
    return {re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", heading.lower())).strip("-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in _LINK.findall(_prose(page)):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = target.partition("#")
        aim = (page.parent / path).resolve() if path else page
        assert aim.exists(), f"{target} leads nowhere"
        if anchor and aim.suffix == ".md":
            assert anchor in _anchors(aim), f"{target}: no such heading"


def test_every_page_is_in_the_table_of_contents() -> None:
    listed = set(re.findall(r"[\w/.-]+\.md", (ROOT / "mkdocs.yml").read_text(encoding="utf-8")))
    assert {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")} == listed


def test_no_page_loads_anything_from_another_host() -> None:
    for page in PAGES:
        for target in re.findall(
            r"!\[[^\]]*\]\(([^)]+)\)|<(?:img|script|link)[^>]+(?:src|href)=\"([^\"]+)", _prose(page)
        ):
            assert not any(part.startswith("http") for part in target), f"{page.name}: {target}"


# -- commands ---------------------------------------------------------------------------------------------------------


def test_the_page_on_the_command_line_is_what_the_commands_say() -> None:
    # In a process of its own: click remembers how a command was called first, and tests call them in many ways.
    told = "import write_cli_reference as w; print(w.render(), end='')"
    docs = write_cli_reference.PAGE.parents[1]
    rendered = subprocess.run([sys.executable, "-c", told], cwd=docs, capture_output=True, text=True, check=True).stdout
    assert write_cli_reference.PAGE.read_text(encoding="utf-8") == rendered, "run: python docs/write_cli_reference.py"


def _shell_lines(page: Path) -> list[str]:
    """Lines of shell blocks, with continued ones joined."""
    blocks = re.findall(
        r"^```(?:sh|bash|console)\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    return [line.strip() for block in blocks for line in block.replace("\\\n", " ").splitlines() if line.strip()]


_DIBS = [
    (page, line)
    for page in PAGES
    for line in _shell_lines(page)
    if re.match(r"(\w+=\$\()?(sudo -u dibs env \S+ )?(\S*/)?dibs ", line)
]


@pytest.mark.parametrize(("page", "line"), _DIBS, ids=lambda value: str(value)[-60:])
def test_every_dibs_command_shown_exists_with_its_options(page: Path, line: str) -> None:
    words = shlex.split(
        re.sub(r"^(\w+=\$\()?(sudo -u dibs env \S+ )?", "", line).split("|")[0].split(">")[0].rstrip(")")
    )
    words = words[1:]
    command: click.Command = dibs_command
    context = click.Context(command, info_name="dibs")
    while isinstance(command, click.Group):
        while words and words[0].startswith("--data"):
            words = words[2:]
        found = command.get_command(context, words[0])
        assert found is not None, f"{page.name}: there is no command {words[0]!r}: {line}"
        command, words = found, words[1:]
        context = click.Context(command, info_name=command.name, parent=context)
    options = {option for param in command.params for option in (*param.opts, *param.secondary_opts)} | {"--help", "-h"}
    for word in words:
        if word.startswith("-"):
            assert word.split("=")[0] in options, f"{page.name}: {command.name} knows no {word}: {line}"


def test_every_make_target_shown_exists() -> None:
    targets = set(re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        shown = set(re.findall(r"^\s*make ([a-z]+)", text, re.MULTILINE)) | set(re.findall(r"`make ([a-z]+)`", text))
        assert shown <= targets, page.name


def test_the_help_works_for_every_command() -> None:
    for context in write_cli_reference.commands(click.Context(dibs_command, info_name="dibs")):
        words = context.command_path.split()[1:]
        result = CliRunner().invoke(dibs_command, [*words, "--help"])
        assert result.exit_code == 0, (words, result.output)


# -- settings ---------------------------------------------------------------------------------------------------------

_READ = re.compile(
    r"(?:environ(?:\.get\(|\.pop\(|\.setdefault\(|\[)|getenv\()\s*\"([A-Z][A-Z_]+)\"|envvar=\"([A-Z_]+)\""
)
#: Read, but not a setting of Dibs: it says which Django project this is.
_NOT_OURS = {"DJANGO_SETTINGS_MODULE"}


def _settings_read() -> set[str]:
    found = set()
    for source in (ROOT / "src").rglob("*.py"):
        for one, other in _READ.findall(source.read_text(encoding="utf-8")):
            found.add(one or other)
    return found - _NOT_OURS


def test_every_setting_is_documented() -> None:
    page = (DOCS / "reference" / "settings.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"`([A-Z][A-Z_]{3,})`", page))
    missing = {name for name in _settings_read() if name not in documented}
    assert not missing


def test_every_setting_documented_is_read() -> None:
    rows = re.findall(
        r"^\| (`[^|]+) \|", (DOCS / "reference" / "settings.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    documented = {name for row in rows for name in re.findall(r"`([A-Z_]+)`", row)}
    assert documented == _settings_read()


# -- events -----------------------------------------------------------------------------------------------------------


#: Acts that are decisions of another kind, or of none, and an order of sorting.
_NO_DECISIONS = {"answered", "assessed", "filled_in", "noted", "stable"}


def _events_written() -> set[str]:
    """Every kind of decision is an event; so is what `distribution` names by itself."""
    events = {f"lead.{kind}" for kinds in TRANSITIONS.values() for kind in kinds}
    for source in (ROOT / "src" / "dibs").rglob("*.py"):
        text = source.read_text(encoding="utf-8")
        # Elsewhere a lead's columns and facts are called so.
        if source.parent.name in {"distribution", "intake"}:
            events |= set(re.findall(r"\(\s*\"((?:lead|policy|rep|person)\.[a-z_]+)\",\s", text))
        if source.parent.name == "distribution":
            events |= set(re.findall(r"\"(opportunity\.[a-z_]+)\"", text))
            events |= {f"lead.{kind}" for kind in re.findall(r"\bkind=\"([a-z_]+)\"", text)}
    events -= {f"lead.{kind}" for kind in _NO_DECISIONS}
    return events


def test_every_event_is_documented_and_no_other() -> None:
    page = (DOCS / "reference" / "events.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `([a-z]+\.[a-z_]+)` \|", page, re.MULTILINE))
    assert documented == _events_written()


# -- the site ---------------------------------------------------------------------------------------------------------


def test_the_documentation_builds_without_a_warning_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for page in tmp_path.rglob("*.html"):
        html = page.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|img|iframe)[^>]+src=\"([^\"]+)\"|<link[^>]+href=\"([^\"]+)\"[^>]*>", html)
        assert not [part for parts in loaded for part in parts if part.startswith(("http:", "https:", "//"))], page.name
