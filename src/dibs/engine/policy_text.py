"""Policy text: YAML (1.2; JSON is YAML too) read into plain values, remembering for each where in the file it stands.

Text is refused before it can do harm: too large, too many values (aliases that unfold for ever), too deep, keys given
twice, tags that ask for objects.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, Literal

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode, SequenceNode

from dibs.engine.policy_codes import CODES

Path = tuple[str | int, ...]

LARGEST = 1_000_000
"""Bytes of UTF-8 that a policy may have."""
MOST = 30_000
"""Values that a policy may hold once its aliases are unfolded."""
DEEPEST = 40
"""Levels that mappings and lists may nest."""

_TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with a policy. ``code`` is one of `CODES`; ``line`` and ``column`` count from 1; ``path`` names the field, such as ``route[3].when``."""

    code: str
    message: str
    line: int | None = None
    column: int | None = None
    path: str = ""
    severity: Literal["error", "warning"] = "error"

    def __post_init__(self) -> None:
        assert self.code in CODES, self.code


class PolicyRefused(Exception):
    """A policy that cannot be used; ``problems`` says why, warnings included."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        first = next((problem for problem in problems if problem.severity == "error"), problems[0])
        super().__init__(f"line {first.line}: {first.message}" if first.line else first.message)
        self.problems = problems


def spelt(path: Path) -> str:
    """``("route", 3, "when")`` as ``route[3].when``."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


class Located:
    """A document's ``value``, made of dicts, tuples and scalars, and where each part of it stands in ``text``."""

    def __init__(self, text: str) -> None:
        """Read ``text``. Raises `PolicyRefused`."""
        self.text = text.removeprefix("\ufeff")
        self._values: dict[Path, Node] = {}
        self._keys: dict[Path, Node] = {}
        self._problems: list[Problem] = []
        self._count = 0
        self._open: list[int] = []
        root = _composed(self.text)
        if not isinstance(root, MappingNode):
            found = "a list" if isinstance(root, SequenceNode) else "nothing" if root is None else "a single value"
            raise PolicyRefused(
                (Problem("not_a_mapping", f"a policy is a mapping of fields to values; this is {found}", 1, 1),)
            )
        self.value: Any = self._read(root, ())
        if self._problems:
            raise PolicyRefused(tuple(self._problems))

    def problem(
        self,
        code: str,
        message: str,
        path: Path,
        *,
        key: bool = False,
        at: int | None = None,
        severity: Literal["error", "warning"] = "error",
    ) -> Problem:
        """A problem at the value at ``path``, at its key, or at the character ``at`` of its text.

        A path that is not in the document (a default, a missing field) stands for the nearest part around it that is; where one thing
        stands without the list that it may stand in, the path goes without its place there.
        """
        path = self._as_written(path)
        known = path
        while known and known not in self._values:
            known = known[:-1]
        node = self._keys.get(known) if key or known != path else None
        node = node or self._values[known]
        if not key and known == path and isinstance(node, CollectionNode) and not node.flow_style:
            node = self._keys.get(known, node)  # a block begins at its first line; what it is called stands above
        line, column = node.start_mark.line, node.start_mark.column
        if at is not None and known == path and isinstance(node, ScalarNode):
            line, column = self._within(node, at)
        return Problem(code, message, line + 1, column + 1, spelt(path), severity)

    def _as_written(self, path: Path) -> Path:
        written: Path = ()
        for step in path:
            if not (isinstance(step, int) and isinstance(self._values.get(written), MappingNode)):
                written = (*written, step)
        return written

    def _read(self, node: Node, path: Path) -> Any:
        self._values[path] = node
        self._count += 1
        if self._count > MOST:
            self._stop("too_many_values", f"the policy unfolds into more than {MOST:,} values", node, path)
        if len(path) > DEEPEST:
            self._stop("too_deep", f"the policy nests deeper than {DEEPEST} levels", node, path)
        if id(node) in self._open:
            self._stop("endless_alias", "this alias stands within what it stands for", node, path)
        if isinstance(node, ScalarNode):
            return self._scalar(node, path)
        assert isinstance(node, MappingNode | SequenceNode)
        if node.tag != _TAG + ("map" if isinstance(node, MappingNode) else "seq"):
            self._note("tag_refused", f"tags such as {node.tag} are not used in policies; leave it out", node, path)
        self._open.append(id(node))
        try:
            if isinstance(node, SequenceNode):
                return tuple(self._read(item, (*path, index)) for index, item in enumerate(node.value))
            return dict(self._pairs(node, path))
        finally:
            self._open.pop()

    def _pairs(self, node: MappingNode, path: Path) -> Iterator[tuple[str, Any]]:
        seen: dict[str, int] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _TAG + "merge":
                self._note("merge_refused", "<< is not used in policies; write the fields out", key_node, path)
                continue
            if not isinstance(key_node, ScalarNode):
                self._note("key_refused", "a field's name must be plain text", key_node, path)
                continue
            key = str(key_node.value)
            if key in seen:
                message = f"{key} is given twice; the first is in line {seen[key]}"
                self._note("key_twice", message, key_node, (*path, key))
                continue
            seen[key] = key_node.start_mark.line + 1
            self._keys[(*path, key)] = key_node
            yield key, self._read(value_node, (*path, key))

    def _scalar(self, node: ScalarNode, path: Path) -> Any:
        text, kind = str(node.value), str(node.tag).removeprefix(_TAG)
        try:
            match kind:
                case "str":
                    if any(char == "\0" or "\ud800" <= char <= "\udfff" for char in text):
                        self._note("character_refused", "the text holds a character that cannot be stored", node, path)
                    return text
                case "null":
                    return None
                case "bool":
                    return text.lower() in ("true", "yes", "on", "y")
                case "int":
                    plain = text.replace("_", "")
                    return int(plain, 0) if plain.lstrip("+-").lower()[:2] in ("0x", "0o", "0b") else int(plain)
                case "float":
                    return float(text.replace("_", "").replace(".inf", "inf").replace(".nan", "nan"))
                case "timestamp":
                    moment = datetime.fromisoformat(text.strip())
                    return moment.replace(tzinfo=moment.tzinfo or UTC) if len(text) > 10 else date.fromisoformat(text)
                case _:
                    self._note("tag_refused", f"tags such as {node.tag} are not used in policies", node, path)
        except ValueError:
            self._note(
                "value_refused", f"{text[:40]} cannot be read as {kind}; put it in quotes if it is text", node, path
            )
        return None

    def _note(self, code: str, message: str, node: Node, path: Path) -> None:
        mark = node.start_mark
        self._problems.append(Problem(code, message, mark.line + 1, mark.column + 1, spelt(path)))

    def _stop(self, code: str, message: str, node: Node, path: Path) -> None:
        self._note(code, message, node, path[:4])
        raise PolicyRefused(tuple(self._problems))

    def _within(self, node: ScalarNode, at: int) -> tuple[int, int]:
        """Line and column, from 0, of a scalar's character in the file: the value walked along the text it was written as.

        Runs of white space in the value may be written as any other run (folded lines, indentation), escapes as more
        characters than one.
        """
        index, end = node.start_mark.index, node.end_mark.index
        if node.style in ("|", ">"):
            index = self.text.index("\n", index) + 1
        elif node.style in ("'", '"'):
            index += 1
        place = index
        for char in node.value[: at + 1]:
            if char.isspace() and node.style != '"':
                place = index
                index += index < end and self.text[index].isspace()
                continue
            while index < end and self.text[index].isspace() and not char.isspace():
                index += 1
            place = index
            index += self._width(node.style, index)
        if at >= len(node.value):
            place = index
        before = self.text[: min(place, end)]
        return before.count("\n"), len(before) - (before.rfind("\n") + 1)

    def _width(self, style: str | None, index: int) -> int:
        """How many characters of the file write the one of the value that starts here."""
        if style == "'" and self.text.startswith("''", index):
            return 2
        if style == '"' and self.text.startswith("\\", index):
            return 2 + {"x": 2, "u": 4, "U": 8}.get(self.text[index + 1 : index + 2], 0)
        return 1


class _TooMany(Exception):
    def __init__(self, mark: Any) -> None:
        self.mark = mark


class _Counting(Composer):
    """Stops at too many nodes while it reads, not after: reading takes the time."""

    _nodes = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self._nodes += 1
        if self._nodes > 3 * MOST:  # a field is two nodes, its name and its value
            raise _TooMany(self.parser.peek_event().start_mark)
        return super().compose_node(parent, index)


def _composed(text: str) -> Node | None:
    """The text's node tree. Raises `PolicyRefused` for what is no YAML, or too much of it."""
    size = len(text.encode(errors="surrogatepass"))
    if size > LARGEST:
        message = f"a policy may have {LARGEST:,} bytes at most; this one has {size:,}"
        raise PolicyRefused((Problem("too_large", message),))
    try:
        yaml = YAML(typ="safe", pure=True)
        yaml.Composer = _Counting
        return yaml.compose(text)  # type: ignore[no-any-return]
    except _TooMany as many:
        mark = many.mark
        message = f"the policy has more than {MOST:,} values"
        raise PolicyRefused((Problem("too_many_values", message, mark.line + 1, mark.column + 1),)) from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = " ".join(part for part in (error.context, error.problem) if part) or "not YAML"
        where = Problem("yaml", message)
        where = replace(where, line=mark.line + 1, column=mark.column + 1) if mark else where
        raise PolicyRefused((where,)) from None
    except RecursionError:
        raise PolicyRefused((Problem("too_deep", f"the policy nests deeper than {DEEPEST} levels"),)) from None
    except (YAMLError, ValueError) as error:
        position = getattr(error, "position", None)
        before = text[:position] if isinstance(position, int) else ""
        message = "the text holds a character that YAML does not allow" if position is not None else "not YAML"
        raise PolicyRefused(
            (Problem("yaml", message, before.count("\n") + 1, len(before) - before.rfind("\n")),)
        ) from None
