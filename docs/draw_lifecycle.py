"""Draws a lead's life from the engine's own table: ``python docs/draw_lifecycle.py`` writes the picture and its page.

The picture has one line for each state, as a sequence diagram has, and below each state's heading the moves that lead out of it.
"""

from __future__ import annotations

from html import escape
from pathlib import Path

from dibs.engine.lifecycle import ENDED, HELD, STATES, TRANSITIONS, WAITING

HERE = Path(__file__).parent
PICTURE = HERE / "images" / "lifecycle.svg"
PAGE = HERE / "reference" / "lifecycle.md"

STATE: dict[str, str] = {
    "new": "came in, not placed yet",
    "pooled": "waits in a pool to be claimed",
    "offered": "pushed to a rep, who has still to accept",
    "owned": "a rep's, without contact yet; under a lock if it was claimed",
    "review": "before managers, who decide",
    "nurture": "not ready for sales; in a sequence of mails, if there is one for it",
    "working": "a rep's, and contacted: no clock runs any more",
    "converted": "turned into business",
    "retired": "given up, with a reason",
    "merged": "the same as another lead, which lives on",
}
KIND: dict[str, tuple[str, str]] = {
    "placed": ("policy", "a new lead was given its place"),
    "requalified": (
        "policy",
        "new facts, going stale, being given up or a pool that is gone gave a waiting lead another place",
    ),
    "qualified": ("policy", "a lead that marketing has became ready: on to sales"),
    "claimed": ("rep", "a rep took it from a pool, or took over one whose lock had run out"),
    "accepted": ("rep", "the rep took the offer"),
    "rejected": ("rep", "the rep declined the offer: on to the next"),
    "contacted": ("rep", "the rep did something real: the clock stops"),
    "released": ("rep", "the rep gave it back"),
    "converted": ("rep", "it became business"),
    "retired": ("rep or manager", "it was given up, or the policy did, not being ready for too long"),
    "nurtured": ("rep or manager", "it was taken away from sales for now, or the policy did"),
    "assigned": ("manager", "a manager gave it to a rep by name"),
    "returned": ("manager", "a manager sent it from review to a pool"),
    "merged": ("manager", "it turned out to be the same as another lead"),
    "undone": ("manager", "a move of many leads was undone"),
    "unmerged": ("manager", "it was another lead after all: back to where it was"),
    "reopened": ("rep or manager", "a retired lead came back, and was placed anew"),
    "lapsed": ("time", "a lock or an offer ran out unused"),
    "escalated": ("time", "it waited as long as a step of its pool says"),
    "aged": ("time", "it reached its pool's age cap: nothing waits longer"),
    "reassigned": ("time", "first contact was missed, it was left alone, or many leads were moved at once"),
    "freed": ("time", "somebody of the team that it awaits can take it now"),
}

LEFT, TOP, STEP, ROW, GAP = 120, 64, 92, 22, 14
WIDTH = LEFT + STEP * len(STATES)
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2933; }
.state { font-weight: 600; text-anchor: middle; }
.kind { text-anchor: end; }
.life { stroke: #cbd5df; }
.band { fill: #1f293308; }
.waiting { fill: #b45309; } .held { fill: #0f766e; } .ended { fill: #64748b; }
.policy { --c: #475569; } .rep { --c: #0f766e; } .manager { --c: #7c3aed; } .time { --c: #b45309; }
.move line { stroke: var(--c); stroke-width: 1.6; } .move circle, .move path { fill: var(--c); }
.move .stays { fill: none; stroke: var(--c); stroke-width: 1.6; }
@media (prefers-color-scheme: dark) {
  text { fill: #e5e9ee; } .life { stroke: #46525e; } .band { fill: #ffffff0a; }
  .waiting { fill: #fbbf24; } .held { fill: #2dd4bf; } .ended { fill: #94a3b8; }
  .policy { --c: #94a3b8; } .rep { --c: #2dd4bf; } .manager { --c: #c4b5fd; } .time { --c: #fbbf24; }
}
"""


def picture() -> str:
    """The SVG: lifelines of the states, and an arrow for each move, coloured by who makes it."""
    drawn, y = [], TOP
    for state in STATES:
        if not TRANSITIONS[state]:
            continue
        height = ROW * len(TRANSITIONS[state])
        drawn.append(f'<rect class="band" x="0" y="{y}" width="{WIDTH}" height="{height}" rx="6"/>')
        for kind, targets in TRANSITIONS[state].items():
            drawn.append(_move(state, kind, sorted(targets, key=STATES.index), y + ROW // 2))
            y += ROW
        y += GAP
    lives = [_life(state, y) for state in STATES]
    title = "<title>The states of a lead, and every move between them</title>"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y + 30}" role="img">{title}'
    return "\n".join([head, f"<style>{STYLE}</style>", *lives, *drawn, _legend(y + 14), "</svg>", ""])


def page() -> str:
    """The reference page: the picture, and the same in words."""
    groups = ((WAITING, "waits"), (HELD, "held"), (ENDED, "ended"))
    group = {state: name for states, name in groups for state in states}
    states = [f"| `{state}` | {group[state]} | {STATE[state]} |" for state in STATES]
    moves = [
        f"| `{state}` | `{kind}` | {', '.join(f'`{to}`' for to in STATES if to in targets)} |"
        for state in STATES
        for kind, targets in TRANSITIONS[state].items()
    ]
    kinds = [f"| `{kind}` | {who} | {text} |" for kind, (who, text) in KIND.items()]
    return "\n".join(
        [
            "# A lead's life",
            "",
            "This page and its picture are made from the engine's own table by `docs/draw_lifecycle.py`. A move that is not in the",
            "table is refused, in the program and in the tests alike.",
            "",
            "![The states of a lead from left to right, and an arrow for every move between them](../images/lifecycle.svg)",
            "",
            "Each vertical line is a state. Each row is a move out of the state with the dot, to where the arrows point; a ring means",
            "that the lead may stay in its state, with another rep or in another pool.",
            "",
            "## States",
            "",
            "| state | | meaning |",
            "|---|---|---|",
            *states,
            "",
            "## Moves",
            "",
            "| move | by | when |",
            "|---|---|---|",
            *kinds,
            "",
            "## Which move leads where",
            "",
            "| from | move | to |",
            "|---|---|---|",
            *moves,
            "",
        ]
    )


def _x(state: str) -> int:
    return LEFT + STEP * STATES.index(state) + STEP // 2  # type: ignore[arg-type]


def _life(state: str, bottom: int) -> str:
    group = "waiting" if state in WAITING else "held" if state in HELD else "ended"
    x = _x(state)
    line = f'<line class="life" x1="{x}" y1="{TOP - 16}" x2="{x}" y2="{bottom - GAP}"/>'
    return f'{line}<text class="state {group}" x="{x}" y="{TOP - 26}">{escape(state)}</text>'


def _move(state: str, kind: str, targets: list[str], y: int) -> str:
    """A dot at the state, a line to the furthest target on either side, an arrowhead or ring at each target."""
    x, who = _x(state), KIND[kind][0].split()[0]
    ends = [_x(to) for to in targets if to != state]
    parts = [f'<text class="kind" x="{LEFT - 8}" y="{y + 4}">{escape(kind)}</text>']
    furthest = sorted({min([*ends, x]), max([*ends, x])} - {x})
    parts += [f'<line x1="{x}" y1="{y}" x2="{end}" y2="{y}"/>' for end in furthest]
    for end in ends:
        back = -8 if end > x else 8
        parts.append(f'<path d="M{end} {y}l{back} -4.5v9z"/>')
    parts.append(f'<circle cx="{x}" cy="{y}" r="4"/>')
    if state in targets:
        parts.append(f'<circle class="stays" cx="{x}" cy="{y}" r="7.5"/>')
    return f'<g class="move {who}">{"".join(parts)}</g>'


def _legend(y: int) -> str:
    words = {"policy": "by the policy", "rep": "by the rep", "manager": "by a manager", "time": "by time"}
    parts = []
    for place, (who, text) in enumerate(words.items()):
        x = LEFT + STEP // 2 + place * 150
        parts.append(
            f'<g class="move {who}"><circle cx="{x}" cy="{y}" r="4"/><text x="{x + 10}" y="{y + 4}">{text}</text></g>'
        )
    return "".join(parts)


if __name__ == "__main__":
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(picture(), encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")
