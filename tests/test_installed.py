"""ConvGauge from a built wheel, in a repository with packages of the same names as its folders."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT, TINY

NAMES = ("suite", "reports", "commands", "impls", "tests")
BIN = "Scripts" if os.name == "nt" else "bin"
RIGHT = """\
import importlib, os, pickle, threading
import torch.nn.functional as F
from convgauge import PRODUCT, Problem, Unsupported, register
import suite.helper, reports.helper, commands.helper, impls.helper, tests.helper

HELPERS = (suite.helper, reports.helper, commands.helper, impls.helper, tests.helper)
found = []
thread = threading.Thread(target=lambda: found.extend(h.imports_lazily() for h in HELPERS))
thread.start()
thread.join()
assert found == ["suite", "reports", "commands", "impls", "tests"], found
for helper in HELPERS:
    assert pickle.loads(pickle.dumps(helper.Thing())).deep == helper.__package__
    assert importlib.import_module(helper.__name__) is helper
# What lets our interpreters start is not left to a user's.
assert "PYTHONSAFEPATH" not in os.environ
assert os.environ.get("PYTHONPATH") == os.environ.get("EXPECTED_PYTHONPATH")


def supports(problem):
    assert isinstance(problem, Problem)
    return suite.helper.supports(problem)


@register("right", family="direct", supports=supports)
def right(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    from impls.later import WHO

    if WHO != "impls":
        raise Unsupported("another impls")
    with PRODUCT:
        return F.conv2d(input, weight, bias, stride, padding, dilation, groups)


@register("wrong", family="direct")
def wrong(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    return F.conv2d(input, weight, None, stride, padding, dilation, groups)
"""
BY_SUITE = """\
import torch.nn.functional as F
from suite import Problem, register, Unsupported
from suite.phases import PRODUCT


@register("by_suite", family="direct")
def by_suite(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    with PRODUCT:
        return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
"""
HELPER = """\
from NAME import _deep
from ._deep import WHO


class Thing:
    deep = WHO


def imports_lazily():
    from NAME import later

    return later.WHO


def supports(problem):
    return None
"""
OWN_TESTS = """\
import suite, reports.helper
from suite.helper import Thing
from tests.helper import imports_lazily


def test_own_packages_are_found():
    assert (Thing.deep, imports_lazily(), reports.helper.WHO) == ("suite", "tests", "reports")
    assert not hasattr(suite, "register")
"""
TIMED = """\
from convgauge import convolutions
from suite.helper import Thing


@convolutions("tiny.yaml", implementations=["right"], plugins=["mine.py"])
def test_speed(convolution, benchmark):
    import suite.later

    assert tuple(benchmark(convolution).shape) == convolution.scenario.result_shape
    assert suite.later.WHO == Thing.deep == "suite"
"""


class Installation:
    """A virtual environment with ConvGauge, and with the packages of the running one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        venv.create(folder)
        lent = [place for place in sys.path if Path(place).name.endswith("-packages")]
        own = sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)})
        (Path(own) / "lent.pth").write_text("\n".join(lent))

    def install(self, *what: str | Path) -> None:
        build = () if importlib.util.find_spec("hatchling") is None else ("--no-build-isolation",)
        pip(f"--python={self.folder / BIN / 'python'}", "install", "--no-deps", *build, *what)

    def run(
        self, folder: Path, program: str, *words: object, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        ours = ("PYTEST", "PYTHON", "CONVGAUGE")
        clean = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
        return subprocess.run(
            [self.folder / BIN / program, *map(str, words)],
            cwd=folder,
            env=clean | variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )


def pip(*words: str | Path) -> None:
    command = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from this checkout; pip fetches what builds it unless it is installed."""
    folder = tmp_path_factory.mktemp("wheel")
    build = () if importlib.util.find_spec("hatchling") is None else ("--no-build-isolation",)
    pip("wheel", ROOT, "--no-deps", *build, "--wheel-dir", folder)
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Callable[..., subprocess.CompletedProcess[str]]:
    installation = Installation(tmp_path_factory.mktemp("installed") / "environment")
    installation.install(wheel)
    return installation.run


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A user's repository; its packages have the names of ConvGauge's folders."""
    folder = tmp_path / "repository"
    for name in NAMES:
        (folder / name).mkdir(parents=True)
        files = {"__init__": "", "_deep": f"WHO = {name!r}\n", "later": f"WHO = {name!r}\n"}
        files["helper"] = HELPER.replace("NAME", name)
        for stem, text in files.items():
            (folder / name / f"{stem}.py").write_text(text)
    (folder / "tests" / "test_own.py").write_text(OWN_TESTS)
    (folder / "mine.py").write_text(RIGHT)
    (folder / "tiny.yaml").write_text(TINY)
    return folder


def test_a_wheel_takes_no_name_but_convgauge(wheel):
    names = zipfile.ZipFile(wheel).namelist()

    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "convgauge.py",
        "convgauge_tree",
    }
    within = {name.split("/")[1] for name in names if name.startswith("convgauge_tree/")}
    own = {"commands", "docs", "impls", "reports", "run_bench.py", "scenarios", "suite"}
    assert within == own
    shipped = {Path(name).name for name in names if name.startswith("convgauge_tree/scenarios/")}
    assert {path.name for path in (ROOT / "scenarios").glob("*.yaml")} <= shipped
    assert not [name for name in names if "__pycache__" in name]


def test_importing_it_loads_nothing_and_takes_no_other_name(installed, tmp_path):
    code = (
        "import sys, convgauge\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        f"assert not loaded & {{'torch', 'pandas', 'numpy', *{NAMES!r}}}, loaded\n"
        "convgauge.Problem, convgauge.register, convgauge.UNPACK\n"
        "assert 'torch' not in sys.modules\n"
        "import importlib.util\n"
        f"print([name for name in {NAMES!r} if importlib.util.find_spec(name)])\n"
    )
    done = installed(tmp_path, "python", "-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_the_command_works_from_any_folder_and_says_its_own_name(installed, tmp_path):
    told = installed(tmp_path, "convgauge", "--help").stdout
    assert told.startswith("usage: convgauge ")
    assert "70 a defect" in told
    listed = installed(tmp_path, "convgauge", "list", "--scenarios")
    assert "resnet50" in listed.stdout, listed.stderr
    valid = installed(tmp_path, "convgauge", "validate", "ci")
    assert "all valid" in valid.stdout, valid.stderr
    mistaken = installed(tmp_path, "convgauge", "rnu")
    assert mistaken.returncode == 2
    assert "see convgauge --help" in mistaken.stderr
    assert installed(tmp_path, "python", "-m", "convgauge", "--help").returncode == 0


@pytest.mark.parametrize("path", ["with the current folder", "without it"])
def test_a_repository_with_packages_of_the_same_names_runs_its_pytest(path, installed, repository):
    options = ("-P",) if path == "without it" else ()  # as the command `pytest` does
    done = installed(repository, "python", *options, "-m", "pytest", "-W", "error")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
    told = installed(repository, "python", *options, "-m", "pytest", "--help").stdout
    assert "--convgauge-impl" in told


def test_other_peoples_yaml_is_left_to_whoever_reads_it(installed, repository):
    (repository / "cases.yaml").write_text("stages:\n  - name: not a scenario\n")
    done = installed(repository, "python", "-m", "pytest", "cases.yaml")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "cases.yaml" in done.stderr
    assert "stages" not in done.stdout + done.stderr


def test_a_plugin_imports_its_own_packages_and_nothing_of_the_users_comes_before_ours(
    installed, repository, tmp_path
):
    """The current folder and PYTHONPATH are not where our processes look first, or for Python's."""
    for stem in ("json", "pickle", "multiprocessing", "convgauge_tree"):
        (repository / f"{stem}.py").write_text("raise RuntimeError('a file of the user')\n")
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "suite").mkdir(parents=True)
    (elsewhere / "suite" / "__init__.py").write_text("raise RuntimeError('another suite')\n")
    done = installed(
        repository,
        "convgauge",
        "check",
        "tiny.yaml",
        "--plugin",
        "mine.py",
        "--impl",
        "right",
        "--impl",
        "wrong",
        PYTHONPATH=str(elsewhere),
        EXPECTED_PYTHONPATH=str(elsewhere),
    )
    assert done.returncode == 3, done.stdout + done.stderr
    assert "wrong: 1 of 2 shapes failed" in done.stdout
    assert "incorrect in 1 shape" in done.stdout
    assert "× right" not in done.stdout
    assert "\nright " in done.stdout


@pytest.mark.slow
def test_a_run_leaves_a_folder_that_python_reads_as_a_frame(installed, repository):
    words = ("--impl", "right", "--blocks", "2", "--out", "results/one")
    done = installed(repository, "convgauge", "run", "tiny.yaml", "--plugin", "mine.py", *words)
    assert done.returncode == 0, done.stdout + done.stderr
    manifest = json.loads((repository / "results/one/manifest.json").read_text())
    sources = {entry["name"]: entry["source"] for entry in manifest["implementations"]}
    assert sources["torch"] == "impls/vendor.py"
    assert sources["right"] == str(repository / "mine.py")
    assert manifest["command"][0] == "convgauge"
    code = (
        "import suite.helper, convgauge\n"
        "frame = convgauge.read_run('results/one')\n"
        "print(sorted(zip(frame.implementation, frame.status)), suite.helper.WHO)\n"
        "assert (frame.median_s > 0).all()\n"
        "assert convgauge.read_runs('results').run.unique().tolist() == ['results/one']\n"
        "try:\n    convgauge.read_run('tests')\n"
        "except convgauge.UsageError as error:\n    print(error)\n"
    )
    read = installed(repository, "python", "-c", code)
    assert read.returncode == 0, read.stderr
    assert "[('right', 'passed'), ('right', 'passed'), ('torch', 'passed'), " in read.stdout
    assert "tests: no manifest.json in it" in read.stdout


def test_pytest_times_cells_among_a_repositorys_own_packages(installed, repository):
    (repository / "tests" / "test_timed.py").write_text(TIMED)
    quickly = ("--benchmark-max-time=0.01", "--benchmark-min-rounds=2", "-p", "no:cacheprovider")
    words = ("--convgauge-plugin", "mine.py", "--convgauge-impl", "right")
    done = installed(
        repository,
        "python",
        "-m",
        "pytest",
        "--benchmark-only",
        "tiny.yaml",
        "tests/test_timed.py",
        *(*words, *quickly, "-v"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "tiny.yaml::test_convolution[tiny/a-right] PASSED" in done.stdout
    assert "test_speed[tiny/b-right] PASSED" in done.stdout
    assert "4 passed" in done.stdout


def test_suite_is_lent_to_a_plugin_whose_repository_has_none(installed, tmp_path):
    (tmp_path / "mine.py").write_text(BY_SUITE)
    (tmp_path / "tiny.yaml").write_text(TINY)
    (tmp_path / "suite" / "pictures").mkdir(parents=True)  # a folder, but not of Python files
    words = ("check", "tiny.yaml", "--plugin", "mine.py", "--impl", "by_suite")
    done = installed(tmp_path, "convgauge", *words)
    assert done.returncode == 0, done.stdout + done.stderr


def test_where_suite_is_the_users_own_the_message_says_from_where_to_import(installed, repository):
    (repository / "by_suite.py").write_text(BY_SUITE)
    words = ("check", "tiny.yaml", "--plugin", "by_suite.py")
    done = installed(repository, "convgauge", *words)
    assert done.returncode == 2
    assert "by_suite.py:2: does not import: ImportError: cannot import name" in done.stderr
    assert "from convgauge import register" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_an_editable_install_claims_no_more_than_a_wheel(repository, tmp_path):
    installation = Installation(tmp_path / "editable")
    installation.install("-e", ROOT)
    for name in NAMES:  # folders without it give way to packages anywhere on the path
        (repository / name / "__init__.py").unlink()
    tested = installation.run(repository, "python", "-m", "pytest", "-W", "error")
    assert tested.returncode == 0, tested.stdout + tested.stderr
    valid = installation.run(repository, "convgauge", "validate", "tiny.yaml")
    assert "2 scenarios, all valid" in valid.stdout, valid.stderr
    # As the README starts it.
    words = ("check", "tiny.yaml", "--plugin", "mine.py", "--impl", "right")
    checked = installation.run(repository, "python", ROOT / "run_bench.py", *words)
    assert checked.returncode == 0, checked.stdout + checked.stderr
