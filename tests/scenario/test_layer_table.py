"""Layers from CSV tables: columns, rows, weighted samples."""

import collections
from pathlib import Path

import pytest
from writing import load, problems_of

from suite.scenario.layer_table import LayerTable, draw
from suite.scenario.yamltree import Faults

HEADER = "name,in_channels,height,width,out_channels,kernel_h,kernel_w"
ROWS = ["a,3,8,9,4,3,1", "b,4,8,8,4,3,3", "c/1 x,5,8,8,4,1,1"]


def table(folder, *lines, name="t.csv"):
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_every_row_becomes_a_scenario(tmp_path):
    table(tmp_path, HEADER, *ROWS)
    scenarios = load(
        tmp_path, "defaults: {stride: 2, dtype: float64}\nlayers_from: {file: t.csv}\n"
    )
    assert list(scenarios) == ["a", "b", "c_1_x"]
    p = scenarios["a"].problem
    assert (p.in_channels, p.height, p.width, p.out_channels) == (3, 8, 9, 4)
    assert (p.kernel, p.stride) == ((3, 1), (2, 2))
    assert scenarios["a"].dtype == "float64"


def test_rows_say_all_that_layers_can_say(tmp_path):
    columns = "stride_h,stride_w,pad_top,pad_bottom,pad_left,pad_right,dilation_h,dilation_w"
    columns += ",groups,bias,occurrences,batch_size,direction,threads,models"
    row = "a,4,8,9,4,3,1,1,2,0,1,2,3,1,2,2,true,9,5,backward_data,,77"
    table(tmp_path, f"{HEADER},{columns}", row)
    scenario = load(tmp_path, "layers_from: {file: t.csv}")["a"]
    p = scenario.problem
    assert (p.stride, p.dilation, p.groups, p.bias, p.batch_size) == ((1, 2), (1, 2), 2, True, 5)
    assert (p.pad_top, p.pad_bottom, p.pad_left, p.pad_right) == (0, 1, 2, 3)
    assert (scenario.direction, scenario.occurrences) == ("backward_data", 9)
    assert scenario.threads is None


TORCH = "id{0}in_channels{0}out_channels{0}input_size{0}kernel_size{0}stride{0}padding{0}dilation"


@pytest.mark.parametrize("separator", [",", ";", "\t", ", ", " ; "])
def test_columns_may_be_named_as_torch_does(tmp_path, separator):
    rows = (
        ["a", "3", "4", "8x9", "3", "2x1", "1x0x1x2", "1"],
        ["b", "3", "4", "8", "3", "1", "same"],
    )
    table(
        tmp_path,
        TORCH.format(separator),
        separator.join(rows[0]),
        separator.join([*rows[1], "1"]),
    )
    scenarios = load(tmp_path, "layers_from: {file: t.csv}")
    a, b = scenarios["a"].problem, scenarios["b"].problem
    assert ((a.height, a.width), a.kernel, a.stride) == ((8, 9), (3, 3), (2, 1))
    assert (a.pad_top, a.pad_bottom, a.pad_left, a.pad_right) == (1, 0, 1, 2)
    assert (b.pad_top, b.pad_right) == (1, 1)


@pytest.mark.parametrize("cell", ['"(3, 1)"', '"[3,1]"', "3x1", '" 3 , 1 "'])
def test_a_pair_in_one_cell_is_read_however_it_is_written(tmp_path, cell):
    table(tmp_path, "in_channels, out_channels, input_size, kernel_size", f"3, 4, 8, {cell}")
    (scenario,) = load(tmp_path, "layers_from: {file: t.csv}").values()
    assert scenario.problem.kernel == (3, 1)


def test_rows_without_a_name_are_named_by_their_sizes(tmp_path):
    table(tmp_path, HEADER.removeprefix("name,"), "3,8,9,4,3,1")
    assert list(load(tmp_path, "layers_from: {file: t.csv}")) == ["in3-out4-8x9-k3x1"]


def test_a_table_stands_below_the_scenario_file(tmp_path):
    (tmp_path / "data").mkdir()
    table(tmp_path / "data", HEADER, *ROWS)
    assert len(load(tmp_path, "layers_from: {file: data/t.csv}")) == 3


@pytest.mark.parametrize("path", ["../t.csv", "data/../../t.csv", "/etc/t.csv"])
def test_a_table_outside_the_scenario_files_folder_is_refused(tmp_path, path):
    table(tmp_path, HEADER, *ROWS)
    folder = tmp_path / "inner"
    folder.mkdir()
    (problem,) = problems_of(folder, f"layers_from: {{file: {path}}}")
    assert problem == (
        f'x.yaml:1:21: file is "{path}"; accepted: a path relative to the scenario file, in its '
        "folder or below"
    )


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        ("{file: tt.csv}", 'x.yaml:1:21: tt.csv: no such file. Did you mean "t.csv"?'),
        ("{file: ''}", 'x.yaml:1:21: file is ""; accepted: the path of a file with layers.'),
        ("{file: t.csv, format: cvs}", 'x.yaml:1:36: format is "cvs"; accepted: csv, miopen, '
         'benchdnn. Did you mean "csv"?'),
        ("{sample: 2}", "x.yaml:1:14: layers_from: file missing; give the file to read"),
        ("{file: t.csv, sample: 0}", "x.yaml:1:36: sample is 0; accepted: a whole number from 1"),
        ("{file: t.csv, sample: 4}", "x.yaml:1:36: sample is 4, t.csv has 3 rows to draw from"),
        ("{file: t.csv, seed: 1}", "x.yaml:1:34: layers_from: seed does nothing without sample"),
        ("{file: t.csv, weight: height}", "x.yaml:1:36: layers_from: weight does nothing without"),
        ("{file: t.csv, sample: 1, weight: heigth}", 't.csv:1: no column "heigth" to weigh by. Did '
         'you mean "height"?'),
        ("{file: t.csv, sample: 1, weight: name}", 't.csv:2: name is "a"; accepted as a weight: a'),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_told_with_its_place(tmp_path, section, problem):
    table(tmp_path, HEADER, *ROWS)
    problems = problems_of(tmp_path, f"layers_from: {section}")
    assert any(line.startswith(problem) for line in problems)


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ([HEADER], "t.csv:1: no rows below the header"),
        ([], "t.csv:1: no rows below the header"),
        ([HEADER + ",strid_h", "a,3,8,9,4,3,1,1"], 't.csv:1: unknown column "strid_h" (did '
         'you mean "stride_h"?); accepted: id, name, example, kind, batch_size'),
        ([HEADER + ",strid_h,status", "a,3,8,9,4,3,1,1,2"], 't.csv:1: unknown columns "strid_h" '
         '(did you mean "stride_h"?), "status"; accepted: id, name'),
        ([HEADER + ",kernel_size", "a,3,8,9,4,3,1,1"], "t.csv:1: the columns kernel_size and "
         "kernel_h say the same; leave one out"),
        (["id,in_channels,out_channels,input_size,kernel_size", "a,3,4,8,(3, 3)"], "t.csv:2: 6 "
         'cells, the header has 5; quote what holds a comma, "[3, 3]", or write 3x3'),
        (["id,in_channels,out_channels,input_size,kernel_size", "a,3,4,8,3x"], 't.csv:2: '
         'kernel_size is "3x"; accepted: a whole number from 1'),
        ([HEADER + ",height", "a,3,8,9,4,3,1,1"], 't.csv:1: the column "height" stands twice'),
        ([HEADER + ",pad_top", "a,3,8,9,4,3,1,1"], "t.csv:1: the columns pad_top, pad_bottom, "
         "pad_left, pad_right belong together, only pad_top found"),
        ([HEADER, *ROWS, "d,4,8"], "t.csv:5: 3 cells, the header has 7"),
        ([HEADER, *ROWS, "d,4.5,8,8,4,1,1"], "t.csv:5: in_channels is 4.5; accepted: a whole"),
        ([HEADER, *ROWS, "", "d,4,8,8,4,9,1"], "t.csv:6: d: the kernel covers 9 along the height"),
        ([HEADER, *ROWS, "a,4,8,8,4,1,1"], 't.csv:5: the id "a" is taken by t.csv:2; give another'),
        (["name,height,width", "a,1,2"], "t.csv:2: a: in_channels and out_channels and kernel_size "
         "missing"),
        ([HEADER, 'a"b,"c'], "x.yaml:1:21: t.csv: cannot be read: unexpected end of data"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_table_is_told_with_its_line(tmp_path, lines, problem):
    table(tmp_path, *lines)
    problems = problems_of(tmp_path, "layers_from: {file: t.csv}")
    assert any(line.startswith(problem) for line in problems)


def test_a_table_of_too_many_rows_is_refused_unless_a_sample_is_drawn(tmp_path):
    table(tmp_path, HEADER, *(f"r{number},1,1,1,1,1,1" for number in range(30)))
    (problem,) = problems_of(tmp_path, "layers_from: {file: t.csv}", most=20)
    assert "30 scenarios, more than 20 at once" in problem
    assert len(load(tmp_path, "layers_from: {file: t.csv, sample: 20}", most=20)) == 20


def weighted(weights):
    rows = [[f"r{number}", str(weight)] for number, weight in enumerate(weights)]
    return LayerTable(
        Path("t.csv"), {"name": 0, "share": 1}, rows, range(2, len(rows) + 2), "share"
    )


def drawn(weights, sample, seed):
    faults = Faults(Path("x.yaml"))
    rows = draw(weighted(weights), sample, seed, faults)
    faults.raise_any()
    return rows


def test_a_seed_draws_the_same_rows_everywhere():
    # Written down from one machine: Python's generator promises the same numbers on all.
    assert drawn([1] * 100, 5, seed=0) == [35, 40, 52, 75, 97]
    assert drawn(range(1, 101), 5, seed=7) == [56, 70, 78, 82, 88]


def test_rows_are_drawn_without_replacement_in_the_tables_order():
    rows = drawn(range(1, 51), 20, seed=3)
    assert rows == sorted(set(rows))
    assert len(rows) == 20
    assert drawn([1] * 20, 20, seed=0) == list(range(20))


def test_rows_of_weight_zero_are_never_drawn():
    assert drawn([0, 1, 0, 1], 2, seed=0) == [1, 3]


def test_a_row_is_drawn_as_often_as_its_weight_says():
    draws = 4000
    counts = collections.Counter(drawn([1, 2, 3, 4], 1, seed)[0] for seed in range(draws))
    for row, weight in enumerate([1, 2, 3, 4]):
        expected = draws * weight / 10
        # Five standard deviations of a binomial count: a wrong draw is caught, chance is not.
        assert abs(counts[row] - expected) < 5 * (expected * (1 - weight / 10)) ** 0.5


def test_rows_drawn_by_occurrences_are_not_weighed_a_second_time(tmp_path):
    table(tmp_path, f"{HEADER},occurrences", "a,3,8,9,4,3,1,90", "b,4,8,8,4,3,3,10")
    plain = load(tmp_path, "layers_from: {file: t.csv, sample: 2}")
    by_weight = load(tmp_path, "layers_from: {file: t.csv, sample: 2, weight: occurrences}")
    assert [scenario.occurrences for scenario in plain.values()] == [90, 10]
    assert [scenario.occurrences for scenario in by_weight.values()] == [1, 1]
