"""Registering and looking up, without a process."""

from __future__ import annotations

import sys

import pytest

from suite.conditions import Scenario
from suite.declaration import Declaration
from suite.errors import UsageError
from suite.problem import Problem
from suite.records import from_json, to_json
from suite.registry import registering, sources
from suite.registry.registering import register
from suite.registry.sources import Source


@pytest.fixture(autouse=True)
def empty_registry(monkeypatch):
    monkeypatch.setattr(registering, "_registered", {})


def conv(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """First line.

    Second."""


def test_register_returns_the_function_unchanged_and_keeps_its_first_line():
    assert register("a", family="direct")(conv) is conv
    assert registering.get("a").summary == "First line."
    assert registering.get("a").source == __file__


def test_a_builtin_without_a_signature_is_accepted():
    import torch.nn.functional as F

    assert register("plain", family="vendor")(F.conv2d) is F.conv2d


def test_an_unknown_name_gets_the_nearest_one():
    register("unfold", family="im2col")(conv)
    with pytest.raises(UsageError, match='Did you mean "unfold"'):
        registering.get("unflod")


def test_no_family_may_declare_more_error_than_it_deserves():
    register("f8", family="winograd", error_factor=8)(conv)
    with pytest.raises(UsageError, match="allows at most 1"):
        register("d8", family="direct", error_factor=8)(conv)


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        ({"family": "directt"}, 'family "directt" is unknown.*Did you mean "direct"'),
        ({"nan_policy": "any"}, 'nan_policy "any" is unknown; accepted: receptive_field'),
        ({"precision": "tf23"}, 'precision "tf23" is unknown.*Did you mean "tf32"'),
        ({"devices": "gpu"}, 'device "gpu" is unknown; accepted: cpu, cuda'),
        ({"devices": ("gpu",)}, 'device "gpu" is unknown'),
        ({"dtypes": ("float23",)}, 'dtype "float23" is unknown.*Did you mean "float32"'),
        ({"error_factor": float("nan")}, "error_factor nan; the family direct allows at most 1"),
        ({"error_factor": -1.0}, "error_factor -1.0"),
        ({"on_request": "yes"}, "on_request: found 'yes', expected true or false"),
    ],
)
def test_a_declaration_that_is_not_accepted_is_refused_where_it_is_made(declared, told):
    with pytest.raises(UsageError, match=f"test_registry.py: .*{told}"):
        register("a", **{"family": "direct", **declared})(conv)
    assert not registering.registered()


def test_a_lone_name_is_a_list_of_one():
    register("alone", devices="cpu", dtypes="float32", kinds="conv1d")(conv)

    alone = registering.get("alone")
    assert (alone.devices, alone.dtypes, alone.kinds) == (("cpu",), ("float32",), ("conv1d",))


def test_a_name_that_is_no_text_is_refused():
    with pytest.raises(UsageError, match=r"register\(5\): name: found 5, expected a text"):
        register(5, family="direct")(conv)


def test_what_is_declared_survives_the_way_to_another_process():
    register(
        "a",
        family="winograd",
        prepare=lambda w, p: w,
        precision="tf32",
        error_factor=8,
        on_request=True,
    )(conv)
    declared = registering.get("a").declaration

    assert from_json(Declaration, to_json(declared)) == declared
    assert (declared.packs, declared.summary, declared.source) == (True, "First line.", __file__)


def test_reasons_come_in_order_machine_device_dtype_problem(problem):
    register(
        "picky",
        family="direct",
        devices=("cpu",),
        dtypes=("float32",),
        supports=lambda p: "needs one group" if p.groups > 1 else None,
    )(conv)
    picky = registering.get("picky")

    def why(**conditions: str) -> str | None:
        return picky.why_unsupported(Scenario(id="s", problem=problem, **conditions))

    assert why(device="cuda:1") == "runs on cpu only"
    assert why(dtype="float64") == "computes float32 only"
    assert why() == "needs one group"


def test_supports_sees_asymmetric_padding_already_applied():
    seen = []
    register("s", family="direct", supports=seen.append)(conv)
    uneven = Problem(
        batch_size=1,
        in_channels=1,
        height=4,
        width=4,
        out_channels=1,
        kernel_h=2,
        kernel_w=2,
        pad_bottom=1,
    )
    registering.get("s").why_unsupported(Scenario(id="s", problem=uneven))

    assert (seen[0].height, seen[0].pad_top, seen[0].pad_bottom) == (5, 0, 0)
    assert seen[0].output_shape == uneven.output_shape


def test_plugin_files_may_import_their_neighbours(tmp_path):
    (tmp_path / "neighbour_of_plugin.py").write_text("NAME = 'near'\n")
    (tmp_path / "plug.py").write_text(
        "from neighbour_of_plugin import NAME\nfrom suite import register\n"
        "@register(NAME, family='direct')\n"
        "def f(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1): ...\n"
    )

    assert [e.name for e in sources.load(Source(str(tmp_path / "plug.py")))] == ["near"]


def test_a_plugin_whose_neighbour_imports_it_registers_once(tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "plug_with_test", raising=False)
    (tmp_path / "neighbour_of_plug.py").write_text(
        "def late():\n    import plug_with_test as p\n    return p.f\n"
    )
    (tmp_path / "plug_with_test.py").write_text(
        "from neighbour_of_plug import late\nfrom suite import register\n"
        "@register('once', family='direct')\n"
        "def f(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1): ...\n"
        "assert late() is f\n"
    )

    assert [e.name for e in sources.load(Source(str(tmp_path / "plug_with_test.py")))] == ["once"]


def test_a_plugin_named_like_a_module_hides_it_from_nobody(tmp_path):
    (tmp_path / "colorsys.py").write_text(
        "from suite import register\n"
        "@register('hiding', family='direct')\n"
        "def f(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1): ...\n"
    )
    sources.load(Source(str(tmp_path / "colorsys.py")))

    import colorsys

    assert colorsys.rgb_to_hsv(0, 0, 1)
