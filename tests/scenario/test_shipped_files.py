"""The files in scenarios/: what they promise, and that their schema is current."""

import csv
import json
import re
import shutil
import subprocess
import sys
import tracemalloc

import pytest
from writing import write

from suite.problem import Problem
from suite.scenario import file_head, find_file, load_file, load_files, shipped_files
from suite.scenario.fields import LAYER_FIELDS, TABLE_FIELDS
from suite.scenario.files import SHIPPED
from suite.scenario.schema import json_schema

FILES = shipped_files()


def scenarios(name):
    return load_file(find_file(name)).scenarios


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def path(request):
    return request.param


def test_all_of_them_load_together():
    assert {file.name for file in load_files(FILES)} == {
        "quick",
        "vgg19",
        "resnet50",
        "deepbench",
        "timm",
        "float16",
        "bfloat16",
        "kernel_size_sweep",
        "edge_shapes",
        "edge_shapes_1d",
        "edge_shapes_3d",
        "edge_shapes_transposed",
        "epilogues",
        "lessons",
        "ci",
        "tune",
        "resnet50_gpu",
        "fft_gpu",
        "speech",
        "sequence",
        "video",
        "segmentation",
        "diffusion",
        "values",
    }


def test_a_file_is_called_what_it_is_named(path):
    assert load_file(path).name == path.stem


def test_a_file_begins_with_the_schema_for_editors_and_says_what_it_shows(path):
    first, second, *_ = path.read_text(encoding="utf-8").splitlines()
    assert first == "# yaml-language-server: $schema=schema.json"
    assert second.startswith("# ")


def test_a_description_counts_the_scenarios(path):
    file = load_file(path)
    assert re.search(r"\d+", file.description).group() == str(len(file.scenarios))


def test_the_head_is_what_a_full_reading_gives(path):
    file = load_file(path)
    assert file_head(path) == (file.name, file.description)


def test_the_committed_schema_is_current():
    printed = subprocess.run(
        [sys.executable, "-m", "suite.scenario.schema"],
        cwd=SHIPPED.parent,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert (SHIPPED / "schema.json").read_text(encoding="utf-8") == printed, (
        "run: python -m suite.scenario.schema > scenarios/schema.json"
    )


def test_the_schema_knows_every_field_and_refuses_others():
    schema = json_schema()
    assert set(schema["definitions"]) >= {entry.name for entry in (*LAYER_FIELDS, *TABLE_FIELDS)}
    layer = schema["properties"]["layers"]["items"]
    assert list(layer["properties"]) == [entry.name for entry in LAYER_FIELDS]
    for part in (schema, layer, schema["properties"]["grid"], schema["properties"]["defaults"]):
        assert part["additionalProperties"] is False


def test_every_reference_in_the_schema_leads_somewhere():
    schema = json_schema()
    names = re.findall(r'"#/definitions/(\w+)"', json.dumps(schema))
    assert set(names) == set(schema["definitions"])


def test_quick_is_quick():
    flops = {scenario.id: scenario.problem.direct_flops for scenario in scenarios("quick")}
    textbook = flops.pop("quick/textbook")
    assert textbook < 1e6
    assert all(1e7 < count < 1.5e9 for count in flops.values())
    assert sum(flops.values()) < 4e9


def test_quick_has_a_problem_for_each_family():
    problems = [scenario.problem for scenario in scenarios("quick")]
    assert any(p.kernel == (3, 3) and p.stride == (1, 1) and p.groups == 1 for p in problems)
    assert any(p.kernel == (1, 1) for p in problems)
    assert any(p.is_depthwise for p in problems)
    assert any(p.stride == (2, 2) for p in problems)
    assert any(p.kernel_h >= 31 for p in problems)
    assert any(p.dilation != (1, 1) and p.groups > 1 for p in problems)


def test_ci_is_ten_to_fourteen_cheap_problems():
    problems = [scenario.problem for scenario in scenarios("ci")]
    assert 10 <= len(problems) <= 14
    assert all(p.direct_flops < 0.2e9 for p in problems)


EDGES = {
    "a batch of none": lambda p: p.batch_size == 0,
    "a batch of three": lambda p: p.batch_size == 3,
    "one input channel": lambda p: p.in_channels == 1,
    "one output channel": lambda p: p.out_channels == 1,
    "channel tails": lambda p: p.in_channels in {13, 31, 35},
    "1x1": lambda p: p.kernel == (1, 1),
    "1x9": lambda p: p.kernel == (1, 9),
    "9x1": lambda p: p.kernel == (9, 1),
    "an even kernel with uneven padding": lambda p: p.kernel == (4, 4) and p.pad_bottom == 2,
    "four different paddings": lambda p: (
        len({p.pad_top, p.pad_bottom, p.pad_left, p.pad_right}) == 4
    ),
    "a stride beyond the kernel": lambda p: p.stride_h > p.kernel_h,
    "padding beyond the kernel": lambda p: p.pad_top > p.kernel_h,
    "dilation with groups": lambda p: p.dilation_h > 1 and p.groups > 1,
    "a depthwise multiplier": lambda p: p.is_depthwise and p.out_channels > p.in_channels,
    "one pixel out": lambda p: p.output_shape[2:] == (1, 1) and p.height > 1,
    "one pixel in": lambda p: p.input_shape[2:] == (1, 1),
    "width 1 with wide padding": lambda p: p.width == 1 and p.height > 1 and p.pad_left >= 4,
    "tall": lambda p: p.height > 20 * p.width,
    "wide": lambda p: p.width > 20 * p.height,
    "a kernel as the input": lambda p: p.kernel == (p.height, p.width) and p.height > 1,
    "a kernel beyond the input": lambda p: p.kernel_h > p.height,
    "patches": lambda p: p.kernel == p.stride and p.kernel_h > 1,
    "far dilation": lambda p: p.dilation_h >= 10,
    **{
        f"{rows} rows out of a 3x3 kernel": lambda p, rows=rows: (
            p.kernel == (3, 3) and p.stride == (1, 1) and p.out_h == rows
        )
        for rows in range(1, 8)
    },
}


@pytest.mark.parametrize("edge", EDGES)
def test_edge_shapes_has(edge):
    assert any(EDGES[edge](scenario.problem) for scenario in scenarios("edge_shapes"))


def test_edge_shapes_are_many_and_tiny():
    edges = scenarios("edge_shapes")
    assert len(edges) >= 45
    assert all(scenario.problem.direct_flops < 1e6 for scenario in edges)
    assert {scenario.dtype for scenario in edges} == {"float32", "float64"}
    assert {scenario.memory_format for scenario in edges} == {"contiguous", "channels_last"}
    assert len({scenario.direction for scenario in edges}) == 3
    assert len({scenario.problem.bias for scenario in edges}) == 2


@pytest.mark.parametrize(("name", "layers"), [("vgg19", 16), ("resnet50", 53), ("deepbench", 94)])
def test_network_files_count_every_layer_of_the_network(name, layers):
    assert sum(scenario.occurrences for scenario in scenarios(name)) == layers


def test_timm_draws_rows_of_the_table():
    with (SHIPPED / "data" / "timm_layers.csv").open(encoding="utf-8", newline="") as file:
        rows = {row.pop("example"): row for row in csv.DictReader(file)}
    for scenario in scenarios("timm"):
        row = rows[scenario.id.removeprefix("timm/")]
        sizes = {key: value for key, value in row.items() if key not in {"occurrences", "models"}}
        sizes["bias"] = sizes["bias"] == "true"
        assert scenario.problem == Problem(
            batch_size=1, **{key: int(value) for key, value in sizes.items()}
        )


def test_thousands_of_scenarios_stay_small(tmp_path):
    fifty = list(range(8, 58))
    path = write(
        tmp_path,
        f"""
        defaults: {{input_size: 16, kernel_size: 3, padding: same}}
        grid: {{in_channels: {fifty}, out_channels: {fifty}}}
        """,
    )
    tracemalloc.start()
    file = load_file(path)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(file.scenarios) == 2_500
    assert peak_bytes < 10e6


def test_reading_scenarios_imports_nothing_heavy():
    code = (
        "import sys; from suite.scenario import load_files, shipped_files; "
        "load_files(shipped_files()); print(*sys.modules)"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=SHIPPED.parent, capture_output=True, text=True, check=True
    ).stdout.split()
    heavy = {"torch", "numpy", "pandas", "pydantic", "rich", "importlib.metadata"}
    assert not heavy & set(loaded)


def test_the_example_in_the_readme_loads(tmp_path):
    readme = (SHIPPED / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", readme, re.DOTALL)
    shutil.copytree(SHIPPED / "data", tmp_path / "data")
    file = load_file(write(tmp_path, example))
    ids = [scenario.id for scenario in file.scenarios]
    assert "example/in16-56x56-k3" in ids
    assert len(ids) == 2 * 2 * 3 - 2 + 2 + 5


def test_the_readme_names_every_file():
    readme = (SHIPPED / "README.md").read_text(encoding="utf-8")
    assert {path.name for path in FILES} == set(re.findall(r"`(\w+\.yaml)`", readme))
