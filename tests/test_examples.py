"""The examples do what they say."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from types import ModuleType

import pytest
import torch
import torch.nn.functional as F

from suite.registry import registering
from tests.conftest import ROOT

EXAMPLES = ROOT / "examples"
PLUGINS = ("numba_kernel", "c_kernel")


def load(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setattr(registering, "_registered", {})
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_example_has_a_test():
    tested = {*PLUGINS, "optimise_model", "gate_a_repository", "read_results"}
    assert {path.stem for path in EXAMPLES.iterdir() if path.is_file()} == tested


@pytest.fixture
def operands():
    torch.manual_seed(0)
    return torch.rand(2, 3, 9, 8), torch.rand(4, 3, 3, 2), torch.rand(4)


def test_the_numba_kernel_computes_a_convolution(monkeypatch, operands):
    module = load("numba_kernel", monkeypatch)
    monkeypatch.setattr(module, "_convolve", module._convolve.py_func)  # compiling takes 10 s

    out = module.my_loops(*operands, (2, 1), (1, 0), (1, 1), 1)

    assert torch.allclose(out, F.conv2d(*operands, stride=(2, 1), padding=(1, 0)), atol=1e-5)


def test_the_c_kernel_computes_a_convolution(monkeypatch, operands):
    module = load("c_kernel", monkeypatch)
    if why := module.why_not():
        pytest.skip(why)

    out = module.my_c(*operands, (2, 1), (1, 0), (1, 1), 1)

    assert torch.allclose(out, F.conv2d(*operands, stride=(2, 1), padding=(1, 0)), atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", PLUGINS)
def test_check_passes_the_kernels(command, name):
    said = command("check", "--plugin", EXAMPLES / f"{name}.py")

    assert said.code == 0
    assert "shapes failed" not in said.out


def test_the_notebook_reads_a_run(done_once, monkeypatch):
    nbclient = pytest.importorskip("nbclient", reason="the extra docs is not installed")
    nbformat = pytest.importorskip("nbformat")
    done = done_once("run", "tiny.yaml", "--impl", "torch", "--impl", "unfold", "--blocks", "3")
    monkeypatch.setenv("RESULTS", str(done.folder))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    notebook = nbformat.read(EXAMPLES / "read_results.ipynb", as_version=4)

    executed = nbclient.NotebookClient(notebook, timeout=120).execute(cwd=str(EXAMPLES))

    outputs = [output for cell in executed.cells for output in cell.get("outputs", [])]
    assert any("tiny/a" in output.get("data", {}).get("text/html", "") for output in outputs)
    assert any("image/png" in output.get("data", {}) for output in outputs)


def run(name: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(EXAMPLES / name), *words],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )


@pytest.mark.slow
def test_the_model_computes_the_same_when_optimised():
    done = run("optimise_model.py", "--budget", "5")

    assert done.returncode == 0, done.stderr
    assert float(done.stdout.rpartition(" ")[2]) < 1e-4


@pytest.mark.slow
def test_a_foreign_repository_that_became_slower_is_refused():
    done = run("gate_a_repository.py")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "refused" in done.stdout
