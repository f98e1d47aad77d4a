"""Profiling: its own pass and processes, every part on its own, counts that hold, memory too."""

from __future__ import annotations

import csv
import ctypes
import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from suite.errors import Unsupported
from suite.problem import Problem, Scenario
from suite.profiling import callgrind, counters
from suite.profiling.child import live_bytes, operator_view, traffic
from suite.profiling.child.process import smallest_of
from suite.profiling.child.subject import Subject
from suite.profiling.child.thread_times import numbers
from suite.profiling.profiler import slug
from suite.registry import registering, sources
from suite.results.folder import PROFILES, read_profiles
from suite.results.profile import CellProfile
from tests.conftest import FAULTY, ROOT

SHORT = ("--threads", "2", "--timeout", "60")
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the account is Linux's")


def profiles(folder: Path) -> dict[str, CellProfile]:
    return {profile.key: profile for profile in read_profiles(folder)}


def rows(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "results.csv").open(newline="") as file:
        return {f"{row['scenario']} × {row['implementation']}": row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def profiled(tmp_path_factory):
    """One run of two cells a scenario, one of which dies while it is listened to."""
    import run_bench
    from tests.conftest import TINY

    folder = tmp_path_factory.mktemp("profiled")
    (folder / "tiny.yaml").write_text(TINY)
    words = ["profile", folder / "tiny.yaml", "--impl", "unfold", "--impl", "crashes_when_heard"]
    words += ["--plugin", FAULTY / "crashes_when_heard.py", "--out", folder / "r", *SHORT]
    assert run_bench.main([str(word) for word in words]) == 0
    return folder / "r"


def test_a_crash_while_profiled_costs_that_part_of_that_cell_alone(profiled):
    by_cell = profiles(profiled)

    assert len(by_cell) == 6
    dead = by_cell["tiny/a × crashes_when_heard"]
    assert dead.phases is None
    assert dead.operators is None
    assert "SIGSEGV" in dead.missing["phases"]
    assert "SIGSEGV" in dead.missing["operators"]
    assert dead.memory is not None
    assert len(dead.threads) == 2
    for name in ("unfold", "torch"):
        complete = by_cell[f"tiny/b × {name}"]
        assert set(complete.missing) <= {"counters", "instructions"}
        assert complete.phases
        assert complete.operators


def test_what_has_no_marks_gets_the_operator_view(profiled):
    by_cell = profiles(profiled)

    torchs = by_cell["tiny/a × torch"]
    assert torchs.phases.phases_s == {}
    assert any("convolution" in row.name for row in torchs.operators.rows)
    marked = by_cell["tiny/a × unfold"]
    assert set(marked.phases.phases_s) == {"transform", "product", "unpack"}
    assert any(node.name == "phase: product" for node in marked.operators.stacks)
    assert any(node.name.startswith("unfold (im2col.py") for node in marked.operators.stacks)


def test_what_is_not_there_says_why(profiled):
    missing = profiles(profiled)["tiny/a × unfold"].missing
    assert "--instructions" in missing["instructions"]


def test_traces_tables_and_pages_lie_in_the_runs_folder(profiled):
    files = profiles(profiled)["tiny/a × unfold"].files

    trace = json.loads(gzip.decompress((profiled / files["trace.json.gz"]).read_bytes()))
    names = {event.get("name") for event in trace["traceEvents"]}
    assert {"aten::im2col", "phase: product"} <= names
    assert "aten::im2col" in (profiled / files["operators.txt"]).read_text(encoding="utf-8")
    assert "<html" in (profiled / files["python.html"]).read_text(encoding="utf-8")
    flame = (profiled / files["trace.json.gz"]).parent / "flame.svg"
    assert "phase: product" in flame.read_text(encoding="utf-8")


def test_the_csv_has_shares_of_phases_and_what_bounds_a_cell(profiled):
    row = rows(profiled)["tiny/a × unfold"]

    assert float(row["phase_product"]) > 0
    assert row["phase_inverse"] == ""
    assert row["bound_by"] in ("compute", "memory", "overhead")
    assert row["counted_flops"] == row["direct_flops"]
    assert "--instructions" in row["not_profiled"]
    assert rows(profiled)["tiny/a × crashes_when_heard"]["phase_product"] == ""


def test_report_rebuilds_the_section_without_torch(profiled, tmp_path):
    code = (
        "import sys, run_bench\n"
        f"assert run_bench.main(['report', {str(profiled)!r}, '--out', 'again']) == 0\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, check=True
    )
    page = (tmp_path / "again" / "report.html").read_text(encoding="utf-8")
    assert 'id="profile-cells"' in page
    assert rows(tmp_path / "again") == rows(profiled)
    assert (tmp_path / "again" / "plots" / "phases.png").exists()
    assert len(list((tmp_path / "again" / "profiles").glob("*/trace.json.gz"))) == 4


def test_a_torn_last_profile_is_left_out_and_another_version_is_refused(
    profiled, tmp_path, command
):
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("manifest.json", "results.jsonl", PROFILES):
        (copy / name).write_bytes((profiled / name).read_bytes())
    content = (copy / PROFILES).read_bytes()
    (copy / PROFILES).write_bytes(content[:-20])
    assert len(profiles(copy)) == 5

    record = json.loads(content.splitlines()[0])
    (copy / PROFILES).write_text(json.dumps({**record, "profile_version": 99}) + "\n")
    said = command("report", copy)
    assert said.code == 2
    assert "profile version 99" in said.err
    assert "profiles.jsonl:1" in said.err


@pytest.mark.slow
def test_run_profile_adds_what_a_resumed_run_lacks(command, tiny, tmp_path):
    words = ("run", tiny, "--scenario", "a", "--impl", "unfold", "--out", "r", *SHORT)
    assert command(*words).code == 0
    assert profiles(tmp_path / "r") == {}
    before = (tmp_path / "r" / "results.jsonl").read_bytes()

    said = command(*words, "--profile", "--resume")

    assert said.code == 0
    assert len(profiles(tmp_path / "r")) == 2
    assert (tmp_path / "r" / "results.jsonl").read_bytes() == before
    for word in ("tiny/a × unfold", "transform", "ound by", "parallel efficiency"):
        assert word in said.out


def test_a_cell_that_fails_its_gate_is_not_profiled_and_says_why(command, tiny, tmp_path):
    words = ("--plugin", FAULTY / "wrong.py", "--impl", "wrong", "--out", "r", *SHORT)
    said = command("profile", f"{tiny}/a", *words)

    assert said.code == 3
    assert "tiny/a × wrong: not profiled: incorrect" in said.out
    assert set(profiles(tmp_path / "r")) == {"tiny/a × torch"}
    assert set(rows(tmp_path / "r")) == {"tiny/a × torch", "tiny/a × wrong"}


@pytest.mark.parametrize(
    ("words", "hints"),
    [
        (["profile"], ["SCENARIO"]),
        (["profile", "tiny.yaml/c"], ["tiny.yaml", "no scenario of that name", "tiny/a"]),
        (["profile", "vgg19/conv9"], ["no scenario of that name", "vgg19/vgg_19:conv"]),
        (["profile", "vgg91/conv1_1"], ["vgg91", 'Did you mean "vgg19"?']),
        (["profile", "tiny.yaml/a", "--impl", "unfld"], ['Did you mean "unfold"?']),
        (["profile", "tiny.yaml/a", "--device", "cuda"], ["sees no CUDA GPU"]),
        (["run", "tiny.yaml", "--instructions"], ["add --profile"]),
    ],
)
def test_wrong_words_get_one_message_and_exit_code_2(command, tiny, tmp_path, words, hints):
    said = command(*words)

    assert said.code == 2
    assert "Traceback" not in said.out + said.err
    for hint in hints:
        assert hint in said.err
    assert not (tmp_path / "results").exists()


def test_scenarios_are_chosen_by_name_by_glob_and_by_file(tiny):
    from commands.profile import chosen

    assert chosen([f"{tiny}/b"]) == ([str(tiny)], ["tiny/b"])
    assert chosen([f"{tiny}/b", f"{tiny}/a"]) == ([str(tiny)], ["tiny/b", "tiny/a"])
    assert chosen([str(tiny)]) == chosen([f"{tiny}/*"]) == ([str(tiny)], ["tiny/a", "tiny/b"])
    vgg = chosen(["vgg19/*conv1_2"])
    assert vgg[1] == ["vgg19/vgg_19:conv1_2"]
    assert vgg == chosen(["vgg19/vgg_19:conv1_2"])


CELL = {
    "batch_size": 2,
    "in_channels": 8,
    "height": 14,
    "width": 13,
    "out_channels": 16,
    "kernel_h": 3,
    "kernel_w": 3,
    "pad_top": 1,
    "pad_bottom": 1,
    "pad_left": 1,
    "pad_right": 1,
}

# -- counts ----------------------------------------------------------------------------------


def bench_of(name: str, direction: str = "forward", **sizes: int) -> Subject:
    for source in sources.builtin_sources(ROOT):
        if source.location in ("impls.im2col", "impls.gemm", "impls.vendor", "impls.winograd"):
            sources.load(source)
    problem = Problem(**(CELL | sizes))
    scenario = Scenario(id="t/one", problem=problem, direction=direction)
    with torch.no_grad():
        return Subject(registering.get(name), scenario)


def counts_of(subject: Subject) -> traffic.Counts:
    with torch.no_grad():
        seen = operator_view.watch(subject, 2, shapes=True)
    declared = subject.implementation.executed_flops
    flops = float(declared(subject.scenario.problem)) if declared else None
    return traffic.counts(seen, subject.scenario, flops, None, 0.0)


@pytest.mark.parametrize(
    ("name", "direction", "sizes"),
    [
        ("unfold", "forward", {}),
        ("unfold", "forward", {"groups": 4}),
        ("im2row", "forward", {"stride_h": 2}),
        ("mec", "forward", {}),
        ("winograd_4x4", "forward", {}),
        ("torch", "forward", {"stride_w": 2, "dilation_h": 2}),
        ("torch", "forward", {"groups": 8}),
        ("torch", "backward_data", {}),
        ("torch", "backward_weight", {}),
        ("torch", "backward_data", {"groups": 8}),
    ],
)
def test_operations_are_those_of_torchs_own_counter(name, direction, sizes):
    subject = bench_of(name, direction, **sizes)
    with FlopCounterMode(display=False) as mode:
        subject.call()

    assert counts_of(subject).counted_flops == mode.get_total_flops() > 0


def test_products_in_place_count_which_torchs_counter_leaves_out():
    subject = bench_of("kn2row")
    with FlopCounterMode(display=False) as mode:
        subject.call()

    assert mode.get_total_flops() == 0
    problem = subject.scenario.problem
    assert counts_of(subject).counted_flops == subject.implementation.executed_flops(problem)


def test_the_weights_gradient_of_groups_is_counted_by_its_closed_form_where_torchs_is_wrong():
    subject = bench_of("torch", "backward_weight", groups=8)
    with FlopCounterMode(display=False) as mode:
        subject.call()
    counts = counts_of(subject)

    assert counts.counted_flops == subject.scenario.problem.direct_flops
    assert mode.get_total_flops() == 8 * counts.counted_flops
    assert "forgets groups" in counts.note
    assert f"{mode.get_total_flops():,}" in counts.note


def test_agreement_with_the_closed_form_is_told_and_so_is_a_wrong_formula():
    subject = bench_of("unfold")
    assert "agree" in counts_of(subject).note
    with torch.no_grad():
        seen = operator_view.watch(subject, 1, shapes=True)
    planted = traffic.counts(
        seen, subject.scenario, 2.0 * subject.scenario.problem.direct_flops, 0, 0
    )
    assert "50.0% of the closed form" in planted.note


def test_bytes_are_those_that_the_operators_read_and_write():
    subject = bench_of("torch", kernel_h=1, kernel_w=1, pad_top=0, pad_bottom=0, pad_left=0,
                     pad_right=0)  # fmt: skip
    counts = counts_of(subject)

    assert counts.bytes_source == "operators"
    least = subject.scenario.least_bytes
    assert least <= counts.moved_bytes <= 3 * least


def test_work_outside_torchs_operators_is_counted_by_the_formulas():
    def hidden(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
        return torch.from_numpy(input.numpy()[:, :1].repeat(3, axis=1))

    implementation = registering.Implementation(
        name="hidden", family="direct", function=hidden, source="here"
    )
    problem = Problem(
        batch_size=1, in_channels=3, height=8, width=8, out_channels=3, kernel_h=1, kernel_w=1
    )
    subject = Subject(implementation, Scenario(id="t/h", problem=problem))
    seen = operator_view.watch(subject, 1, shapes=True)

    counts = traffic.counts(seen, subject.scenario, 123.0, 1000, 1.0)

    assert counts.executed_flops == 123.0
    assert counts.counted_flops is None
    assert counts.bytes_source == "formula"
    assert counts.moved_bytes == subject.scenario.least_bytes + 2000


# -- memory ----------------------------------------------------------------------------------

MEMORY = """\
import json, sys
import numpy, torch, torch.nn.functional as F
from suite.phases import TRANSFORM
from suite.problem import Problem, Scenario
from suite.profiling.child import live_bytes
from suite.profiling.child.subject import Subject
from suite.registry import Implementation

def inside(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    work = torch.ones(80 * 2**18)
    work.add_(1)
    return F.conv2d(input, weight)

def outside(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    work = numpy.ones(80 * 2**18, dtype=numpy.float32)
    for _ in range(5):
        numpy.add(work, 1, out=work)
    return F.conv2d(input, weight)

live_bytes.keep_no_freed()
torch.set_grad_enabled(False)
function = {"inside": inside, "outside": outside}[sys.argv[1]]
made = Implementation(name="m", family="direct", function=function, source="here")
problem = Problem(batch_size=1, in_channels=1, height=64, width=64, out_channels=1,
                  kernel_h=1, kernel_w=1)
memory = live_bytes.measure(Subject(made, Scenario(id="t/m", problem=problem)))
print(json.dumps([memory.peak_bytes, memory.system_peak_bytes, memory.outside_bytes,
                  memory.timeline.output[-1], memory.timeline.workspace[-1]]))
"""


@linux
@pytest.mark.parametrize("where", ["inside", "outside"])
def test_the_memory_peak_is_the_operating_systems_wherever_it_was_taken(where):
    completed = subprocess.run(
        [sys.executable, "-c", MEMORY, where],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    line = next(line for line in completed.stdout.splitlines() if line.startswith("["))
    peak, system, outside, output_at_end, _ = json.loads(line)

    assert peak > 80 * 2**20
    assert 0.9 < peak / system < 1.1
    assert (outside > 70 * 2**20) is (where == "outside")
    assert output_at_end == 64 * 64 * 4


def test_the_timeline_keeps_its_highest_step_when_it_is_thinned():
    steps = 5000
    workspace = tuple(7 if step == 3333 else 1 for step in range(steps))
    live = live_bytes.LiveBytes(
        at_s=tuple(float(step) for step in range(steps)),
        input=(1,) * steps,
        weight=(1,) * steps,
        output=(0,) * steps,
        workspace=workspace,
    )
    thinned = live_bytes._thinned(live)

    assert len(thinned) <= live_bytes.MOST_STEPS + 2
    assert max(thinned.workspace) == 7
    assert thinned.at_s[-1] == steps - 1


# -- the rest --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("most", "counts"),
    [(1, [1]), (3, [1, 2, 3]), (8, [1, 2, 3, 4, 5, 6, 7, 8]), (24, [1, 2, 4, 8, 16, 24])],
)
def test_threads_are_tried_from_one_to_all(most, counts):
    assert numbers(most) == counts


def test_perfs_output_is_read_and_what_it_cannot_count_is_left_out():
    output = (
        "123456,,instructions:u,1000,100.00,,\n"
        "<not supported>,,cycles,0,100.00,,\n"
        "77,,cache-misses,1000,100.00,,\n"
    )
    assert counters.parse(output) == {"instructions": 123456.0, "cache-misses": 77.0}
    assert "no hardware counters" in counters.why_nothing("<not supported>,,cycles,0,100.00,,")
    assert "perf_event_paranoid" in counters.why_nothing("No permission to enable cycles event")


def test_without_the_tools_there_is_a_reason_and_how_to_get_them(monkeypatch, scenario, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unsupported, match="valgrind is not installed"):
        callgrind.count(sources.Source("impls.im2col", str(ROOT)), "unfold", scenario, tmp_path)
    with pytest.raises(Unsupported, match="perf is not installed"):
        counters.count(1, lambda: 1)


def test_without_pyinstrument_the_rest_is_there_and_the_reason_names_the_extra(
    monkeypatch, tmp_path
):
    from suite.profiling.child import python_stacks

    monkeypatch.setitem(sys.modules, "pyinstrument", None)
    with pytest.raises(Unsupported, match=r"\[profile\]"):
        python_stacks.sample(bench_of("unfold"), tmp_path / "page.html")


@pytest.mark.slow
@pytest.mark.timeout(600)
@linux
def test_instructions_repeat_and_grow_with_the_work(tmp_path):
    def instructions(height: int) -> float:
        problem = Problem(
            batch_size=1, in_channels=8, height=height, width=32, out_channels=8,
            kernel_h=3, kernel_w=3,
        )  # fmt: skip
        scenario = Scenario(id="t/c", problem=problem)
        source = sources.Source("impls.im2col", str(ROOT))
        return callgrind.count(source, "unfold", scenario, tmp_path)

    small, again, large = instructions(34), instructions(34), instructions(130)

    assert again == pytest.approx(small, rel=0.01)
    assert 3 < large / small < 5
    assert (tmp_path / "callgrind.out").exists()


def test_the_smallest_problem_of_a_kernel_has_one_output():
    problem = Problem(
        batch_size=4, in_channels=8, height=30, width=30, out_channels=16, kernel_h=5, kernel_w=3,
        pad_top=1, pad_left=1, pad_bottom=1, pad_right=1, groups=4,
    )  # fmt: skip
    smallest = smallest_of(Scenario(id="t/s", problem=problem)).problem
    assert smallest.output_shape == (1, 4, 1, 1)
    assert smallest.groups == 4


def test_cells_of_like_names_get_folders_of_their_own():
    assert slug("a/b × c") != slug("a-b × c")
    assert "/" not in slug("a/b × ../c")


def test_a_profile_is_read_back_as_it_was_written(profiled):
    for profile in read_profiles(profiled):
        assert CellProfile.from_dict(json.loads(json.dumps(profile.to_dict()))) == profile


@linux
@pytest.mark.parametrize("device", ["cuda:0", "cpu"])
def test_live_bytes_on_cuda_are_those_that_its_allocator_reports(device):
    """Reported by the function of torch that CUDA's allocator reports to, here without a card:
    one block inside an operator of its own, one outside of any, given back there."""
    library = ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / "libc10.so"))
    report = library._ZN3c1027reportMemoryUsageToProfilerEPvlmmNS_6DeviceE
    report.argtypes = [ctypes.c_void_p, ctypes.c_int64, *[ctypes.c_size_t] * 2, ctypes.c_uint16]
    kinds = {"cpu": 0, "cuda:0": 1}

    def call():
        report(0x7000, 4096, 4096, 8192, kinds[device])
        with torch.profiler.record_function("operator"):
            report(0x8000, 512, 4608, 8192, kinds[device])
        report(0x7000, -4096, 512, 8192, kinds[device])
        other = next(kind for name, kind in kinds.items() if name != device)
        report(0x9000, 2**20, 2**20, 2**20, other)
        return "output"

    reported = live_bytes.listen(call, device)

    assert reported.result == "output"
    allocations = [(a.address, a.size_bytes) for a in reported.allocations]
    assert allocations == [(0x7000, 4096), (0x8000, 512), (0x7000, -4096)]
