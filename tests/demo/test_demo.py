"""What `demo` says of each way to compute a convolution, and of rows that are wrong."""

from __future__ import annotations

import contextlib
import io
import re

import numpy as np
import pytest
from PIL import Image

import run_bench
from commands._demonstration import OF_FAMILY, ROWS
from suite.declaration import FAMILIES
from tests.conftest import Said

PLUGIN = """
import torch.nn.functional as F
from suite import register


@register("half_more", family="direct")
def half_more(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    return 1.5 * F.conv2d(input, weight, bias, stride, padding, dilation, groups)


@register("nan", family="direct")
def nan(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    return float("nan") * F.conv2d(input, weight, bias, stride, padding, dilation, groups)


@register("too_small", family="direct")
def too_small(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)[..., 1:]


@register("without_words", family="im2col")
def without_words(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
"""


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """What `demo` prints of a small picture, with its own rows and those of a plug-in."""
    folder = tmp_path_factory.mktemp("demo")
    (folder / "mine.py").write_text(PLUGIN)
    picture = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    Image.fromarray(picture).save(folder / "small.png")
    words = ["demo", folder / "small.png", "--plugin", folder / "mine.py", "--out"]
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = run_bench.main([str(word) for word in (*words, folder / "out.png")])
    return Said(code, out.getvalue(), ""), folder


def row(said: Said, name: str) -> str:
    (line,) = [line for line in said.out.splitlines() if re.match(rf" *{name} ", line)]
    return line


@pytest.mark.parametrize("name", ROWS)
def test_each_way_has_a_time_an_error_and_a_sentence(shown, name):
    said, _ = shown
    words = re.fullmatch(r" *\w+ +[\d.]+ [mµn]?s +(\d\S*) +(\w.*\S) *", row(said, name))
    assert words, row(said, name)
    assert float(words[1]) < 1e-5
    assert len(words[2]) > 30


def test_what_is_wrong_has_no_time_and_the_command_says_so(shown):
    said, _ = shown
    assert said.code == 3
    assert re.search(r"half_more +incorrect .*differs by up to", row(said, "half_more"))
    assert re.search(r"nan +incorrect ", row(said, "nan"))
    assert "expected (1, 2, 24, 32)" in row(said, "too_small")


def test_a_row_without_a_docstring_is_told_by_its_family(shown):
    said, _ = shown
    assert OF_FAMILY["im2col"] in row(said, "without_words")


def test_a_filter_that_a_row_does_not_cover_is_said(shown):
    said, _ = shown
    assert "Not here: Gaussian: needs a 3×3 kernel" in " ".join(said.out.split())


def test_a_small_picture_is_made_grey_and_not_shrunk(shown):
    said, folder = shown
    assert "small.png, 24×32: made grey." in said.out
    with Image.open(folder / "out.png") as picture:
        assert picture.height > picture.width  # the photograph, and a line for each way


def test_every_family_has_its_sentence():
    assert set(OF_FAMILY) == set(FAMILIES)


def test_a_plug_in_that_registers_nothing_is_said(command, tmp_path):
    (tmp_path / "empty.py").write_text("")
    said = command("demo", "--plugin", "empty.py")
    assert said.code == 2
    assert "empty.py: registers nothing" in said.err
