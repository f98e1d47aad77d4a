"""`gate --base-env` and `run --env`: the same code, different packages or variables."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from suite.results.folder import read_manifest, read_run
from tests.conftest import NOBODY_ELSE
from tests.tiny_wheels import NAME, make_wheel

PLUGIN = f"""\
import time
import torch.nn.functional as F
from suite import register
from {NAME} import VALUE

@register("slower", family="vendor")
def slower(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    time.sleep(VALUE / 2000)
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)

@register("wrong", family="vendor")
def wrong(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    output = F.conv2d(input, weight, bias, stride, padding, dilation, groups)
    return output + 1 if VALUE > 1 else output

@register("same", family="vendor")
def same(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
"""
ONE = """\
name: one
layers:
  - {id: a, in_channels: 8, out_channels: 8, input_size: 28, kernel_size: 3, padding: 1}
"""
QUICK = ("--threads", "1", "--blocks", "4")


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a plug-in that computes by what a package says, and two versions of that."""
    (tmp_path / "mine.py").write_text(PLUGIN)
    (tmp_path / "one.yaml").write_text(ONE)
    make_wheel(tmp_path / "wheels", "1.0", value=1)
    make_wheel(tmp_path / "wheels", "2.0", value=2)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return tmp_path


def call(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(NOBODY_ELSE), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="XDG_CACHE_HOME is not looked at")
def test_a_version_that_is_slower_and_wrong_is_blamed_and_what_differs_is_named(there):
    lines = f"--no-index -f {there / 'wheels'} {NAME}"
    environments = ("--base-env", f"{lines}<2", "--head-env", f"{lines}==2.0")
    done = call("gate", "one.yaml", "--plugin", "mine.py", *environments, "--out", "out", *QUICK)

    assert done.returncode == 3, done.stdout + done.stderr
    assert "the environments differ in convgauge-tiny 1.0 → 2.0" in done.stdout
    outcome = json.loads((there / "out/gate.json").read_text())
    assert outcome["differences"] == ["convgauge-tiny 1.0 → 2.0"]
    verdicts = {cell["implementation"]: cell["verdict"] for cell in outcome["cells"]}
    assert (verdicts["slower"], verdicts["wrong"]) == ("regressed", "wrong")
    assert verdicts["same"] in ("fine", "cannot tell", "faster")
    assert "'--base-env=--no-index" in outcome["cells"][0]["reproduce"]
    for folder, version in (("out", "2.0"), ("out/base", "1.0")):
        manifest = read_manifest(there / folder)
        assert manifest["python_environment"]["packages"]["convgauge-tiny"] == version
    assert "convgauge-tiny 1.0 → 2.0" in (there / "out/gate.html").read_text()


@pytest.mark.slow
def test_equal_environments_are_an_a_a_run_and_say_so(there):
    text = f"{sys.executable} SOME_VARIABLE=1"
    done = call(
        *("gate", "one.yaml", "--impl", "torch", "--base-env", text, "--head-env", text),
        *("--out", "out", *QUICK),
    )
    assert done.returncode in (0, 4), done.stdout + done.stderr
    assert "both environments are equal: an A/A run" in done.stdout


@pytest.mark.slow
def test_a_row_races_itself_in_several_environments_and_a_run_of_them_is_resumed(there):
    words = ("--impl", "torch", "--env", "here", "--env", "SOME_VARIABLE=1", "--threads", "1")
    done = call("run", "one.yaml", *words, "--blocks", "3", "--out", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "differs from this one in SOME_VARIABLE unset → 1" in done.stdout
    results = {result.implementation: result for result in read_run([there / "out"]).results}
    assert list(results) == ["torch", "torch@SOME_VARIABLE=1"]
    assert all(len(result.blocks) == 3 for result in results.values())
    assert {result.reference for result in results.values()} == {"torch"}

    kept = (there / "out/results.jsonl").read_text().splitlines(keepends=True)
    (there / "out/results.jsonl").write_text(kept[0])
    done = call("run", "--resume", "--out", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(read_run([there / "out"]).results) == 2


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("gate one.yaml --base-env here --base HEAD", "gate: compare with what? Give one of"),
        ("gate one.yaml --head-env A=1 --baseline r", "gate: compare with what? Give one of"),
        ("gate one.yaml --base-env A=1 --head main", "they take no --head or --repo"),
        ("gate one.yaml --base-env /no/python", '--base-env "/no/python": /no/python: no such'),
        (
            "run one.yaml --env PYTHONPATH=x",
            '--env "PYTHONPATH=x": PYTHONPATH is how the processes',
        ),
        ("run one.yaml --env A=1 --on local:2", "--env runs on this machine alone; leave out --on"),
        ("run one.yaml --env A=1 --profile", "--profile looks at rows of this environment"),
    ],
)
def test_what_does_not_go_together_is_refused(command, there, words, text):
    said = command(*words.split(), "--no-exclusive")
    assert said.code == 2
    assert text in said.err
    assert not (there / "results").exists()
