"""What keeps impls/ readable, stated over its source: short calls, fields with a meaning."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from oracle import TREE

import impls

MOST_ARGUMENTS = 8
MOST_FIELDS_WITHOUT_WORDS = 4
SOURCES = sorted((TREE / "impls").rglob("*.py"))
TESTS = sorted((TREE / "tests" / "impls").rglob("*.py"))
every_source = pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)


def long_calls(tree: ast.AST) -> Iterator[str]:
    """Yield calls with too many arguments by position, those of star-tuples included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            count = sum(
                len(argument.value.elts)
                if isinstance(argument, ast.Starred) and isinstance(argument.value, ast.Tuple)
                else 1
                for argument in node.args
            )
            if count > MOST_ARGUMENTS:
                yield f"line {node.lineno}: {count} arguments by position"


def long_signatures(tree: ast.AST) -> Iterator[str]:
    """Yield functions with too many parameters by position.

    `self`, and the typing context of a Numba intrinsic, come from elsewhere. A Triton kernel's
    parameters are the names that it is tuned by, numbers for which it is compiled anew.
    """
    kernels = {
        argument.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "triton.jit"
        for argument in node.args
        if isinstance(argument, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.Lambda):
            given = [*node.args.posonlyargs, *node.args.args]
            count = sum(parameter.arg not in ("self", "typing") for parameter in given)
            name = getattr(node, "name", "lambda")
            if count > MOST_ARGUMENTS and name not in kernels:
                yield f"line {node.lineno}: {name} takes {count} arguments by position"


def wordless_fields(tree: ast.AST) -> Iterator[str]:
    """Yield the fields without a docstring: of plans, and of every record of many fields."""
    for record in ast.walk(tree):
        if not isinstance(record, ast.ClassDef):
            continue
        fields = [node for node in record.body if isinstance(node, ast.AnnAssign)]
        if "Plan" not in record.name and len(fields) <= MOST_FIELDS_WITHOUT_WORDS:
            continue
        for field, following in zip(record.body, [*record.body[1:], None], strict=True):
            said = isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
            if isinstance(field, ast.AnnAssign) and not said:
                yield f"line {field.lineno}: {record.name}.{ast.unparse(field.target)}"


def ladders(tree: ast.AST) -> Iterator[str]:
    """Yield chains of three or more branches that compare the same name with numbers."""
    for node in ast.walk(tree):
        compared, branch = [], node
        while isinstance(branch, ast.If):
            test = branch.test
            if not (
                isinstance(test, ast.Compare)
                and isinstance(test.ops[0], ast.Eq)
                and isinstance(test.comparators[0], ast.Constant)
                and isinstance(test.comparators[0].value, int)
            ):
                break
            compared.append(ast.unparse(test.left))
            branch = branch.orelse[0] if len(branch.orelse) == 1 else None
        if len(compared) >= 3 and len(set(compared)) == 1:
            yield f"line {node.lineno}: a branch for each {compared[0]}"


def star_tuples(tree: ast.AST) -> Iterator[str]:
    """Yield tuples that are written out only to be taken apart."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Starred) and isinstance(node.value, ast.Tuple | ast.List):
            yield f"line {node.lineno}: *{ast.unparse(node.value)}"


def decorators_from_elsewhere(tree: ast.AST) -> Iterator[str]:
    """Yield imports of Numba's `njit` that come before it is told where to keep compiled code."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "numba":
            if {alias.name for alias in node.names} & {"njit", "jit", "prange"}:
                yield f"line {node.lineno}: {ast.unparse(node)}"
        elif isinstance(node, ast.Import) and "numba" in {alias.name for alias in node.names}:
            yield f"line {node.lineno}: {ast.unparse(node)}"


def parse(path: Path) -> ast.AST:
    return ast.parse(path.read_text(encoding="utf-8"))


@every_source
def test_no_call_has_more_than_eight_arguments_by_position(path):
    assert list(long_calls(parse(path))) == []


@every_source
def test_no_function_takes_more_than_eight_arguments_by_position(path):
    assert list(long_signatures(parse(path))) == []


@every_source
def test_every_field_of_a_plan_says_what_it_means(path):
    assert list(wordless_fields(parse(path))) == []


@every_source
def test_blocks_of_several_sizes_are_picked_by_a_switch_that_is_generated(path):
    assert list(ladders(parse(path))) == []


@pytest.mark.parametrize(
    "path", [path for path in SOURCES if path.name != "_numba.py"], ids=lambda path: path.stem
)
def test_compiled_code_is_kept_where_a_changed_helper_renews_it(path):
    assert list(decorators_from_elsewhere(parse(path))) == []


@pytest.mark.parametrize("path", [*SOURCES, *TESTS], ids=lambda path: path.stem)
def test_no_tuple_is_written_out_only_to_be_taken_apart(path):
    assert list(star_tuples(parse(path))) == []


def test_the_reading_map_leads_to_every_file_and_to_no_other():
    named = set(re.findall(r"[\w/]+\.py", impls.__doc__))
    files = {path.relative_to(TREE / "impls").as_posix() for path in SOURCES}
    assert named == {name for name in files if not name.endswith("__init__.py")}


def test_the_private_packages_are_among_what_is_searched():
    assert {"_kernels", "_planes", "_windows", "_winograd", "impls"} <= {
        path.parent.name for path in SOURCES
    }


@pytest.mark.parametrize(
    ("find", "fault"),
    [
        (long_calls, "f(1, 2, 3, 4, 5, 6, 7, 8, 9)"),
        (long_calls, "f(*(1, 2, 3, 4, 5), *(6, 7, 8, 9))"),
        (long_signatures, "def f(a, b, c, d, e, f, g, h, i): ..."),
        (long_signatures, "f = lambda a, b, c, d, e, f, g, h, i: 0"),
        (wordless_fields, 'class Plan:\n    a: int\n    "words"\n    b: int'),
        (wordless_fields, 'class Plan:\n    a: int\n    b: int\n    "words"'),
        (
            wordless_fields,
            'class Five:\n    a: int\n    b: int\n    "words"\n    c: int\n    "words"\n'
            '    d: int\n    "words"\n    e: int\n    "words"',
        ),
        (ladders, "if n == 3: f()\nelif n == 2: g()\nelif n == 1: h()"),
        (decorators_from_elsewhere, "from numba import njit, types"),
        (decorators_from_elsewhere, "import numba"),
        (star_tuples, "f(*(a, b))"),
        (star_tuples, "x[*(a, b), c]"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_a_fault_is_found(find, fault):
    assert len(list(find(ast.parse(fault)))) == 1


@pytest.mark.parametrize(
    ("find", "fine"),
    [
        (long_calls, "f(1, 2, 3, 4, 5, 6, 7, 8, a=9)"),
        (long_signatures, "def f(self, a, b, c, d, e, f, g, h, *, i): ..."),
        (wordless_fields, 'class Plan:\n    a: int\n    "words"\n    b: int\n    "words"'),
        (ladders, "if n == 3: f()\nelif m == 2: g()\nelif n == 1: h()"),
        (decorators_from_elsewhere, "from numba import types"),
        (star_tuples, "f(*a, *(x for x in b))"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_what_is_none_is_not_blamed(find, fine):
    assert list(find(ast.parse(fine))) == []
