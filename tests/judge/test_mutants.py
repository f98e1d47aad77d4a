"""Mistakes that people make are refused, each by some edge shape; what is right is not."""

from __future__ import annotations

import re

import pytest

from suite.scenario.files import find_file, load_file
from suite.scenario.writer import scenario_text
from tests.studies.mutants.judging import Refusal, refusals
from tests.studies.mutants.mistakes import BASE, mutants, row_of

LEAST_MUTANTS = 100
EDGES = load_file(find_file("edge_shapes")).scenarios
MUTANTS = {mutant.name: mutant for mutant in mutants()}


@pytest.fixture(scope="module")
def refused() -> dict[str, Refusal]:
    """What the judge makes of all of them and of the base, in one go over all edge shapes."""
    rows = [row_of(name, mutant.text) for name, mutant in MUTANTS.items()]
    return refusals([row_of("base"), *rows], right="base")


def test_the_right_one_is_not_refused_where_mutants_are(refused):
    assert refused.get("base") is None


@pytest.mark.slow
def test_the_right_one_passes_every_edge_shape_with_every_kind_of_input():
    assert refusals([row_of("base")]) == {}


def test_every_mutant_is_refused(refused):
    assert len(MUTANTS) >= LEAST_MUTANTS
    assert [name for name in MUTANTS if name not in refused] == []


def test_every_mutant_is_one_line_away_from_what_is_right():
    base = BASE.splitlines()
    for name, mutant in MUTANTS.items():
        lines = mutant.text.splitlines()
        assert sum(own != theirs for own, theirs in zip(base, lines, strict=True)) == 1, name
    assert len({mutant.text for mutant in MUTANTS.values()}) == len(MUTANTS) == len(mutants())


def test_what_is_wrong_with_views_says_how_they_were_handed_over(refused):
    reason = refused["a storage offset is ignored"].reason
    assert "handed over as views with a storage offset" in reason


BY_COMMAND = ("groups with unequal dilation take one", "a storage offset is ignored")


@pytest.mark.slow
def test_the_command_refuses_what_was_refused_here(refused, command, tmp_path):
    """A few of them as a plug-in, on the shapes that found them; beside the one that is right."""
    texts = {"base": BASE, **{name: MUTANTS[name].text for name in BY_COMMAND}}
    parts = ["from suite import register"]
    for name, text in texts.items():
        own = re.sub(r"\W", "_", name)
        parts.append(text.replace("from __future__ import annotations", ""))
        parts.append(f'register("{own}", family="direct")(conv2d)')
    plugin = tmp_path / "mutants.py"
    plugin.write_text("\n".join(parts))
    shapes = {refused[name].scenario for name in BY_COMMAND}
    file = tmp_path / "edge_shapes.yaml"
    chosen = [scenario for scenario in EDGES if scenario.id in shapes]
    file.write_text(scenario_text("edge_shapes", "those that found mutants", chosen))

    said = command("check", file, "--plugin", plugin, "-v")

    assert said.code == 3
    for name in BY_COMMAND:
        own, shape = re.sub(r"\W", "_", name), re.escape(refused[name].scenario)
        assert re.search(rf"{shape} × {own}: (incorrect|error)", said.out), said.out
    assert "× base" not in said.out


def test_refusals_name_shapes_of_the_shipped_file(refused):
    assert {refusal.scenario for refusal in refused.values()} <= {edge.id for edge in EDGES}
