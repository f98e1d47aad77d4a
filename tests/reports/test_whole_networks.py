"""A network measured as a whole, beside the sum that its layers predict."""

from __future__ import annotations

import dataclasses

import pytest

from reports.matrix import Matrix
from reports.page import render
from reports.whole_networks import whole_network_lines, whole_networks
from suite.results.cell import Block, CellResult, Status
from suite.results.folder import Run
from suite.results.network_parts import LayerTime, NetworkParts
from suite.workload import Input, Network, NetworkScenario

SCENARIO = NetworkScenario(
    id="nets/1x3x8x8",
    source="nets",
    problem=Network(
        module="nets.py",
        name="build",
        folder=".",
        inputs=(Input(shape=(1, 3, 8, 8), dtype="float32", keyword=None, key=None),),
        dtype=None,
        train=False,
        outputs=(10,),
        direct_flops=2_000_000,
        parameter_bytes=2**20,
        convolutions=2,
    ),
)
PARTS = NetworkParts(
    pass_s=10e-3,
    layers=(
        LayerTime(layer="a", calls=1, inside_s=3e-3, alone_s=2e-3),
        LayerTime(layer="b", calls=2, inside_s=2e-3, alone_s=1e-3),
    ),
    others={"activation": 1e-3, "batch norm": 4e-3},
)


def cell(name, times_s, parts=None):
    return CellResult(
        scenario=SCENARIO,
        implementation=name,
        family="vendor",
        status=Status.PASSED,
        reference="eager",
        blocks=tuple(
            Block(samples_s=(s,), calls_per_sample=1, seed="0", reference_s=10e-3) for s in times_s
        ),
        parts=parts,
    )


@pytest.fixture
def matrix(tmp_path):
    slow, fast = cell("eager", [10e-3] * 4, PARTS), cell("compile", [5e-3, 5.1e-3, 4.9e-3, 5e-3])
    return Matrix.of(Run(tmp_path, {}, (slow, fast)))


def test_arms_come_with_the_fastest_first_and_what_is_told_apart_in_each(matrix):
    (network,) = whole_networks(matrix)

    assert [one.name for one in network.passes] == ["compile", "eager"]
    assert network.what == "2 convolutions a pass, 0.002 GFLOP, 1.00 MiB of parameters"
    assert network.passes[0].parts is None
    assert network.passes[0].speedup.startswith("2.00×")
    assert network.passes[1].speedup == ""


def test_the_terminal_says_what_layers_predict_and_where_the_pass_goes(matrix):
    lines = [line.plain for line in whole_network_lines(matrix, 80)]

    text = " ".join(" ".join(lines).split())
    assert max(map(len, lines)) <= 80
    assert "eager: 2 convolutions one by one 3.00 ms, in their places 5.00 ms" in text
    assert "5.00 ms of 10.0 ms is no convolution: batch norm 4.00 ms, activation 1.00 ms" in text
    assert "compile:" not in text


@pytest.mark.parametrize(
    ("notes", "shown"),
    [
        (
            ("a note", "rows in 14 of 20 convolutions, folded"),
            "rows in 14 of 20 convolutions, folded",
        ),
        (("in 2 of 3 convolutions, torch's own in the others",), "in 2 of 3 convolutions"),
        (("left as it was: nothing made it surely faster", "a note"), "left as it was"),
        (("computes through torch's own mkldnn_convolution",), ""),
        ((), ""),
    ],
)
def test_what_an_arm_made_of_the_model_is_told_wherever_it_stands_in_its_notes(
    tmp_path, notes, shown
):
    one = dataclasses.replace(cell("optimize", [1e-3] * 4), notes=notes)
    (network,) = whole_networks(Matrix.of(Run(tmp_path, {}, (one,))))

    assert network.passes[0].note.startswith(shown)
    assert bool(network.passes[0].note) is bool(shown)


def test_what_parts_add_up_to():
    assert PARTS.alone_s == pytest.approx(3e-3)
    assert PARTS.inside_s == pytest.approx(5e-3)
    assert PARTS.others_s == pytest.approx(5e-3)


def test_the_page_says_how_networks_are_judged_and_all_numbers_of_threads(tmp_path):
    cells = [
        dataclasses.replace(cell("eager", [10e-3] * 4, PARTS), threads=threads)
        for threads in (1, 2)
    ]
    cells[1] = dataclasses.replace(
        cells[1], scenario=dataclasses.replace(SCENARIO, id="nets/1x3x8x8-t2", threads=2)
    )
    run = Run(tmp_path, {"settings": {"threads": 2}}, tuple(cells))

    page = render(run)

    assert " · 1 and 2 threads" in page
    assert "The run used 1 and 2 threads" in page
    assert "The reference is the model itself in float64" in page
    assert "Small whole numbers had to come out exactly" not in page
    assert page.count("is the sum that measuring layers alone predicts") == 1
    for figure in ("3.00 ms", "5.00 ms", "10.0 ms"):
        assert f'<td class="number">{figure}</td>' in page
