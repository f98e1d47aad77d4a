"""`gate --model`: a network, as each revision of its repository builds it."""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
from pathlib import Path

import pytest

from suite.gate.baseline import compare
from suite.gate.facts import Check, Facts, findings
from suite.gate.networks import Place
from suite.gate.rule import Rule
from suite.gate.verdict import Verdict
from suite.results.cell import CellResult, Status
from suite.results.comparable import conditions
from suite.results.folder import Run, read_run
from suite.workload import Input, Network, NetworkScenario, Sketch
from tests.gate.planting import commit, plugin, repository
from tests.gate.test_baseline import MACHINE, cell

BLOCK = """\
import torch
from torch import nn


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x):
        return {body}
"""
MODEL = """\
from blocks import Block
from torch import nn


def build():
    return nn.Sequential(nn.Conv2d(3, 4, 3), Block())
"""
SOUND = "x + torch.relu(self.conv(x))"
SHORT = ("--input", "1x3x12x12", "--threads", "1", "--blocks", "4")
AT_ONCE = ("--budget", "1")
"""What needs no repetition, and no block."""


@pytest.fixture
def planted(tmp_path: Path, command) -> Path:
    """A repository that holds a model in two files; the current folder is beside it."""
    folder = repository(tmp_path / "repo")
    commit(folder, {"nets/blocks.py": BLOCK.format(body=SOUND), "nets/model.py": MODEL}, "base")
    return folder


def gate(command, *words: object):
    return command("gate", "--model", "repo/nets/model.py:build", *SHORT, *words)


def cells_of(folder: Path) -> dict[str, dict]:
    cells = json.loads((folder / "gate.json").read_text(encoding="utf-8"))["cells"]
    return {cell["implementation"]: cell for cell in cells}


def test_each_side_builds_its_own_model_and_one_that_returns_something_else_is_found(
    planted, command, tmp_path
):
    other = BLOCK.format(body="x + torch.nn.functional.gelu(self.conv(x))")
    (planted / "nets/blocks.py").write_text(other)
    (planted / "mine.py").write_text(plugin(0, ["steady"]))
    commit(planted, {"nets/blocks.py": other}, "head")
    words = ("--base", "HEAD~1", "--impl", "channels_last", *AT_ONCE)

    refused = gate(command, *words, "--out", "refused")
    taken = gate(command, *words, "--accept", "outputs", "--out", "taken")

    (refused_cell,) = cells_of(tmp_path / "refused").values()
    assert refused.code == 3, refused
    assert refused_cell["verdict"] == "wrong"
    assert [found["check"] for found in refused_cell["findings"]] == ["outputs"]
    assert "the model returns other numbers" in refused.out
    assert "--model repo/nets/model.py:build --input 1x3x12x12" in refused.out  # to reproduce
    assert refused_cell["base"]["status"] == refused_cell["head"]["status"] == "passed"
    assert taken.code == 4  # no time for any block
    assert "accepted: model-build/1x3x12x12 × channels_last: the model returns" in taken.out
    stored = read_run([tmp_path / "refused"]).results[0].scenario.problem
    assert stored.module == str(planted / "nets/model.py")
    assert stored.tree is None


def test_rows_of_a_plugin_compute_the_model_of_each_side(planted, command, tmp_path):
    commit(planted, {"mine.py": plugin(0, ["steady", "wrong"])}, "rows")
    (planted / "mine.py").write_text(plugin(1, ["steady", "wrong"]))

    said = gate(command, "--base", "HEAD", "--plugin", "repo/mine.py", *AT_ONCE, "--out", "r")

    cells = cells_of(tmp_path / "r")
    assert said.code == 3
    assert cells.keys() == {"eager", "steady", "wrong"}
    assert [found["check"] for found in cells["wrong"]["findings"]] == ["correctness"]
    assert "relative L2 error" in cells["wrong"]["head"]["reason"]
    assert not cells["steady"]["findings"]


def test_a_model_that_head_broke_is_told_with_its_line_and_the_side(planted, command):
    (planted / "nets/blocks.py").write_text(BLOCK.format(body="self.cnov(x)"))

    said = gate(command, "--base", "HEAD")

    assert said.code == 2
    assert said.err.startswith(
        "head working tree with 1 changed file: nets/blocks.py:11: the model"
    )
    assert "'Block' object has no attribute 'cnov'" in said.err


def test_a_model_that_the_base_lacks_or_that_none_has_is_not_compared(planted, command):
    shutil.copytree(planted / "nets", planted / "more")
    commit(planted, {"nets/words": "none", ".gitignore": "ignored"})
    shutil.copytree(planted / "nets", planted / "ignored")

    new = command("gate", "--base", "HEAD~1", "--model", "repo/more/model.py:build", *SHORT)
    ignored = command("gate", "--base", "HEAD~1", "--model", "repo/ignored/model.py:build", *SHORT)

    assert new.code == 5
    assert "only head has more/model.py; base does not" in new.err
    assert ignored.code == 2
    assert "in neither revision" in ignored.err
    assert "does .gitignore name it?" in ignored.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--base", "HEAD", "--impl", "optimize"), "chooses rows by measuring, by chance others"),
        (("--base-env", "torch==2.12.*"), "--base-env and --model do not go together"),
        (("--base", "HEAD", "quick"), "are runs of their own; name one of them"),
        (("--base", "HEAD", "--impl", "nonsense"), "--impl nonsense: no implementation of that"),
    ],
)
def test_what_does_not_go_together_is_refused(planted, command, words, said):
    answer = gate(command, *words)

    assert answer.code == 2
    assert said in answer.err


def test_a_model_without_inputs_or_outside_of_the_repository_is_refused(planted, command, tmp_path):
    (tmp_path / "other.py").write_text("from torch import nn\nbuild = lambda: nn.Conv2d(3, 4, 3)\n")

    bare = command("gate", "--base", "HEAD", "--model", "repo/nets/model.py:build")
    outside = command(
        *("gate", "--base", "HEAD", "--repo", "repo", "--model", "other.py:build", *SHORT)
    )

    assert bare.code == outside.code == 2
    assert "--model needs what it is called with: --input 1x3x224x224" in bare.err
    assert "outside the repository" in outside.err
    assert "so both revisions would run the same code" in outside.err


@pytest.mark.slow
def test_twice_the_work_is_slower_and_a_stored_run_is_measured_again(planted, command, tmp_path):
    stored = command(
        *("run", "--model", "repo/nets/model.py:build", "--input", "1x3x128x128"),
        *("--threads", "1", "--impl", "channels_last", "--blocks", "4", "--precision", "all"),
        *("--out", "stored"),
    )
    again = command("gate", "--baseline", "stored", "--blocks", "4", "--out", "again")
    slow = "x + torch.relu((self.conv(x), self.conv(x), self.conv(x), self.conv(x))[0])"
    (planted / "nets/blocks.py").write_text(BLOCK.format(body=slow))
    words = ("--model", "repo/nets/model.py:build", "--input", "1x3x128x128", "--threads", "1")
    slower = command("gate", "--base", "HEAD", *words, "--blocks", "4", "--out", "slower")
    changed = command("gate", "--baseline", "stored", "--blocks", "4", "--out", "changed")

    assert stored.code == 0
    assert again.code in (0, 4), again
    assert set(cells_of(tmp_path / "again")) == {"eager", "channels_last"}
    assert slower.code == 1
    assert cells_of(tmp_path / "slower")["eager"]["verdict"] == "regressed"
    assert changed.code == 1
    assert "the model's code changed, so that no row shows how far the runs drift" in changed.out
    assert cells_of(tmp_path / "changed")["eager"]["findings"]  # more operators


# -- what two revisions return -------------------------------------------------------------------


def facts(*sums: float, outputs: int = 10, dtype: str = "float64") -> Facts:
    sketch = Sketch(dtype=dtype, sums=sums)
    return Facts(status=Status.PASSED, outputs=outputs, sketch=sketch)


@pytest.mark.parametrize(
    ("head", "checks"),
    [
        (facts(3.0, 4.0), []),
        (facts(3.0, 4.0 + 1e-14), []),
        (facts(3.0, 4.0 + 1e-6), [Check.OUTPUTS]),
        (facts(3.0, 4.0 + 1e-6, dtype="float32"), []),
        (facts(3.0, 4.1, dtype="float32"), [Check.OUTPUTS]),
        (facts(3.0, 4.0, outputs=11), [Check.OUTPUTS]),
        (Facts(status=Status.PASSED), []),
    ],
)
def test_a_network_that_returns_something_else_is_one_finding(head, checks):
    assert [found.check for found in findings(facts(3.0, 4.0), head, "float32")] == checks


def test_of_models_that_return_zeros_only_another_one_differs():
    assert Sketch(dtype="float64", sums=(0.0,)).is_alike(Sketch(dtype="float64", sums=(0.0,)))
    assert (
        Sketch(dtype="float64", sums=(0.0,)).distance(Sketch(dtype="float64", sums=(1.0,)))
        == math.inf
    )


# -- where its code is ---------------------------------------------------------------------------


def test_a_model_of_the_repository_is_taken_from_the_checkout_and_others_from_where_they_are(
    tmp_path,
):
    root, tree = tmp_path / "root", tmp_path / "tree"
    (tree / "a").mkdir(parents=True)

    file = Place(str(root / "a/m.py"), "/elsewhere").within(root, tree)
    dotted = Place("pkg.m", str(root / "a")).within(root, tree)
    untracked = Place("pkg.m", str(root / "b")).within(root, tree)
    other = Place("/elsewhere/m.py", str(root / "a"))

    assert file == Place(str(tree / "a/m.py"), "/elsewhere", str(tree))
    assert dotted == Place("pkg.m", str(tree / "a"), str(tree))
    assert untracked.folder == str(tree)
    assert other.within(root, tree) == other


# -- against a stored run ------------------------------------------------------------------------

NETWORK = Network(
    module="/one/nets.py",
    name="build",
    folder="/one",
    inputs=(Input(shape=(1, 3, 8, 8), dtype="float32", keyword=None, key=None),),
    dtype=None,
    train=False,
    outputs=(10,),
    direct_flops=1,
    parameter_bytes=1,
    convolutions=1,
)


def model_run(text: str, factor: float = 1.0, drift: float = 1.0, **changes: object) -> Run:
    """Return a run of a model by three arms, eager slower by `factor`, and all by `drift`."""
    scenario = NetworkScenario(id="t/s", problem=dataclasses.replace(NETWORK, **changes))
    times = {"eager": factor, "channels_last": 1.0, "winograd_tile4": 0.9}
    cells = tuple(
        dataclasses.replace(
            cell("s0", name, 1e-3 * drift * time), scenario=scenario, reference="eager"
        )
        for name, time in times.items()
    )
    files = [{"name": "nets", "text": text}]
    return Run(Path("nowhere"), {"name": "t", "machine": MACHINE, "scenario_files": files}, cells)


def verdicts(base: Run, head: Run) -> tuple[dict[str, Verdict], tuple[str, ...]]:
    names = {one.implementation for one in base.results}
    outcome = compare(base, head, rule=Rule(), accept=(), wanted=names, reproduce={})
    times = {one.implementation: one.time.verdict for one in outcome.cells if one.time}
    return times, outcome.notes


def test_where_the_model_is_as_it_was_its_own_time_tells_how_far_runs_drift_but_excuses_nobody():
    base = model_run("text")

    slower, notes = verdicts(base, model_run("text", factor=2.0))
    drifted, _ = verdicts(base, model_run("text", drift=1.15, factor=1.0))

    assert slower["eager"] is Verdict.REGRESSED
    assert drifted["channels_last"] is Verdict.CANNOT_TELL
    assert not notes


def test_where_its_code_changed_no_row_tells_and_that_is_said():
    times, notes = verdicts(model_run("text"), model_run("other", factor=2.0))
    _, of_sizes = verdicts(model_run("text"), model_run("text", direct_flops=2))

    assert times["eager"] is Verdict.REGRESSED
    assert "the model's code changed" in notes[0]
    assert "5% is assumed" in notes[0]
    assert "the model's code changed" in of_sizes[0]


def test_a_model_is_the_same_work_wherever_its_file_lies_and_other_inputs_are_not():
    def made(**changes: object) -> CellResult:
        return model_run("", **changes).results[0]

    other = (Input(shape=(2, 3, 8, 8), dtype="float32", keyword=None, key=None),)

    assert conditions(made()) == conditions(made(module="/two/nets.py", direct_flops=3))
    assert conditions(made()) != conditions(made(inputs=other))
    assert conditions(made()) != conditions(made(train=True))
