"""Small damage to JSON, YAML and plain text: what editors, disks and ill will do to a file."""

from __future__ import annotations

import copy
import json
import math
import random
from typing import Any

STEERING = (
    "\x1b[31mred",
    "\x1b]0;title\x07",
    "two\nlines",
    "a\n::error file=x::planted",
    "::set-output name=a::b",
    "##[error]planted",
    "right\u202eleft",
    "\x9b31m",
    "\ud800",
    "a\tb\r\x00\x7f",
    "| a | `b` | <script>alert(1)</script>",
    "</script><!--",
    "[bold]markup[/bold] [/]",
    "$x^2$ {{ 7 }} %s",
    "../../outside",
    "/etc/passwd",
    "javascript:alert(1)",
    "é" * 300,
    "",
    " ",
)
NUMBERS = (
    0,
    1,
    -1,
    2,
    2**31,
    2**63,
    2**64,
    10**20,
    10**400,
    10**4000,
    0.0,
    -0.0,
    0.5,
    -1.5,
    1e-320,
    1e-12,
    1e9,
    1e300,
    -1e300,
    math.inf,
    -math.inf,
    math.nan,
)
OTHERS: tuple[Any, ...] = (None, True, False, [], {}, [[]], [None], {"": 0}, [1, "a"], {"a": [1]})


def places(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value below the root of plain JSON."""
    below: list[tuple[Any, ...]] = []
    entries = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for name, value in entries:
        below.append((*path, name))
        if isinstance(value, dict | list):
            below += places(value, (*path, name))
    return below


def other_value(value: Any, draw: random.Random) -> Any:
    """Return another value: near the old one, or of another kind altogether."""
    near: list[Any] = [
        draw.choice(NUMBERS),
        draw.choice(STEERING),
        copy.deepcopy(draw.choice(OTHERS)),
    ]
    if isinstance(value, bool):
        near.append(not value)
    elif isinstance(value, int | float):
        number = draw.choice((-1, 0, 0.1, 3, 1e6, 1e12, 1e-9, 1e30)) * value
        near += [number, number, int(number) if math.isfinite(number) else 0, value + 1, str(value)]
        near += [draw.choice(NUMBERS)] * 3
    elif isinstance(value, str):
        near += [
            value + draw.choice(STEERING),
            draw.choice(STEERING) + value,
            value * 50,
            value[1:],
        ]
        near += [draw.choice(STEERING)] * 3
    elif isinstance(value, list):
        near += [value[:1], value + value, value[::-1], value * 20, [draw.choice(NUMBERS)]]
    elif isinstance(value, dict):
        near += [list(value.values()), {**value, draw.choice(STEERING): 1}]
    return draw.choice(near)


def mutated(tree: Any, draw: random.Random, most: int = 2) -> tuple[Any, str]:
    """Return plain JSON with one to `most` changes, and what they are."""
    changed, told = copy.deepcopy(tree), []
    for _ in range(draw.randint(1, most)):
        path = draw.choice(places(changed) or [()])
        if not path:
            break
        *above, last = path
        parent = changed
        for name in above:
            parent = parent[name]
        if draw.random() < 0.12:
            del parent[last]
            told.append(f"{path} removed")
        else:
            parent[last] = other_value(parent[last], draw)
            told.append(f"{path} = {shortened(parent[last])}")
    return changed, "; ".join(told)


def mutated_text(text: str, draw: random.Random) -> tuple[str, str]:
    """Return a text with a piece of it torn out, doubled, or replaced."""
    begin = draw.randrange(len(text) + 1)
    end = min(len(text), begin + draw.choice((0, 1, 1, 2, 5, 30, 400)))
    piece = draw.choice(
        ("", text[begin:end] * 2, draw.choice(STEERING), draw.choice("{}[]:,#&*!|>'\"%@`-?\n\t 0"))
    )
    return text[:begin] + piece + text[end:], f"{begin}:{end} = {shortened(piece)}"


def shortened(value: Any) -> str:
    try:
        text = json.dumps(value)
    except ValueError:  # an integer of more digits than Python prints
        text = "a very large integer"
    return text if len(text) <= 80 else text[:79] + "…"
