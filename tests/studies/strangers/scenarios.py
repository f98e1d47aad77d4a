"""Mutated scenario files and layer tables through `validate`.

    python -m tests.studies.strangers.scenarios 20000 [SEED] [PASSED OVER]

Shipped files and one that says everything, with pieces torn out, doubled, moved and replaced; the
table that one of them reads likewise.
"""

from __future__ import annotations

import random
import re
from pathlib import Path

from suite.scenario.files import SHIPPED
from tests.studies.strangers.answers import Answers, start
from tests.studies.strangers.mutations import NUMBERS, STEERING, mutated_text, shortened

EVERYTHING = """\
name: everything
description: All that a file may say.
implementations: [torch, 'fft*']
defaults: {batch_size: 1, dtype: float32, padding: same, device: cpu, cache: hot, threads: 2}
grid:
  in_channels: [16, 64]
  out_channels: [64]
  input_size: [14, [7, 9]]
  kernel_size: [1, 3, [1, 5]]
layers:
  - {id: a, in_channels: 4, out_channels: 4, input_size: 8, kernel_size: 3, padding: [1, 2]}
  - id: b
    in_channels: 4
    out_channels: 8
    input_size: [8, 9]
    kernel_size: 3
    padding: [1, 0, 2, 1]
    stride: 2
    groups: depthwise
    bias: true
    direction: backward_data
    memory_format: channels_last
    occurrences: 3
layers_from: {file: table.csv, sample: 2, seed: 1, weight: occurrences}
exclude:
  - {kernel_size: 1, in_channels: 64}
"""
TABLE = """\
name,in_channels,out_channels,height,width,kernel_h,kernel_w,stride_h,stride_w,groups,occurrences
one,3,64,224,224,7,7,2,2,1,1
two,64,64,56,56,3,3,1,1,1,5
three,32,32,28,28,3,3,1,1,32,2
"""
TEXTS = (EVERYTHING, EVERYTHING, *(f"{name}.yaml" for name in ("quick", "ci", "kernel_size_sweep")))
WORD = re.compile(r"[\w.]+")


def changed(text: str, draw: random.Random) -> tuple[str, str]:
    """Return a text with one piece of damage: to characters, to a word, or to whole lines."""
    kind = draw.random()
    if kind < 0.4:
        return mutated_text(text, draw)
    if kind < 0.7 and (words := list(WORD.finditer(text))):
        word = draw.choice(words)
        other = draw.choice((str_of(draw.choice(NUMBERS)), draw.choice(STEERING), "same", "[1, 2]"))
        return text[: word.start()] + other + text[word.end() :], f"{word[0]} = {shortened(other)}"
    lines = text.splitlines(keepends=True)
    at, to = draw.randrange(len(lines)), draw.randrange(len(lines))
    if kind < 0.8:
        lines[at], lines[to] = lines[to], lines[at]
    elif kind < 0.9:
        lines.insert(to, lines[at] * draw.choice((1, 1, 3, 400)))
    else:
        lines[at] = draw.choice(("  ", "- ", "\t", "? ", "--- ")) + lines[at]
    return "".join(lines), f"lines {at} and {to}"


def str_of(number: float) -> str:
    try:
        return str(number)
    except ValueError:  # more digits than Python prints
        return "9" * 5000


def study(count: int, seed: int, passed_over: int, scratch: Path, answers: Answers) -> None:
    """Answer `count` mutations; the same seed makes the same ones."""
    path, table = scratch / "file.yaml", scratch / "table.csv"
    for number in range(passed_over, passed_over + count):
        draw = random.Random(f"{seed} {number}")
        text, rows = draw.choice(TEXTS), TABLE
        if text.endswith(".yaml"):
            text = (SHIPPED / text).read_text(encoding="utf-8")
        changes = []
        for _ in range(draw.randint(1, 3)):
            if text.startswith("name: everything") and draw.random() < 0.3:
                rows, change = changed(rows or "a", draw)
            else:
                text, change = changed(text or "a", draw)
            changes.append(change)
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        table.write_bytes(rows.encode("utf-8", "surrogatepass"))
        words = ["validate", str(path), *(["--expand"] if number % 2 else [])]
        answers.of_command(words, f"{number}: {'; '.join(changes)}")


if __name__ == "__main__":
    start(study, 1000)
