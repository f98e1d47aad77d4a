"""Mutated run folders through `report`, `compare`, `history`, `gate --baseline` and data frames.

    python -m tests.studies.strangers.runs 10000 [SEED] [PASSED OVER]

One file of a small run is mutated at a time: a record of results.jsonl or profiles.jsonl, the
manifest (of this version and of the first), or the text of any. What is refused at the boundary is
one message; what is still a run goes through every writer. The page's scripts, which hold no value
of a run, are left out, and pictures are drawn for one run in twenty.
"""

from __future__ import annotations

import json
import random
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

from reports import gate as gate_reports
from reports.data_frames import read_runs
from reports.gate import text
from reports.page import assets
from suite.errors import EXIT_GOOD, ConvGaugeError
from suite.gate.baseline import compare, open_baseline
from suite.gate.rule import Rule
from suite.results.folder import MANIFEST, PROFILES, RESULTS, Run
from tests.reports.synthetic_profiles import profiled_run
from tests.studies.strangers.answers import Answers, start
from tests.studies.strangers.mutations import mutated, mutated_text

SCENARIOS = 2
DRAWN = 20
"""One run in so many has its pictures drawn."""
FORMATS = ("csv", "html", "flame-graphs", "markdown", "junit", "pytest-benchmark", "bencher")
VERSION_1 = Path(__file__).parents[2] / "results" / "manifest_of_version_1.json"


def small() -> Run:
    """Return a run of two scenarios, with profiles, whose records are short."""
    run = profiled_run()
    first = list(dict.fromkeys(result.scenario.id for result in run.results))[:SCENARIOS]
    results = tuple(
        replace(
            result,
            blocks=tuple(replace(b, samples_s=b.samples_s[:4]) for b in result.blocks[:3]),
        )
        for result in run.results
        if result.scenario.id in first
    )
    return replace(run, results=results)


def plain(run: Run) -> dict[str, list[Any]]:
    """Return a run's files as plain JSON: one value a line."""

    def as_read(record: Any) -> Any:
        return json.loads(json.dumps(record))

    return {
        MANIFEST: [as_read(run.manifest)],
        RESULTS: [as_read(result.to_dict()) for result in run.results],
        PROFILES: [as_read(profile.to_dict()) for profile in run.profiles.values()],
    }


def text_of(records: list[Any]) -> str:
    try:
        return "".join(json.dumps(record) + "\n" for record in records)
    except ValueError:  # an integer of more digits than Python prints
        limit = sys.get_int_max_str_digits()
        sys.set_int_max_str_digits(0)
        try:
            return "".join(json.dumps(record) + "\n" for record in records)
        finally:
            sys.set_int_max_str_digits(limit)


def write(folder: Path, texts: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in texts.items():
        (folder / name).write_bytes(content.encode("utf-8", "surrogatepass"))


def one_mutation(sound: dict[str, list[Any]], draw: random.Random) -> tuple[str, str, str]:
    """Return the name of a file, its mutated text, and what was changed."""
    name = draw.choice((MANIFEST, RESULTS, RESULTS, RESULTS, PROFILES))
    records = list(sound[name])
    if name == MANIFEST and draw.random() < 0.3:
        records = [json.loads(VERSION_1.read_text(encoding="utf-8"))]
    if draw.random() < 0.2:
        content, change = mutated_text(text_of(records), draw)
        return name, content, f"{name}: {change}"
    line = draw.randrange(len(records))
    record, change = mutated(records[line], draw)
    return (
        name,
        text_of([*records[:line], record, *records[line + 1 :]]),
        f"{name}:{line}: {change}",
    )


def as_baseline(folder: Path, head: Run) -> int:
    """Do what `gate --baseline` does with a stored run, the measuring left out."""
    try:
        base = open_baseline(folder)
    except ConvGaugeError as error:
        return error.exit_code
    wanted = {result.implementation for result in base.results}
    outcome = compare(base, head, rule=Rule(), accept=(), wanted=wanted, reproduce={})
    for line in text.lines(outcome):
        assert isinstance(line, str)
    gate_reports.write(outcome, folder.parent / "gate")
    return outcome.exit_code


def as_frame(folder: Path) -> int:
    try:
        read_runs([folder])
    except ConvGaugeError as error:
        return error.exit_code
    return EXIT_GOOD


def study(count: int, seed: int, passed_over: int, scratch: Path, answers: Answers) -> None:
    """Answer `count` mutations; the same seed makes the same ones."""
    head = small()
    sound = plain(head)
    texts = {name: text_of(records) for name, records in sound.items()}
    good, bad = scratch / "good", scratch / "bad"
    write(good, texts)
    with mock.patch.object(assets, "scripts", return_value=[]):
        for number in range(passed_over, passed_over + count):
            draw = random.Random(f"{seed} {number}")
            name, content, change = one_mutation(sound, draw)
            label = f"{number}: {change}"
            write(bad, {**texts, name: content})
            formats = [*FORMATS, *(["plots"] if number % DRAWN == 0 else [])]
            words = [word for each in formats for word in ("--format", each)]
            out = ["--out", str(scratch / "out")]
            answers.of_command(["report", str(bad), *words, *out], label)
            answers.of_command(["compare", str(good), str(bad), *out], label)
            answers.of_command(["history", str(good), str(bad), *out], label)
            answers.of_call(lambda: as_baseline(bad, head), f"baseline: {label}")
            answers.of_call(lambda: as_frame(bad), f"frame: {label}")


if __name__ == "__main__":
    start(study, 1000)
