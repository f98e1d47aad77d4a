"""What a right file becomes: defaults, grids, excludes, paddings, ids."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from writing import load, problems_of, write

from suite.conditions import Scenario
from suite.problem import Problem
from suite.scenario import load_file
from suite.scenario.building import Candidate, build_scenario
from suite.scenario.sections import Setting
from suite.scenario.sizes import Sizes
from suite.scenario.yamltree import Place

SIZES = "in_channels: 4, out_channels: 6, input_size: 8, kernel_size: 3"


def one(tmp_path, text):
    (scenario,) = load(tmp_path, f"layers:\n  - {{{SIZES}, {text}}}\n").values()
    return scenario


def test_a_layer_becomes_the_scenario_it_describes(tmp_path):
    file = load_file(
        write(
            tmp_path,
            """
            description: >
              Two lines
              of text.
            layers:
              - id: a
                batch_size: 2
                in_channels: 4
                out_channels: 6
                input_size: [8, 9]
                kernel_size: [3, 5]
                stride: [2, 1]
                padding: [0, 1, 2, 3]
                dilation: [1, 2]
                groups: 2
                bias: true
                device: cuda:1
                dtype: float64
                memory_format: channels_last
                direction: backward_weight
                threads: 3
                cache: cold
                occurrences: 7
            """,
        )
    )
    assert file.name == "x"
    assert file.description == "Two lines of text."
    assert file.text == file.path.read_text(encoding="utf-8")
    assert file.scenarios == (
        Scenario(
            id="x/a",
            problem=Problem(
                batch_size=2,
                in_channels=4,
                height=8,
                width=9,
                out_channels=6,
                kernel_h=3,
                kernel_w=5,
                stride_h=2,
                stride_w=1,
                pad_top=0,
                pad_bottom=1,
                pad_left=2,
                pad_right=3,
                dilation_h=1,
                dilation_w=2,
                groups=2,
                bias=True,
            ),
            device="cuda:1",
            dtype="float64",
            memory_format="channels_last",
            direction="backward_weight",
            threads=3,
            cache="cold",
            occurrences=7,
            source="x",
        ),
    )


def test_what_a_layer_leaves_out_is_as_in_torch(tmp_path):
    scenario = one(tmp_path, "id: a")
    plain = Problem(
        batch_size=1, in_channels=4, height=8, width=8, out_channels=6, kernel_h=3, kernel_w=3
    )
    assert scenario == Scenario(id="x/a", problem=plain, source="x")


def test_defaults_hold_until_something_else_is_said(tmp_path):
    scenarios = load(
        tmp_path,
        f"""
        defaults: {{{SIZES}, stride: 2, dtype: float64}}
        grid: {{kernel_size: [1, 3], dtype: float32}}
        layers: [{{id: a}}, {{id: b, stride: 1}}]
        """,
    )
    assert list(scenarios) == ["k1", "k3", "a", "b"]
    assert [scenario.problem.stride_h for scenario in scenarios.values()] == [2, 2, 2, 1]
    assert [scenario.dtype for scenario in scenarios.values()] == ["float32"] * 2 + ["float64"] * 2


def test_a_grid_is_every_combination_with_an_id_of_what_varies(tmp_path):
    scenarios = load(
        tmp_path,
        """
        grid:
          kernel_size: [3, [1, 9]]
          in_channels: [16, 32]
          out_channels: 64
          input_size: [56, [7, 14]]
          padding: same
          bias: [false, true]
        """,
    )
    assert len(scenarios) == 16
    assert list(scenarios)[:2] == ["in16-56x56-k3-nobias", "in16-56x56-k3-bias"]
    assert "in32-7x14-k1x9-bias" in scenarios
    assert scenarios["in32-7x14-k1x9-bias"].problem.output_shape == (1, 64, 7, 14)


def test_conditions_multiply_like_sizes(tmp_path):
    scenarios = load(
        tmp_path,
        f"""
        defaults: {{{SIZES}}}
        grid:
          direction: [forward, backward_data]
          threads: [1, 2]
          device: [cpu, "cuda:0"]
        """,
    )
    assert "cuda:0-backward_data-t2" in scenarios
    assert scenarios["cpu-forward-t1"].threads == 1


def test_a_grid_of_one_is_named_by_what_it_sets(tmp_path):
    text = "grid: {in_channels: 4, out_channels: 6, input_size: 8, kernel_size: 3, padding: 1}"
    assert list(load(tmp_path, text)) == ["in4-out6-8x8-k3-p1"]


def test_ids_stay_when_the_order_in_the_file_changes(tmp_path):
    text = "grid: {in_channels: [1, 2], out_channels: [1, 2], input_size: 8, kernel_size: 3}"
    turned = "grid: {kernel_size: 3, out_channels: [2, 1], input_size: 8, in_channels: [2, 1]}"
    assert set(load(tmp_path, text)) == set(load(tmp_path, turned))


ALTERNATIVES = {
    "batch_size": st.integers(0, 5),
    "stride": st.integers(1, 3) | st.lists(st.integers(1, 3), min_size=2, max_size=2),
    "padding": st.integers(0, 3)
    | st.lists(st.integers(0, 2), min_size=2, max_size=2)
    | st.lists(st.integers(0, 2), min_size=4, max_size=4)
    | st.just("valid"),
    "dilation": st.integers(1, 2),
    "bias": st.booleans().map(lambda flag: str(flag).lower()),
    "dtype": st.sampled_from(["float32", "float64"]),
}


def same_for_the_grid(value):
    """Return what two spellings of one value have in common: 1 and [1, 1] are the same."""
    match value:
        case int():
            return (value,) * 4
        case [vertical, horizontal]:
            return (vertical, vertical, horizontal, horizontal)
        case list():
            return tuple(value)
    return value


@given(
    st.fixed_dictionaries(
        {
            key: st.lists(values, min_size=1, max_size=3, unique_by=same_for_the_grid)
            for key, values in ALTERNATIVES.items()
        }
    )
)
@settings(deadline=None, max_examples=40)
def test_generated_ids_are_unique_and_as_many_as_combinations(tmp_path_factory, grid):
    lines = [f"  {key}: {values}".replace("'", "") for key, values in grid.items()]
    folder = tmp_path_factory.mktemp("grid")
    scenarios = load(folder, f"defaults: {{{SIZES}}}\ngrid:\n" + "\n".join(lines) + "\n")
    count = 1
    for values in grid.values():
        count *= len(values)
    assert len(scenarios) == count


def test_layers_without_an_id_are_named_by_their_sizes(tmp_path):
    scenarios = load(
        tmp_path,
        """
        defaults: {in_channels: 4, out_channels: 4, input_size: 8, kernel_size: 3}
        layers:
          - {in_channels: 8, stride: 2, padding: [1, 2], groups: depthwise, out_channels: 8}
          - {kernel_size: 5, stride: 1, bias: true, padding: [0, 1, 0, 1]}
        """,
    )
    assert list(scenarios) == ["in8-out8-s2-p1x2-depthwise", "k5-p0x1x0x1-bias"]


def test_exclude_leaves_out_combinations_that_have_all_its_values(tmp_path):
    scenarios = load(
        tmp_path,
        """
        defaults: {out_channels: 4, input_size: 40}
        grid: {in_channels: [4, 8], kernel_size: [1, 3, 31]}
        exclude:
          - {kernel_size: 31, in_channels: 8}
          - {kernel_size: [1, 3], in_channels: 4, stride: 1}
        """,
    )
    assert list(scenarios) == ["in4-k31", "in8-k1", "in8-k3"]


def test_combinations_that_make_no_convolution_can_be_excluded(tmp_path):
    text = (
        "defaults: {in_channels: 1, out_channels: 1}\n"
        "grid: {input_size: [4, 8], kernel_size: [3, 5]}\n"
    )
    assert problems_of(tmp_path, text) == [
        "x.yaml:2:45: 4x4-k5: the kernel covers 5 along the height, the padded input has only 4; "
        "use a larger input, more padding or a smaller kernel or dilation; the kernel covers 5 "
        "along the width, the padded input has only 4; use a larger input, more padding or a "
        "smaller kernel or dilation"
    ]
    assert len(load(tmp_path, text + "exclude: [{input_size: 4, kernel_size: 5}]\n")) == 3


def test_combinations_that_fail_alike_are_told_once_with_their_number(tmp_path):
    (problem,) = problems_of(
        tmp_path,
        "grid: {in_channels: [1, 2, 4], out_channels: 8, input_size: 4, kernel_size: 9}",
    )
    assert problem.startswith("x.yaml:1:77: in1: the kernel covers 9")
    assert problem.endswith("(2 more like it)")


@pytest.mark.parametrize(
    ("exclude", "problem"),
    [
        ("{kernel_size: 7}", "x.yaml:3:25: exclude removes nothing: kernel_size 7 is not in the "
         "grid; it has 1, 3"),
        ("{stride: 2}", "x.yaml:3:20: exclude removes nothing: stride 2 is not in the grid; it "
         "has 1"),
        ("{threads: 2}", "x.yaml:3:21: exclude removes nothing: threads 2 is not in the grid; it "
         "has none"),
        ("{in_channels: [1, 2]}", "x.yaml:2:7: exclude leaves out every combination"),
        ("{}", "x.yaml:3:11: exclude is {}; accepted: at least one key with its value"),
        ("{kernel_sise: 1}", 'x.yaml:3:12: exclude: unknown key "kernel_sise". Did you mean '
         '"kernel_size"?'),
    ],
)  # fmt: skip
def test_an_exclude_that_makes_no_sense_is_refused(tmp_path, exclude, problem):
    text = f"""
        defaults: {{out_channels: 4, input_size: 8}}
        grid: {{in_channels: [1, 2], kernel_size: [1, 3]}}
        exclude: [{exclude}]
        """
    (line,) = problems_of(tmp_path, text)
    assert line.startswith(problem)


def test_an_exclude_whose_values_never_meet_is_refused(tmp_path):
    (problem,) = problems_of(
        tmp_path,
        """
        defaults: {out_channels: 4, input_size: 8}
        grid: {in_channels: [1, 2], kernel_size: [1, 3]}
        exclude: [{in_channels: 1, kernel_size: 1}, {in_channels: 3, kernel_size: 1}]
        """,
    )
    assert problem.startswith("x.yaml:3:59: exclude removes nothing: in_channels 3 is not in")


def test_depthwise_is_as_many_groups_as_channels(tmp_path):
    scenarios = load(
        tmp_path,
        """
        defaults: {out_channels: 12, input_size: 8, kernel_size: 3}
        grid: {in_channels: [4, 6], groups: [depthwise, 2]}
        """,
    )
    assert {name: scenario.problem.groups for name, scenario in scenarios.items()} == {
        "in4-depthwise": 4,
        "in4-g2": 2,
        "in6-depthwise": 6,
        "in6-g2": 2,
    }


@pytest.mark.parametrize(
    ("padding", "sides"),
    [
        ("2", (2, 2, 2, 2)),
        ("[1, 2]", (1, 1, 2, 2)),
        ("[0, 1, 2, 3]", (0, 1, 2, 3)),
        ("valid", (0, 0, 0, 0)),
        ("same", (1, 1, 1, 1)),
    ],
)
def test_padding_is_a_number_a_pair_four_sides_or_a_word(tmp_path, padding, sides):
    p = one(tmp_path, f"padding: {padding}").problem
    assert (p.pad_top, p.pad_bottom, p.pad_left, p.pad_right) == sides


PAIRS = st.tuples(st.integers(1, 6), st.integers(1, 6))


# torch warns that it may copy the input to pad it unevenly, which is what we compare with.
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@given(PAIRS, st.tuples(st.integers(1, 3), st.integers(1, 3)), PAIRS)
@settings(deadline=None, max_examples=60)
def test_same_pads_as_torch_does(kernel, dilation, size):
    values = {"in_channels": 1, "out_channels": 1, "input_size": size, "kernel_size": kernel}
    values |= {"dilation": dilation, "padding": "same"}
    chosen = {
        name: Setting(Sizes(value) if isinstance(value, tuple) else value, Place(1))
        for name, value in values.items()
    }
    p = build_scenario(Candidate("a", chosen, Place(1)), "x").problem
    x = torch.arange(1.0, 1 + size[0] * size[1]).reshape(p.input_shape)
    w = torch.arange(1.0, 1 + kernel[0] * kernel[1]).reshape(p.weight_shape)
    padded = F.pad(x, (p.pad_left, p.pad_right, p.pad_top, p.pad_bottom))
    expected = F.conv2d(x.double(), w.double(), padding="same", dilation=dilation)
    assert torch.equal(F.conv2d(padded.double(), w.double(), dilation=dilation), expected)
    assert p.output_shape[2:] == size
