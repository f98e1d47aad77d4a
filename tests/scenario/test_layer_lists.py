"""Lists of layers as MIOpen and benchdnn write them."""

from __future__ import annotations

import pytest
from writing import load, problems_of

from suite.conditions import Scenario

SIZES = "-n 4 -c 3 -H 24 -W 22 -k 8 -y 7 -x 5 -p 3 -q 2 -u 2 -v 1 -l 1 -j 2 -m conv -g 1"
LOGGED = f"MIOpen(HIP): Command [LogCmdConvolution] ./bin/MIOpenDriver conv {SIZES} -F 1 -t 1"


def listed(folder, text, *, format="", name="list.txt"):
    (folder / name).write_text(text)
    asked = f", format: {format}" if format else ""
    return load(folder, f"layers_from: {{file: {name}{asked}}}")


def wrong(folder, text, *, format=""):
    (folder / "list.txt").write_text(text)
    asked = f", format: {format}" if format else ""
    return problems_of(folder, f"layers_from: {{file: list.txt{asked}}}")


def numbers(scenario: Scenario) -> tuple[object, ...]:
    p = scenario.problem
    return (p.kernel, p.stride, p.dilation, (p.pad_top, p.pad_bottom, p.pad_left, p.pad_right))


# -- MIOpenDriver ----------------------------------------------------------------------------------


def test_what_miopen_logs_is_read_and_what_it_repeats_is_counted(tmp_path):
    (scenario,) = listed(tmp_path, f"{LOGGED}\nother words of a log\n{LOGGED}\n").values()
    p = scenario.problem
    assert (p.batch_size, p.in_channels, p.height, p.width, p.out_channels) == (4, 3, 24, 22, 8)
    assert numbers(scenario) == ((7, 5), (2, 1), (1, 2), (3, 3, 2, 2))
    assert (scenario.direction, scenario.dtype, scenario.occurrences) == ("forward", "float32", 2)


def test_directions_types_layouts_and_bias_of_a_command(tmp_path):
    layouts = "--in_layout NHWC --fil_layout=NHWC --out_layout NHWC"
    scenarios = listed(tmp_path, f"convbfp16 {SIZES} -b 1 {layouts} -F 6\n").values()
    assert {s.direction for s in scenarios} == {"backward_data", "backward_weight"}
    assert {(s.dtype, s.memory_format, s.problem.bias) for s in scenarios} == {
        ("bfloat16", "channels_last", True)
    }
    assert len(listed(tmp_path, f"conv {SIZES} -F 0")) == 3


def test_commands_of_three_axes(tmp_path):
    more = "--spatial_dim 3 --in_d 5 --fil_d 1 --pad_d 0 --conv_stride_d 2 --in_layout NDHWC"
    (scenario,) = listed(tmp_path, f"MIOpenDriver convfp16 {SIZES} {more} -F 1\n").values()
    p = scenario.problem
    assert (p.kind, p.input_shape[2:]) == ("conv3d", (5, 24, 22))
    assert (p.kernel, p.stride, p.dilation) == ((1, 7, 5), (2, 2, 1), (1, 1, 2))
    assert scenario.memory_format == "channels_last"


def test_a_command_in_mode_trans_is_transposed(tmp_path):
    command = "conv -n 1 -c 8 -H 5 -W 6 -k 4 -y 3 -x 3 -p 1 -q 1 -u 2 -v 2 -Y 1 -m trans -g 2 -F 1"
    (scenario,) = listed(tmp_path, command).values()
    p = scenario.problem
    assert (p.kind, p.in_channels, p.out_channels, p.groups) == ("conv_transpose2d", 8, 4, 2)
    assert (p.output_padding, p.output_shape) == ((1, 0), (1, 4, 10, 11))
    assert numbers(scenario) == ((3, 3), (2, 2), (1, 1), (1, 1, 1, 1))
    volume = "-_ 3 -! 4 -@ 1 -# 2 -% 1"
    (scenario,) = listed(tmp_path, f"{command} {volume}").values()
    assert scenario.problem.kind == "conv_transpose3d"
    assert scenario.problem.output_shape[2:] == (8, 10, 11)


def test_what_a_command_leaves_out_is_as_miopen_has_it(tmp_path):
    (scenario,) = listed(tmp_path, "MIOpenDriver conv --batchsize 2 -c 4\n").values()
    p = scenario.problem
    assert (p.batch_size, p.in_channels, p.out_channels, p.height) == (2, 4, 32, 32)
    assert numbers(scenario) == ((3, 3), (1, 1), (1, 1), (0, 0, 0, 0))


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("-_ 4 -! 8", "spatial_dim 4: accepted: 2, 3"),
        ("-m deconv", "mode deconv: accepted: conv, trans"),
        ("-z same", "pad_mode same: write the zeros of each side as -p and -q instead"),
        ("-I NHWC -f NCHW", "layouts NCHW, NHWC: accepted: NCHW or NHWC or NCDHW or NDHWC"),
        ("--pad_hh 3", '"--pad_hh" is no option of MIOpenDriver conv. Did you mean "pad_h"?'),
        ("-F x", 'forw is "x"; accepted: a whole number'),
        ("-k many", 'out_channels is "many"; accepted: a whole number from 1'),
    ],
)
def test_a_command_that_cannot_be_measured_is_told_with_its_line(tmp_path, words, problem):
    (line,) = wrong(tmp_path, f"\n{LOGGED}\nMIOpenDriver conv {words}\n")
    assert line.startswith(f"list.txt:3: {problem}")
    (line,) = wrong(tmp_path, "MIOpenDriver convint8 -n 1\n")
    assert line == "list.txt:1: convint8: accepted: conv, convfp16, convbfp16"


# -- benchdnn --------------------------------------------------------------------------------------


def one(folder, problem):
    (scenario,) = listed(folder, problem + "\n").values()
    return scenario


def test_a_problem_of_benchdnn_is_read_and_its_dilation_counts_from_0(tmp_path):
    scenario = one(tmp_path, 'g2mb3ic4ih9iw8oc6oh4ow8kh3kw2sh2sw1ph1pw1dh1dw0_n"net:conv1*5"')
    p = scenario.problem
    assert scenario.id == "x/net:conv1"
    assert (p.batch_size, p.in_channels, p.out_channels, p.groups) == (3, 4, 6, 2)
    assert numbers(scenario) == ((3, 2), (2, 1), (2, 1), (1, 1, 1, 0))
    assert p.output_shape[2:] == (4, 8)
    assert (scenario.occurrences, p.bias) == (5, False)


@pytest.mark.parametrize(
    ("problem", "expected"),
    [
        ("ic3ih8oc4oh8kh3ph1", ((3, 3), (1, 1), (1, 1), (1, 1, 1, 1))),
        ("ic3ih224oc4oh112kh7sh2ph3", ((7, 7), (2, 2), (1, 1), (3, 3, 3, 3))),
        ("ic3ih8oc4kh3", ((3, 3), (1, 1), (1, 1), (0, 0, 0, 0))),
        ("ic3ih8oc4oh8kh3", ((3, 3), (1, 1), (1, 1), (1, 1, 1, 1))),
        ("ic3ih5oc4oh8kh3ph3", ((3, 3), (1, 1), (1, 1), (3, 2, 3, 2))),
        ("ic3ih8oc4oh7kh2ph0", ((2, 2), (1, 1), (1, 1), (0, 0, 0, 0))),
    ],
)
def test_what_a_problem_leaves_out_is_as_benchdnn_has_it(tmp_path, problem, expected):
    scenario = one(tmp_path, problem)
    assert numbers(scenario) == expected
    assert scenario.problem.batch_size == 2


def test_knobs_hold_for_what_follows_and_names_tell_what_they_ask_for(tmp_path):
    text = """\
# a comment
--dir=FWD_B --stag=axb
--attr-post-ops=, \\
                sum:0.5, \\
                relu
ic3ih8oc4kh3n"one"
--dir=BWD_D,BWD_WB
--dt=bf16:bf16:bf16
--mb=7
ic3ih8oc4kh3n"two"
--reset
./benchdnn --conv --mode=P --dt=f32 ic3ih8oc4kh3n"three"
"""
    found = listed(tmp_path, text)
    assert list(found) == ["one", "two-BWD_D", "two-BWD_WB", "three"]
    one, data, weight, three = found.values()
    assert (one.problem.bias, one.memory_format, one.dtype) == (True, "channels_last", "float32")
    assert (data.direction, data.problem.bias, data.dtype) == ("backward_data", False, "bfloat16")
    assert (weight.direction, weight.problem.bias) == ("backward_weight", True)
    assert (weight.problem.batch_size, three.problem.batch_size) == (7, 2)
    assert three.memory_format == "contiguous"


def test_problems_of_one_name_are_told_apart_and_repeated_ones_counted(tmp_path):
    found = listed(tmp_path, 'ic3ih8oc4kh3n"a"\nic3ih9oc4kh3n"a"\nic3ih8oc4kh3n"a"\n')
    assert {name: s.occurrences for name, s in found.items()} == {"a": 2, "a-2": 1}


@pytest.mark.parametrize(
    ("problem", "kind", "sizes", "kernel", "stride", "dilation"),
    [
        ("ic3iw8ow4oc4kw3sw2pw1dw0", "conv1d", (8,), (3,), (2,), (1,)),
        ("ic3id8oc4kd3pd1", "conv3d", (8, 8, 8), (3, 3, 3), (1, 1, 1), (1, 1, 1)),
        ("ic3id4ih8iw9oc4kd1kh2kw3dw1", "conv3d", (4, 8, 9), (1, 2, 3), (1, 1, 1), (1, 1, 2)),
    ],
)
def test_problems_of_one_and_three_axes(tmp_path, problem, kind, sizes, kernel, stride, dilation):
    p = one(tmp_path, problem).problem
    assert (p.kind, p.input_shape[2:]) == (kind, sizes)
    assert (p.kernel, p.stride, p.dilation) == (kernel, stride, dilation)


@pytest.mark.parametrize(
    ("problem", "kind", "pads", "output_pads", "outputs"),
    [
        ("ic3ih8oc4oh16kh3sh2ph1", "conv_transpose2d", (1, 1), (1, 1), (16, 16)),
        ("ic3ih8oc4oh16kh4sh2", "conv_transpose2d", (1, 1), (0, 0), (16, 16)),
        ("ic3ih8oc4kh3sh2", "conv_transpose2d", (0, 0), (0, 0), (17, 17)),
        ("ic3iw283oc4ow2264kw16sw8pw4", "conv_transpose1d", (4,), (0,), (2264,)),
        ("ic4id7oc4od14kd2sd2", "conv_transpose3d", (0, 0, 0), (0, 0, 0), (14, 14, 14)),
    ],
)
def test_problems_behind_deconv_are_transposed(tmp_path, problem, kind, pads, output_pads, outputs):
    (scenario,) = listed(tmp_path, f"--deconv --reset\n{problem}\n").values()
    p = scenario.problem
    assert (p.kind, p.padding, p.output_padding) == (kind, pads, output_pads)
    assert p.output_shape[2:] == outputs


def test_the_driver_holds_until_another_is_named(tmp_path):
    problem = "ic3ih8oc4kh3"
    found = listed(
        tmp_path, f"{problem}\nbenchdnn --deconv {problem}\n--reset {problem}\n--conv {problem}\n"
    )
    assert [(s.problem.kind, s.occurrences) for s in found.values()] == [
        ("conv2d", 2),
        ("conv_transpose2d", 2),
    ]


def test_problems_of_different_kinds_stand_in_one_list(tmp_path):
    found = listed(tmp_path, "ic3iw8oc4kw3\nic3ih8oc4kh3\nic3id8oc4kd3\n")
    assert [s.problem.kind for s in found.values()] == ["conv1d", "conv2d", "conv3d"]


def test_what_is_not_read_is_told_once_for_each_kind(tmp_path):
    knob = "--dt=u8:s8:f32\n"
    lines = wrong(tmp_path, f"ic3ih8oc4kh3\n{knob * 6}--batch=more\n--rnn\nx\n")
    assert lines[0].startswith("list.txt:2: --dt=u8:s8:f32: accepted: f32, f64, bf16, f16")
    assert lines[0].endswith("(lines 3, 4, 5 and 2 more likewise)")
    assert lines[1] == "list.txt:8: --batch=more names another file; give that one"
    assert lines[2] == "list.txt:9: --rnn: only --conv and --deconv are read"
    assert lines[3] == 'list.txt:10: "x" is no problem of benchdnn, as mb1ic64ih56oc64kh3ph1'


@pytest.mark.parametrize(
    ("problem", "reason"),
    [
        ("ic3ih8oc4oh3kh3ph1", "oh3 is smaller than what ih, kh, sh, ph make"),
        ("ic3ih8iw8oc4kh3", "kw missing"),
        ("--deconv ic3ih8oc4oh14kh3sh2ph1", "oh14 is 1 less than what ih, kh, sh, ph make"),
        ("ic3ih8oc4kh3sh0", "stride is [0, 0]"),
        ("ic3ih8oc4kh9", "the kernel covers 9"),
    ],
)
def test_a_problem_that_makes_no_convolution_is_told_with_its_line(tmp_path, problem, reason):
    lines = wrong(tmp_path, f"ic3ih8oc4kh3\n{problem}\n")
    assert all(line.startswith("list.txt:2: ") for line in lines)
    assert reason in lines[0]


# -- all of them -----------------------------------------------------------------------------------


def test_a_list_is_drawn_from_as_a_table_is(tmp_path):
    text = "".join(f'ic3ih{size}oc4kh3n"s{size}*{size}"\n' for size in range(3, 30))
    (tmp_path / "l").write_text(text)
    found = load(tmp_path, "layers_from: {file: l, sample: 5, weight: occurrences}")
    assert len(found) == 5
    assert {scenario.occurrences for scenario in found.values()} == {1}


def test_a_format_that_is_named_is_not_guessed(tmp_path):
    lines = wrong(tmp_path, LOGGED, format="csv")
    assert lines[0].startswith('list.txt:1: unknown column "MIOpen(HIP): Command')
    (line,) = wrong(tmp_path, "nothing\n", format="miopen")
    assert line == "list.txt:1: no layers in it as miopen has them"
