"""Each check: one input accepted, one refused, with the exact place and words."""

import pytest
from writing import load, problems_of, write

from suite.epilogues import EPILOGUES
from suite.errors import UsageError
from suite.scenario import find_file, load_file, load_files
from suite.scenario.fields import FIELDS, LAYER_FIELDS
from suite.values import VALUES as VALUES_OF_TENSORS

LAYER = "id: a, in_channels: 4, out_channels: 6, input_size: 8, kernel_size: 3"
WHOLE = "a whole number from {} to 2147483647"
SIZES = WHOLE + ", [width], [height, width] or [depth, height, width]"

VALUES = [
    ("batch_size", "0", "-1", WHOLE.format(0)),
    ("batch_size", "2", "2.0", WHOLE.format(0)),
    ("in_channels", "1", '"4"', WHOLE.format(1)),
    ("out_channels", "1", "0", WHOLE.format(1)),
    ("out_channels", "2147483647", "2147483648", WHOLE.format(1)),
    ("kind", "conv2d", "conv4d", "conv1d, conv2d, conv3d, conv_transpose1d, conv_transpose2d, "),
    ("input_size", "[7, 9]", "[7, 0]", SIZES.format(1)),
    ("kernel_size", "[1, 3]", "[1, 3, 3, 3]", SIZES.format(1)),
    ("stride", "[2, 1]", "0", SIZES.format(1)),
    ("dilation", "2", "true", SIZES.format(1)),
    ("output_padding", "0", "-1", SIZES.format(0)),
    ("padding", "[0, 1, 2, 3]", "[1, 2, 3, 4, 5]", None),
    ("padding", "same", "-1", None),
    ("groups", "2", "two", WHOLE.format(1) + " or depthwise"),
    ("bias", "true", "yes", "true, false"),
    ("epilogue", "add_relu", "relu_add", ", ".join(EPILOGUES)),
    ("device", "cuda:1", "gpu", "cpu, cuda, cuda:0, cuda:1, ..."),
    ("dtype", "bfloat16", "[float32]", "float32, float64, float16, bfloat16"),
    ("memory_format", "channels_last", "nhwc", "contiguous, channels_last"),
    ("direction", "backward_data", "back", "forward, backward_data, backward_weight"),
    ("threads", "1", "0", WHOLE.format(1)),
    ("cache", "cold", "warm", "hot, cold"),
    ("values", "denormal", "denormals", ", ".join(VALUES_OF_TENSORS)),
    ("weight_values", "sparse90", "sparse", ", ".join(VALUES_OF_TENSORS)),
    ("occurrences", "3", "0", WHOLE.format(1)),
    ("id", "conv3_2", '"a/b"', "letters, digits and _ . : + -, at most 100, beginning with a "),
]


@pytest.mark.parametrize(("key", "good", "bad", "accepted"), VALUES)
def test_each_field_takes_a_good_value_and_refuses_a_bad_one(tmp_path, key, good, bad, accepted):
    other_settings = ", ".join(pair for pair in LAYER.split(", ") if not pair.startswith(f"{key}:"))
    assert load(tmp_path, f"layers:\n  - {{{other_settings}, {key}: {good}}}\n")
    line = f"  - {{{other_settings}, {key}: {bad}}}"
    (problem,) = problems_of(tmp_path, f"layers:\n{line}\n")
    column = line.index(f" {key}: {bad}") + len(f" {key}: ") + 1
    assert problem.startswith(f"x.yaml:2:{column}: {key} is {bad}".replace("two", '"two"')[:20])
    assert f"; accepted: {accepted or 'a whole number'}" in problem


def test_every_field_has_a_refused_value_above():
    with_files = {"stored_values"}  # tests/scenario/test_stored.py
    assert {key for key, *_ in VALUES} | with_files == {entry.name for entry in LAYER_FIELDS}
    assert all(entry.meaning for entry in FIELDS)


def test_all_problems_are_told_at_once_in_the_order_of_the_file(tmp_path):
    problems = problems_of(
        tmp_path,
        """
        name: a b
        colour: red
        defaults: {dtpye: float32, dtype: float23}
        grid:
          in_channels: [4, four]
          out_channels: []
          input_size: 8
          kernel_size: 9
        layers:
          - {id: a, in_channels: 5, out_channels: 4, input_size: 8, kernel_size: 3, groups: 2}
          - {id: a, in_channels: 4, out_channels: 4, input_size: 8, kernel_size: 3}
          - {id: b, in_channels: 4, out_channels: 4, input_size: 8, kernel_size: 3, id: c}
          - {id: d, in_channels: 4}
        exclude: {kernel_size: 3}
        """,
    )
    assert [problem.split(":")[1:3] for problem in problems] == [
        ["1", "7"],
        ["2", "1"],
        ["3", "12"],
        ["3", "35"],
        ["5", "20"],
        ["6", "17"],
        ["10", "85"],
        ["11", "5"],
        ["12", "77"],
        ["13", "5"],
        ["14", "10"],
    ]


def test_sizes_that_do_not_fit_are_told_once_the_values_are_right(tmp_path):
    problems = problems_of(
        tmp_path,
        """
        layers:
          - {id: a, in_channels: 5, out_channels: 4, input_size: 8, kernel_size: 3, groups: 2}
          - {id: b, in_channels: 4, out_channels: 4, input_size: 8, kernel_size: [3, 9]}
          - {id: b, in_channels: 4, out_channels: 4, input_size: 8, kernel_size: 3}
          - {id: c, in_channels: 4, kernel_size: 3}
          - {id: d, in_channels: 4, out_channels: 4, input_size: 8, kernel_size: 3,
             padding: same, stride: 2}
        """,
    )
    assert problems == [
        "x.yaml:2:85: a: groups 2 does not divide in_channels 5; choose groups that divide both "
        "channel counts",
        "x.yaml:3:74: b: the kernel covers 9 along the width, the padded input has only 8; use a "
        "larger input, more padding or a smaller kernel or dilation",
        'x.yaml:4:5: the id "b" is taken in line 3; give another',
        "x.yaml:5:5: c: out_channels and input_size missing; every scenario needs in_channels, "
        "out_channels, input_size, kernel_size",
        "x.yaml:7:15: d: padding same needs stride 1, found [2, 2]; give numbers instead",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("layers:\n  - {in_chanels: 3}", 'x.yaml:2:6: layers: unknown key "in_chanels". Did you '
         'mean "in_channels"? Accepted: id, kind, batch_size, in_channels'),
        ("grids: {a: 1}", 'x.yaml:1:1: the file: unknown key "grids". Did you mean "grid"?'),
        ("grid: {id: a}", 'x.yaml:1:8: grid: unknown key "id".'),
        ("grid: {occurrences: 2}", 'x.yaml:1:8: grid: unknown key "occurrences".'),
        ("defaults: {strides: 1}", 'x.yaml:1:12: defaults: unknown key "strides". Did you mean '
         '"stride"?'),
        ("layers_from: {fle: a.csv}", 'x.yaml:1:15: layers_from: unknown key "fle". Did you mean '
         '"file"?'),
        ("layers: [{dtype: flaot32}]", 'x.yaml:1:18: dtype is "flaot32"; accepted: float32, '
         'float64, float16, bfloat16. Did you mean "float32"?'),
        ("layers: [{padding: smae}]", 'x.yaml:1:20: padding is "smae"; accepted: a whole number '
         "from 0 to 2147483647, [height, width], [top, bottom, left, right] or as many for other "
         "axes or same, valid, causal. "
         'Did you mean "same"?'),
        ("- 1", "x.yaml:1:1: the file is [1]; accepted: the keys name, description"),
        ("just text", 'x.yaml:1:1: the file is "just text"; accepted: the keys name'),
        ("name: x", "x.yaml:1:1: nothing to run: give grid, layers or layers_from"),
        ("layers: {a: 1}", "x.yaml:1:9: layers is {a: 1}; accepted: a list with at least one"),
        ("layers: []", "x.yaml:1:9: layers is []; accepted: a list with at least one entry"),
        ("layers: [3]", "x.yaml:1:10: layers is 3; accepted: at least one key with its value"),
        ("grid: {}", "x.yaml:1:7: grid is {}; accepted: at least one key with its value"),
        ("grid:\n", "x.yaml:1:6: grid is empty; accepted: at least one key with its value"),
        ("grid: {in_channels: []}", "x.yaml:1:21: in_channels is an empty list; give at least"),
        ("grid: {stride: [1, [1, 1]]}", "x.yaml:1:20: stride has [1, 1] twice; take one out"),
        ("description: [a]\nlayers: [{id: a}]", "x.yaml:1:14: description is"),
        ("layers: [{id: a}]\nexclude: [{stride: 1}]", "x.yaml:2:10: exclude leaves values out of"),
    ],
)  # fmt: skip
def test_what_is_no_scenario_file_is_told_with_its_place(tmp_path, text, message):
    assert any(problem.startswith(message) for problem in problems_of(tmp_path, text))


def test_a_file_with_very_many_problems_shows_the_first_and_counts_the_rest(tmp_path):
    layer = LAYER.removeprefix("id: a, ")
    problems = problems_of(tmp_path, "layers:\n" + f"  - {{{layer}, stride: 0}}\n" * 100)
    assert len(problems) == 41
    assert problems[-1] == "x.yaml: and 60 more problems"


def test_a_grid_of_a_million_is_refused_before_it_is_expanded(tmp_path):
    hundred = list(range(1, 101))
    text = f"grid: {{in_channels: {hundred}, out_channels: {hundred}, input_size: {hundred}}}"
    (problem,) = problems_of(tmp_path, text, lifted_by="--yes")
    assert problem == (
        "x.yaml:1:7: 1,000,000 scenarios, more than 20,000 at once; take values out of the grid, "
        "or confirm with --yes"
    )


def test_the_limit_can_be_raised_and_lifted(tmp_path):
    text = f"""
        defaults: {{in_channels: 1, out_channels: 1, kernel_size: 1}}
        grid: {{input_size: {list(range(1, 12))}}}
        """
    assert "11 scenarios, more than 10 at once" in problems_of(tmp_path, text, most=10)[0]
    assert len(load(tmp_path, text, most=11)) == 11
    assert len(load(tmp_path, text, most=None)) == 11


@pytest.mark.parametrize(
    ("data", "message"),
    [(b"name: \xff", "not UTF-8 text: invalid start byte at byte 6"), (b"", "1:1: the file is em")],
)
def test_a_file_that_is_no_text_is_refused(tmp_path, data, message):
    path = tmp_path / "x.yaml"
    path.write_bytes(data)
    with pytest.raises(UsageError) as caught:
        load_file(path)
    assert message in str(caught.value)


def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_bytes(f"\ufefflayers:\r\n  - {{{LAYER}}}\r\n".encode())
    assert len(load_file(path).scenarios) == 1


def test_a_missing_file_names_the_nearest_one_beside_it(tmp_path):
    write(tmp_path, f"layers: [{{{LAYER}}}]", "mobile.yaml")
    with pytest.raises(UsageError) as caught:
        find_file(tmp_path / "moblie.yaml")
    assert f'{tmp_path}/moblie.yaml: no such scenario file. Did you mean "{tmp_path}/mob' in str(
        caught.value
    )
    assert "shipped name: bfloat16, ci, deepbench, diffusion, edge_shapes" in str(caught.value)


def test_a_missing_name_names_the_nearest_shipped_file():
    with pytest.raises(UsageError, match=r'quik: no such scenario file\. Did you mean "quick"'):
        find_file("quik")
    with pytest.raises(UsageError, match=r'Did you mean "(scenarios/quick\.yaml|quick)"'):
        find_file("scenarios/quik.yaml")


def test_a_folder_is_no_scenario_file(tmp_path):
    with pytest.raises(UsageError, match="is a folder; give a scenario file in it"):
        find_file(tmp_path)


def test_ids_are_unique_over_files_because_they_begin_with_the_files_name(tmp_path):
    a = write(tmp_path, f"layers: [{{{LAYER}}}]", "a.yaml")
    b = write(tmp_path, f"layers: [{{{LAYER}}}]", "b.yaml")
    files = load_files([a, b])
    assert [scenario.id for file in files for scenario in file.scenarios] == ["a/a", "b/a"]
    assert [scenario.source for file in files for scenario in file.scenarios] == ["a", "b"]


def test_two_files_of_one_name_are_refused_with_both_paths(tmp_path):
    a = write(tmp_path, f"layers: [{{{LAYER}}}]", "a.yaml")
    b = write(tmp_path, f"name: a\nlayers: [{{{LAYER}}}]", "b.yaml")
    for paths in ([a, b], [a, a]):
        with pytest.raises(UsageError) as caught:
            load_files(paths)
        assert f'{paths[1]}: the name "a" is taken by {a}' in str(caught.value)


def test_the_limit_holds_over_all_files(tmp_path):
    a = write(tmp_path, f"layers: [{{{LAYER}}}]", "a.yaml")
    b = write(tmp_path, f"layers: [{{{LAYER}}}]", "b.yaml")
    with pytest.raises(UsageError, match=r"a\.yaml, .*b\.yaml: 2 scenarios, more than 1 at once"):
        load_files([a, b], most=1)


OF_KIND = "in_channels: 4, out_channels: 4, input_size: 9, kernel_size: 3"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("output_padding: 1", "output_padding is [1, 1], and conv2d has none; did you mean "
         '"kind: conv_transpose2d"?'),
        ("stride: [1, 2, 3]", "stride is [1, 2, 3], and conv2d has 2 axes; accepted: one number or "
         '[height, width]. Did you mean "kind: conv3d"?'),
        ("kind: conv1d, dilation: [1, 2]", "dilation is [1, 2], and conv1d has 1 axis; accepted: "
         'one number or [width]. Did you mean "kind: conv2d"?'),
        ("kind: conv1d, padding: [1, 2, 3]", "padding is [1, 2, 3], and conv1d has 1 axis; "
         "accepted: one number or [width] or [left, right]."),
        ("kind: conv3d, padding: [1, 2]", "padding is [1, 2], and conv3d has 3 axes; accepted: one "
         "number or [depth, height, width] or [front, back, top, bottom, left, right]."),
        ("kind: conv_transpose2d, stride: 2, output_padding: 2", "output_padding is 2 along the "
         "height; it must be smaller than the stride 2 or the dilation 1"),
        ("kind: conv_transpose1d, padding: [0, 1]", "pad_left is 0 and pad_right 1; a transposed "
         "convolution takes one padding for both sides"),
        ("kind: conv_transpose1d, padding: 9", "padding takes all of the output along the width"),
        ("kind: conv_transpose2d, padding: same", "padding same is for conv1d, conv2d, conv3d, and "
         "kind is conv_transpose2d; give numbers instead"),
        ("padding: causal", "padding causal is for conv1d, and kind is conv2d; give numbers"),
        ("kind: conv1d, padding: causal, stride: 2", "padding causal needs stride 1, found [2]; "
         "give numbers instead"),
        ("kind: conv_2d", 'kind is "conv_2d"; accepted: conv1d, conv2d, conv3d, conv_transpose1d, '
         'conv_transpose2d, conv_transpose3d. Did you mean "conv2d"?'),
    ],
)  # fmt: skip
def test_what_belongs_to_another_kind_is_told_once_with_its_place(tmp_path, more, message):
    (problem,) = problems_of(tmp_path, f"layers:\n  - {{{OF_KIND}, {more}}}\n")
    assert problem.startswith("x.yaml:2:")
    assert message in problem


def test_a_row_of_a_table_leaves_cells_of_other_kinds_axes_empty(tmp_path):
    (tmp_path / "t.csv").write_text(
        "kind,in_channels,out_channels,depth,height,width,kernel_d,kernel_h,kernel_w,"
        "pad_left,pad_right\n"
        "conv1d,4,4,,,30,,,4,3,0\n"
        "conv3d,4,4,5,6,7,1,2,3,,\n"
    )
    one, three = load(tmp_path, "layers_from: {file: t.csv}").values()
    assert (one.problem.input_size, one.problem.pads) == ((30,), ((3, 0),))
    assert (three.problem.input_size, three.problem.kernel) == ((5, 6, 7), (1, 2, 3))
