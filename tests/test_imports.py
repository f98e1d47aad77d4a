"""Arrows one way: who may import whom, stated over the import statements themselves."""

from __future__ import annotations

import ast
import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from commands import COMMANDS
from commands.arguments import build_parser
from suite.errors import UsageError
from tests.conftest import ROOT
from tests.studies.rooms import arrows_of, floors_of, rooms_of

COMPUTING = ("operands", "worker", "judge", "modules", "network", "models")
"""Rooms of suite/ with torch, as every `child/` is: they run where convolutions are computed, in
processes of their own; modules/ and network/ in that of a user's model."""
PARENTS = (
    "measuring",
    "gate",
    "profiling",
    "tuning",
    "capture",
    "model_runs",
    "pytest_plugin",
    "demo",
    "fleet",
    "environments",
    "lessons",
)
"""Rooms that start those processes."""
SLOW_TO_IMPORT = {"torch", "numba", "numpy", "pandas", "matplotlib", "scipy", "sympy"}


def imported(path: Path, *, top_level_only: bool = False) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if top_level_only else ast.walk(tree)
    names = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {node.module or ""} | {f"{node.module}.{a.name}" for a in node.names}
    return names


def packages(names: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


def room_of(parts: tuple[str, ...]) -> str:
    """Return the room of a module below suite/, given as its folders and name.

    "child" whatever it is a child of; "" for the words that lie next to the rooms.
    """
    return "child" if "child" in parts[:-1] else parts[0] if len(parts) > 1 else ""


def rooms_imported(root: Path, path: Path) -> set[str]:
    """Return the rooms that a module's import statements reach, wherever they stand in it."""
    rooms = set()
    for name in imported(path):
        parts = name.split(".")
        if parts[0] != "suite":
            continue
        if (root / Path(*parts)).is_dir():  # a package: the room itself
            parts.append("__init__")
        rooms.add(room_of(tuple(parts[1:])))
    return rooms


def breaches(root: Path) -> Iterator[str]:
    """Yield how the modules of suite/ below `root` break its law, three sentences long.

    torch and numba only under operands/, worker/, judge/, modules/, network/, models/ and */child/.
    No parent folder imports those. Judge and worker never import each other.
    """
    for path in sorted((root / "suite").rglob("*.py")):
        place = path.relative_to(root / "suite")
        room, reached = room_of(place.parts), rooms_imported(root, path)
        computes = room in (*COMPUTING, "child")
        if not computes and packages(imported(path)) & {"torch", "numba"}:
            yield f"{place}: torch or numba"
        if room in PARENTS and (found := reached & {*COMPUTING, "child"}):
            yield f"{place}: a parent imports {', '.join(sorted(found))}"
        if {room, *reached} >= {"judge", "worker"} and room in ("judge", "worker"):
            yield f"{place}: judge and worker know each other"


def test_torch_stays_in_its_rooms_parents_outside_of_them_and_judge_and_worker_apart():
    assert list(breaches(ROOT)) == []


@pytest.mark.parametrize(
    ("place", "statement", "breach"),
    [
        ("measuring/clock.py", "import torch", "torch or numba"),
        ("stats/fast.py", "def fast():\n    import numba", "torch or numba"),
        ("results/rows.py", "from torch.nn import functional", "torch or numba"),
        ("gate/run.py", "from suite.worker.process import Worker", "a parent imports worker"),
        ("measuring/cell.py", "from suite.operands import tensors", "a parent imports operands"),
        ("profiling/profiler.py", "import suite.profiling.child.traffic", "a parent imports child"),
        ("tuning/store.py", "def f():\n    from suite import judge", "a parent imports judge"),
        ("tuning/plan.py", "from suite.modules import quicken", "a parent imports modules"),
        ("judge/process.py", "from suite.worker import outputs", "judge and worker"),
        ("worker/process.py", "import suite.judge.reference", "judge and worker"),
    ],
)
def test_a_module_in_the_wrong_room_is_found(tmp_path, place, statement, breach):
    for room in (*COMPUTING, *PARENTS, "stats", "results", "profiling/child"):
        (tmp_path / "suite" / room).mkdir(parents=True, exist_ok=True)
    (tmp_path / "suite" / place).write_text(statement + "\n")

    assert [found for found in breaches(tmp_path) if breach in found]


def test_what_every_room_may_do_is_no_breach(tmp_path):
    for room in ("operands", "worker", "measuring", "gate/child"):
        (tmp_path / "suite" / room).mkdir(parents=True)
    (tmp_path / "suite/operands/tensors.py").write_text("import torch\n")
    (tmp_path / "suite/worker/process.py").write_text("from suite.operands import tensors\n")
    (tmp_path / "suite/gate/child/process.py").write_text("from suite.worker import process\n")
    (tmp_path / "suite/measuring/race.py").write_text("from suite.problem import Problem\n")

    assert list(breaches(tmp_path)) == []


DASK = {"dask", "distributed", "asyncssh"}
"""Of an extra, and half a second to import."""
MAY_IMPORT_DASK = ("fleet/transport.py",)
MAY_IMPORT_SSH = ("fleet/ssh.py",)


@pytest.mark.parametrize("room", ["suite", "commands", "reports"])
def test_only_the_transport_knows_dask_and_only_when_it_is_wanted(room):
    for path in sorted((ROOT / room).rglob("*.py")):
        place = path.relative_to(ROOT / "suite").as_posix() if room == "suite" else path.name
        assert not packages(imported(path, top_level_only=True)) & DASK, path
        reached = packages(imported(path)) & DASK
        assert not reached or place in (*MAY_IMPORT_DASK, *MAY_IMPORT_SSH), path


def test_a_fleet_knows_nothing_of_what_its_workers_measure():
    measured = {*COMPUTING, *PARENTS, "child", "gate"} - {"fleet"}
    for path in sorted((ROOT / "suite/fleet").glob("*.py")):
        assert not rooms_imported(ROOT, path) & measured, path


FOLDERS = sorted(path.parent for path in (ROOT / "suite").rglob("__init__.py"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_no_rooms_import_each_other_in_a_circle(folder):
    assert floors_of(rooms_of(folder), arrows_of(folder, ROOT))


def test_a_circle_of_rooms_is_found(tmp_path):
    for room, other in (("judge", "operands"), ("operands", "stats"), ("stats", "judge")):
        (tmp_path / "suite" / room).mkdir(parents=True)
        (tmp_path / "suite" / room / "a.py").write_text(f"from suite.{other} import a\n")
    suite = tmp_path / "suite"

    with pytest.raises(ValueError, match="judge, operands, stats"):
        floors_of(rooms_of(suite), arrows_of(suite, tmp_path))


def test_messages_know_neither_of_their_ends():
    for path in sorted((ROOT / "suite/messages").glob("*.py")):
        assert not rooms_imported(ROOT, path) & {*COMPUTING, *PARENTS, "child"}, path


@pytest.mark.parametrize("path", sorted((ROOT / "suite").rglob("*.py")), ids=lambda p: p.stem)
def test_suite_imports_neither_implementations_nor_reports(path):
    assert not packages(imported(path)) & {"impls", "reports", "commands", "run_bench", "tests"}


SPELLS_OPTIONS = ("results/request.py", "pytest_plugin/plugin.py")
"""Where options are words of one's own: of the commands, and of pytest."""


def options_of_commands() -> set[str]:
    found = set()
    for name in COMMANDS:
        parser = build_parser([name])
        with contextlib.suppress(UsageError):  # what a command needs is missing here
            parser.parse_args([name])
        (commands,) = parser._subparsers._group_actions
        found |= {word for a in commands.choices[name]._actions for word in a.option_strings}
    return {option for option in found if option.startswith("--")}


def options_named(root: Path) -> Iterator[str]:
    """Yield where a text in suite/ that is no docstring names an option of a command.

    A text that is one word is an argument of another program: of git, of Valgrind.
    """
    options = options_of_commands()
    for path in sorted((root / "suite").rglob("*.py")):
        place = path.relative_to(root / "suite").as_posix()
        if place in SPELLS_OPTIONS:
            continue
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        docstrings = {node.value for node in nodes if isinstance(node, ast.Expr)}
        for node in nodes:
            is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
            if is_text and node not in docstrings and not re.fullmatch(r"--\S+", node.value):
                words = set(re.findall(r"--[a-z][a-z-]*", node.value)) & options
                yield from (f"{place}:{node.lineno}: {word}" for word in words)


def test_the_engine_names_things_and_the_commands_name_options():
    assert list(options_named(ROOT)) == []


def test_an_option_in_the_engines_message_is_found(tmp_path):
    (tmp_path / "suite/measuring").mkdir(parents=True)
    (tmp_path / "suite/measuring/run.py").write_text(
        'name = 1\nraise ValueError(f"--impl {name}: unknown")\ngit = ["--force", "--verify"]\n'
    )

    assert list(options_named(tmp_path)) == ["measuring/run.py:2: --impl"]


def test_commands_that_compute_nothing_start_without_what_is_slow_to_import():
    for path in sorted((ROOT / "suite").rglob("*.py")):
        room = room_of(path.relative_to(ROOT / "suite").parts)
        if room not in (*COMPUTING, "child") and path.stem != "gaussian_process":
            assert not packages(imported(path, top_level_only=True)) & SLOW_TO_IMPORT, path


@pytest.mark.parametrize("path", sorted((ROOT / "impls").rglob("*.py")), ids=lambda p: p.stem)
def test_implementations_import_only_the_contract_and_private_helpers(path):
    for name in imported(path):
        package, _, rest = name.partition(".")
        assert package not in {"reports", "commands", "run_bench", "tests"}
        if package == "suite":
            contract = ("Problem", "Unsupported", "register", "registry", "problem", "errors", "")
            words = ("epilogues", "kinds", "phases")  # of the last, marks that profiling listens to
            allowed = {*contract, *words}
            allowed |= {"tuning"} if path.stem == "auto" else set()
            assert rest.partition(".")[0] in allowed, name
        if package == "impls" and rest:
            assert rest.startswith("_"), f"{path.name} imports another implementation: {name}"


@pytest.mark.parametrize("path", sorted((ROOT / "reports").rglob("*.py")), ids=lambda p: p.stem)
def test_reports_can_be_rebuilt_without_torch(path):
    assert not packages(imported(path)) & {"torch", "impls", "commands", "run_bench"}


REPORTS_MAY_READ = {
    "results",
    "stats",
    "scenario",
    "gate",
    "lessons",
    "problem",
    "conditions",
    "epilogues",
    "kinds",
    "workload",
    "errors",
    "phases",
    "own_imports",
    "program",
    "printable",
    "counted",
    "values",
}


@pytest.mark.parametrize("path", sorted((ROOT / "reports").rglob("*.py")), ids=lambda p: p.stem)
def test_reports_know_results_and_nothing_of_how_they_were_measured(path):
    found = [name.split(".")[1:] for name in imported(path) if name.startswith("suite.")]
    assert {parts[0] for parts in found} <= REPORTS_MAY_READ
    of_gate = {parts[1] for parts in found if parts[0] == "gate" and len(parts) > 1}
    assert of_gate <= {"calibrated", "outcome", "facts", "verdict"}
    of_lessons = {parts[1] for parts in found if parts[0] == "lessons" and len(parts) > 1}
    assert of_lessons <= {"lesson", "table"}
