"""Every way of using the command line wrongly: one message, the right exit code, no traceback."""

from __future__ import annotations

import gc
import json
import os
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from commands import COMMANDS
from tests.conftest import FAULTY, ROOT

LAYER = "{id: a, in_channels: 4, out_channels: 4, input_size: 8, kernel_size: 3}"


def expect_usage_error(said, *hints: str) -> None:
    assert said.code == 2
    assert "Traceback" not in said.out + said.err
    for hint in hints:
        assert hint in said.err


@pytest.mark.parametrize(
    ("words", "hints"),
    [
        (["run", "quik"], ['Did you mean "quick"?']),
        (["run", "no/such/file.yaml"], ["no such scenario file"]),
        (["run", "--impl", "unfld"], ['Did you mean "unfold"?', "--impl unfld"]),
        (["run", "--reference", "nothing"], ["--reference nothing"]),
        (["run", "--scenario", "3x3-mdi"], ["--scenario 3x3-mdi", 'Did you mean "3x3-mid"?']),
        (["run", "--device", "tpu"], ['"tpu" is unknown', "cpu, cuda"]),
        (["run", "--device", "cuda"], ["sees no CUDA GPU", "--device cpu"]),
        (["run", "--threads", "0"], ['"0" is not a whole number of 1 or more']),
        (["run", "--blocks", "many"], ['"many" is not a whole number']),
        (["run", "--shard", "4/3"], ["give I/N such as 1/3"]),
        (["run", "--resume"], ["no run of quick in results/"]),
        (["run", "--plugin", "absent.py"], ["absent.py: no such plug-in file"]),
        (["report", "nowhere"], ["nowhere: no such folder"]),
        (["report", "."], ["no manifest.json in it"]),
        (["demo", "absent.jpg"], ["absent.jpg: no such picture"]),
        (["frobnicate"], ["frobnicate"]),
        ([], ["COMMAND"]),
        (["validate"], ["FILE"]),
    ],
)
def test_wrong_words_get_one_helpful_message(command, words, hints):
    expect_usage_error(command(*words), *hints)


@pytest.mark.parametrize(
    ("text", "hints"),
    [
        ("layers: [{id: a, in_chanels: 4}]", ["in_chanels", 'in_channels"?']),
        (f"layers: [{LAYER}, {LAYER}]", ["a"]),
        (f"defaults: {{dtype: float31}}\nlayers: [{LAYER}]", ["float31", "float32"]),
        ("layers: []", ["s.yaml"]),
        ("grid: {in_channels: []}", ["in_channels"]),
        (LAYER.replace("kernel_size: 3", "kernel_size: 30"), ["s.yaml"]),
        (f"layers: [{LAYER.replace('kernel_size: 3', 'kernel_size: 30')}]", ["30", "8"]),
        (f"layers: [{LAYER.replace('in_channels: 4', 'in_channels: -4')}]", ["-4"]),
        (f"layers: [{LAYER.replace('id: a', 'groups: 3')}]", ["groups", "3"]),
        ("layers: [{id: a", ["s.yaml:"]),
        ("", ["s.yaml"]),
    ],
)
def test_wrong_scenario_files_are_told_with_their_place(command, tmp_path, text, hints):
    (tmp_path / "s.yaml").write_text(text)

    for name in ("validate", "run"):
        expect_usage_error(command(name, "s.yaml"), "s.yaml", *hints)
    assert not (tmp_path / "results").exists()


def test_a_grid_of_a_million_cells_is_refused_with_the_count(command, tmp_path):
    numbers = ", ".join(str(n) for n in range(1, 101))
    (tmp_path / "s.yaml").write_text(
        f"grid: {{in_channels: [{numbers}], out_channels: [{numbers}], input_size: [{numbers}],"
        " kernel_size: 1}\n"
    )

    said = command("validate", "s.yaml")

    expect_usage_error(said, "1,000,000", "--yes")


PLUGINS = {
    "syntax": ("def f(:\n", ["p.py:1", "does not parse"]),
    "taken": (
        "from suite import register\nimport torch.nn.functional as F\n"
        'register("torch", family="direct")(F.conv2d)\n',
        ['the name "torch" is taken', "vendor.py", "p.py"],
    ),
    "signature": (
        "from suite import register\n\n"
        '@register("mine", family="direct")\ndef mine(x):\n    return x\n',
        ['"mine" has the signature (x)', "(input, weight, bias=None"],
    ),
    "family": (
        'from suite import register\n@register("mine", family="winogard")\ndef mine(*a): ...\n',
        ['"winogard" is unknown', 'Did you mean "winograd"?'],
    ),
    "fails": ("x = 1\ny = x / 0\n", ["p.py:2", "ZeroDivisionError"]),
    "exits": ("import sys\nsys.exit(3)\n", ["SystemExit"]),
    "dies": (
        (FAULTY / "starts_nothing.py").read_text(encoding="utf-8"),
        ["does not import", "exit code 3"],
    ),
}


@pytest.mark.parametrize("name", PLUGINS)
def test_unusable_plugins_are_one_clear_message(command, tmp_path, name):
    text, hints = PLUGINS[name]
    (tmp_path / "p.py").write_text(text)

    expect_usage_error(command("run", "--plugin", "p.py"), *hints)
    assert not (tmp_path / "results").exists()


def test_a_folder_that_holds_a_run_is_not_overwritten(command, tiny, tmp_path):
    folder = tmp_path / "r"
    folder.mkdir()
    (folder / "manifest.json").write_text("{}")

    expect_usage_error(command("run", tiny, "--out", "r"), "holds a run already", "--resume")
    assert (folder / "manifest.json").read_text(encoding="utf-8") == "{}"


def test_an_unwritable_output_folder_is_named(command, tiny):
    expect_usage_error(command("run", tiny, "--out", "/proc/nothing"), "cannot be written")


def test_resuming_with_other_scenarios_is_refused(command, tiny, tmp_path):
    folder = tmp_path / "r"
    folder.mkdir()
    manifest = {"schema_version": 1, "scenarios": ["other/x"]}
    (folder / "manifest.json").write_text(json.dumps(manifest))

    said = command("run", tiny, "--out", "r", "--resume")

    expect_usage_error(said, "holds a run of other scenarios", "other/x")


def test_help_exists_for_every_command_and_documents_the_exit_codes(capsys):
    import run_bench

    for words in ([], *([name] for name in COMMANDS)):
        with pytest.raises(SystemExit) as stopped:
            run_bench.main([*words, "--help"])
        assert stopped.value.code == 0
    assert (
        "70 a defect"
        in subprocess.run(
            [sys.executable, ROOT / "run_bench.py", "--help"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )


HEAVY = {"torch", "pandas", "matplotlib", "scipy", "sympy", "numba", "plotly", "numpy", "rich"}


@pytest.mark.parametrize(
    "words",
    [["--help"], ["list", "--scenarios"], ["validate", "quick"], ["validate", "quick", "--expand"]],
)
def test_quick_commands_import_nothing_heavy(words):
    code = (
        "import sys, run_bench\n"
        f"try:\n    run_bench.main({words!r})\nexcept SystemExit:\n    pass\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(eval(done.stderr.splitlines()[-1]))
    assert not loaded & HEAVY
    assert done.stdout


@pytest.mark.parametrize("words", [["list", "--scenarios"], ["validate", "quick", "--expand"]])
def test_an_encoding_without_a_multiplication_sign_ends_no_command(words):
    done = subprocess.run(
        [sys.executable, ROOT / "run_bench.py", *words],
        env={**os.environ, "PYTHONIOENCODING": "ascii:strict"},
        capture_output=True,
        encoding="ascii",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "?" in done.stdout


def test_a_missing_package_is_named_with_how_to_get_it(tmp_path):
    (tmp_path / "rich").mkdir()
    (tmp_path / "rich" / "__init__.py").write_text(
        'raise ModuleNotFoundError("No module named \'rich\'", name="rich")\n'
    )
    done = subprocess.run(
        [sys.executable, ROOT / "run_bench.py", "doctor"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    from_elsewhere = f"pip install -e {ROOT} -c {ROOT / 'constraints.txt'}"
    assert f"rich is not installed; run: {from_elsewhere}" in done.stderr
    assert "Traceback" not in done.stderr


def test_list_shows_implementations_with_why_one_is_unavailable_and_scenarios(command):
    said = command("list", "--plugin", FAULTY / "wrong.py")

    assert said.code == 0
    for word in ("torch", "winograd_4x4", "wrong", "edge_shapes", "vgg19"):
        assert word in said.out
    assert "unavailable: needs an NVIDIA GPU" in said.out


def test_list_shows_a_numbered_series_that_runs_on_request_as_one_line(command):
    said = command("list", "--impls")

    assert "cudnn_plan_0 … 47" in said.out
    assert "cudnn_plan_7" not in said.out
    for tile in (4, 6, 8):
        assert f"winograd_tile{tile}" in said.out


def test_an_unknown_row_is_told_which_there_are_without_a_long_series(command, tiny):
    said = command("run", tiny, "--impl", "cudnn_plan_99")

    assert said.code == 2
    assert "cudnn_plan_0 … 47, cudnn_winograd" in said.err


def test_validate_expand_shows_every_scenario_and_about_how_long(command, tiny):
    said = command("validate", tiny, "--expand")

    assert said.code == 0
    assert "2 scenarios, all valid" in said.out
    assert "tiny/b" in said.out
    assert "for each implementation" in said.out


def test_doctor_grades_the_noise(command):
    said = command("doctor")

    assert said.code == 0
    for word in ("CPU", "torch", "noise", "grade", "governor", "flush-to-zero is off"):
        assert word in said.out
    assert re.search(r"denormals +a float32 product with one takes [\d.,]+×", said.out)


def test_demo_filters_the_sample_photograph(command, tmp_path):
    said = command("demo", "--out", "seen.png", "--impl", "torch", "--impl", "winograd_2x2")

    assert said.code == 0
    assert (tmp_path / "seen.png").read_bytes().startswith(b"\x89PNG")
    assert "600×512: made grey and shrunk to 128×109" in said.out
    assert "(1, 1, 128, 109) → (1, 2, 128, 109)" in said.out


@pytest.mark.slow
def test_check_passes_the_honest_and_tells_how_the_wrong_is_wrong(command):
    rows = ("--impl", "wrong", "--impl", "unfold")
    said = command("check", "-v", "--plugin", FAULTY / "wrong.py", *rows)

    assert said.code == 3
    assert "× wrong: incorrect" in said.out
    assert "× unfold: " not in said.out


def test_check_of_a_plugin_is_about_the_plugin_alone(command, tiny, tmp_path):
    (tmp_path / "mine.py").write_text(
        "import torch.nn.functional as F\nfrom suite import register\n"
        'register("mine", family="direct")(F.conv2d)\n'
    )

    said = command("check", tiny, "--plugin", "mine.py")

    assert said.code == 0
    assert "mine" in said.out
    assert "unfold" not in said.out


def readme_commands() -> list[str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = text.split("```")[1::2]
    lines = [line for block in blocks for line in block.splitlines()[1:]]
    return [line.strip() for line in lines if line.strip().startswith("python run_bench.py")]


@pytest.mark.parametrize("line", readme_commands())
def test_every_command_in_the_readme_is_understood(line):
    from commands.arguments import build_parser

    words = line.partition("#")[0].split()[2:]
    options = build_parser(words).parse_args(words)
    for name in getattr(options, "files", []):
        from suite.scenario import find_file

        assert Path(find_file(ROOT / name if "/" in name else name)).exists()


def test_a_command_leaves_the_garbage_collector_of_its_caller_as_it_was(command):
    usual = gc.get_threshold()

    command("validate", "quick")
    command("no such command")

    assert gc.get_threshold() == usual


def test_a_command_leaves_the_signal_handlers_of_its_caller_as_they_were(command):
    def own(_number, _frame):
        raise AssertionError("no signal was sent")

    before = [signal.signal(number, own) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        command("validate", "quick")
        command("no such command")

        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == [own] * 2
    finally:
        signal.signal(signal.SIGINT, before[0])
        signal.signal(signal.SIGTERM, before[1])


def test_a_command_can_be_called_in_a_thread(command):
    with ThreadPoolExecutor(1) as pool:
        said = pool.submit(command, "validate", "quick").result()

    assert said.code == 0
