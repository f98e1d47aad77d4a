"""Implementations that the server of processes imported: there for this tree alone, and late."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BEFOREHAND = """
import sys
from pathlib import Path
import torch
import convgauge
from convgauge.suite.registry import registering, sources

sources.import_beforehand()
assert not [name for name in sys.modules if name.startswith("convgauge.impls")]
assert not hasattr(convgauge, "impls")
assert not registering.registered()
"""


def after_importing_beforehand(code: str, cwd: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", BEFOREHAND + code],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_process_finds_nothing_of_them_until_it_asks_and_then_imports_nothing_anew(tmp_path):
    said = after_importing_beforehand(
        """
import builtins
source = sources.Source("impls.winograd", sources.Path(registering.__file__).parents[2].as_posix())
compile_ = builtins.compile
builtins.compile = None  # nothing is compiled, be it for an import or by a decorator
rows = sources.load(source)
builtins.compile = compile_
print(sorted(row.name for row in rows) == sorted(row.name for row in registering.registered()))
print(all(sys.modules[row.function.__module__] for row in rows))
print(registering.get(rows[0].name) is rows[0], sources.load(source) is rows)
""",
        tmp_path,
    )
    assert said.split() == ["True"] * 4


def test_another_checkout_s_are_imported_from_there(tmp_path):
    tree = tmp_path / "tree"
    (tree / "impls").mkdir(parents=True)
    shutil.copytree(ROOT / "impls", tree / "impls", dirs_exist_ok=True)
    said = after_importing_beforehand(
        f"""
rows = sources.load(sources.Source("impls.fft", {str(tree)!r}))
print(rows[0].source)
""",
        tmp_path,
    )
    assert said.startswith(str(tree))


def test_a_plugin_may_not_take_a_name_of_those_that_its_process_has_asked_for(tmp_path):
    plugin = tmp_path / "mine.py"
    plugin.write_text(
        "from suite import register\n"
        "@register('unfold')\n"
        "def mine(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1): ...\n"
    )
    after_importing_beforehand(
        f"""
from convgauge.suite.errors import UsageError
own = sources.Source("impls.im2col", {str(ROOT)!r})
assert sources.load(sources.Source({str(plugin)!r}))[0].name == "unfold"  # unseen so far
try:
    sources.load(own)
except UsageError as error:
    assert 'the name "unfold" is taken' in str(error)
else:
    raise AssertionError
""",
        tmp_path,
    )


def test_what_wants_a_library_that_the_server_has_not_is_imported_where_it_is_wanted(tmp_path):
    (tmp_path / "triton").mkdir()
    (tmp_path / "triton" / "__init__.py").write_text("raise SystemExit('imported')")
    (tmp_path / "triton" / "language.py").write_text("")
    code = f"""
source = sources.Source("impls.triton_igemm", {str(ROOT)!r})
sys.path.insert(0, {str(tmp_path)!r})
try:
    sources.load(source)
except Exception as error:
    print(error)
"""
    said = after_importing_beforehand(code, tmp_path)
    assert "SystemExit: imported" in said
