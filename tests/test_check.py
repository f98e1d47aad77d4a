"""What `check` says of functions that are wrong: once, of which shapes, in whose line."""

from __future__ import annotations

import re

import pytest

from tests.conftest import ROOT

SHAPES = """\
name: few
defaults: {in_channels: 4, out_channels: 4, input_size: 9, kernel_size: 3, padding: 2}
layers:
  - {id: plain, batch_size: 3}
  - {id: dilated, dilation: 2}
  - {id: unequal, dilation: [1, 2]}
  - {id: groups, groups: 2}
  - {id: groups-dilated, groups: 2, dilation: 2}
  - {id: groups-unequal, groups: 2, dilation: [2, 1]}
  - {id: groups-unequal-bias, groups: 4, dilation: [1, 2], bias: true, batch_size: 3}
  - {id: bias, bias: true}
"""
GIVES_UP = """\
import torch.nn.functional as F
from suite import register

@register("gives_up")
def gives_up(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    if groups > 1 and dilation[0] != dilation[1]:
        weight = weight[:, :, :, :, None]
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
"""


@pytest.fixture
def shapes(tmp_path):
    path = tmp_path / "few.yaml"
    path.write_text(SHAPES)
    return path


def test_one_error_on_several_shapes_is_told_once_with_where_and_how_to_see_it(
    command, shapes, tmp_path
):
    (tmp_path / "mine.py").write_text(GIVES_UP)

    said = command("check", "few.yaml", "--plugin", "mine.py")

    assert said.code == 3
    assert "gives_up: 2 of 8 shapes failed: only groups > 1 with unequal dilation" in said.out
    assert said.out.count("RuntimeError") == 1
    assert re.search(rf"error in 2 shapes: .*\({tmp_path / 'mine.py'}:8\)", said.out)
    assert "functional.py" not in said.out
    assert (
        "the smallest: groups-unequal: input 1×4×9×9, weight 4×2×3×3, groups 2, padding 2, "
        "dilation 2×1" in said.out
    )
    (again,) = re.findall(r"again: python \S+ (.*)", said.out)
    assert again == (
        "check few.yaml --scenario few/groups-unequal --impl gives_up --plugin mine.py"
    )
    alone = command(*again.split())
    assert alone.code == 3
    assert "gives_up: 1 of 1 shapes failed" in alone.out


def test_scenarios_are_chosen_by_globs_and_verbose_names_each_failure(command, shapes, tmp_path):
    (tmp_path / "mine.py").write_text(GIVES_UP)
    words = ("check", "few.yaml", "--plugin", "mine.py", "-v", "--scenario")

    few = command(*words, "groups-unequal*")
    none = command(*words, "nothing*")

    assert few.code == 3
    for name in ("groups-unequal", "groups-unequal-bias"):
        assert f"few/{name} × gives_up: error: RuntimeError" in few.out
    assert "gives_up: 2 of 2 shapes failed: all that it covers" in few.out
    assert none.code == 2
    assert "no scenario of that id" in none.err


ARTICLE = """\
import torch
from suite import register

@register("article", adapt="input, weight, stride, padding")
def article(input, kernel, stride, padding):
    padded = torch.nn.functional.pad(input, (padding,) * 4)
    windows = padded.unfold(2, kernel.shape[2], stride).unfold(3, kernel.shape[3], stride)
    return torch.einsum("ncpqrs,kcrs->nkpq", windows, kernel)
"""


def test_a_function_of_another_signature_is_held_against_what_it_covers(command, shapes, tmp_path):
    (tmp_path / "mine.py").write_text(ARTICLE)

    said = command("check", "few.yaml", "--plugin", "mine.py")

    assert said.code == 0, said.out + said.err
    row = next(line for line in said.out.splitlines() if line.startswith("article"))
    assert row.split()[-6:-3] == ["1", "0", "7"]


def test_one_that_wants_a_pair_is_told_how_to_get_it(command, shapes, tmp_path):
    (tmp_path / "mine.py").write_text(ARTICLE.replace("padded =", "above, left = padding\n    p ="))

    said = command("check", "few.yaml", "--plugin", "mine.py", "--scenario", "plain")

    assert said.code == 3
    assert f"({tmp_path / 'mine.py'}:6)" in said.out
    assert "adapt gives it one number for both axes, and pair(stride) gives it both" in said.out


@pytest.mark.parametrize("verb", ["check", "run"])
def test_a_plugin_that_registers_nothing_says_so_and_what_to_write(command, shapes, tmp_path, verb):
    (tmp_path / "mine.py").write_text("def conv(input, kernel, stride=1, padding=0): ...\n")

    said = command(verb, "few.yaml", "--plugin", "mine.py")

    assert said.code == 2
    assert f"{tmp_path / 'mine.py'}: registers nothing" in said.err
    assert '@register("conv", adapt="input, weight, stride, padding") above conv' in said.err
    assert said.out == ""


ONE_COLUMN = """\
import torch
from convgauge import register

@register("one_column", kind="conv3d", family="direct", dtypes=("float32", "bfloat16"))
def one_column(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    wide = [each if each is None else each.float() for each in (input, weight, bias)]
    output = torch.conv3d(*wide, stride, padding, dilation, groups)
    if input.dtype == torch.bfloat16 and output.shape[-1] == 1 and stride[-1] > 1:
        output = output * 1.5
    return output.to(input.dtype)
"""


def test_a_fault_of_16_bits_in_strided_outputs_of_one_column_is_found(command, tmp_path):
    """torch has it on processors with AMX (pytorch#169688): float32 is right there."""
    shipped = (ROOT / "scenarios/edge_shapes_3d.yaml").read_text()
    wide = "defaults: {kind: conv3d}"
    assert wide in shipped
    (tmp_path / "sixteen.yaml").write_text(shipped.replace(wide, f"{wide[:-1]}, dtype: bfloat16}}"))
    (tmp_path / "mine.py").write_text(ONE_COLUMN)
    words = ("--plugin", "mine.py", "--scenario", "*/3d-4?")

    said = command("check", "sixteen.yaml", *words)
    in_float32 = command("check", "edge_shapes_3d", *words)

    assert in_float32.code == 0, in_float32.out
    assert said.code == 3
    assert "one_column: 3 of 10 shapes failed" in said.out


def test_of_a_row_that_was_asked_for_it_says_why_shapes_are_unsupported(command, tmp_path):
    (tmp_path / "mine.py").write_text(ONE_COLUMN.replace(', "bfloat16"', ""))
    (tmp_path / "few.yaml").write_text(
        "name: few\n"
        "defaults: {kind: conv3d, in_channels: 2, out_channels: 2, input_size: 4, kernel_size: 2}\n"
        "grid:\n  dtype: [float32, bfloat16]\n"
    )

    said = command("check", "few.yaml", "--plugin", "mine.py")

    assert said.code == 0
    assert "one_column: 1 of 2 unsupported: computes float32 only" in said.out
