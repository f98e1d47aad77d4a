"""capture: exactly the convolutions that a model executes, and a clear word where it runs none."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from suite.capture.child import keeping
from suite.conditions import Scenario
from suite.errors import UsageError
from suite.messages.capture import Executed
from suite.problem import Problem
from suite.scenario import load_file
from suite.scenario.writer import scenario_text
from suite.stored_values import read_arrays
from tests.conftest import ROOT
from tests.test_command_line import expect_usage_error

MODELS = Path(__file__).parents[1] / "models"
RESNET = {
    # id: (in, out, input, kernel, stride, padding, occurrences)
    "stem": (3, 8, 64, 7, 2, 3, 1),
    "layer1.0.conv1": (8, 8, 16, 3, 1, 1, 4),
    "layer2.0.conv1": (8, 16, 16, 3, 2, 1, 1),
    "layer2.0.conv2": (16, 16, 8, 3, 1, 1, 3),
    "layer2.0.shortcut.0": (8, 16, 16, 1, 2, 0, 1),
    "layer3.0.conv1": (16, 32, 8, 3, 2, 1, 1),
    "layer3.0.conv2": (32, 32, 4, 3, 1, 1, 3),
    "layer3.0.shortcut.0": (16, 32, 8, 1, 2, 0, 1),
}


@pytest.fixture
def models(tmp_path: Path) -> None:
    """The models beside the test, as a user has them: files, and a package."""
    shutil.copytree(MODELS, tmp_path / "models", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "models" / "__init__.py").touch()


def captured(path: Path) -> dict[str, Scenario]:
    file = load_file(path)
    return {s.id.removeprefix(f"{file.name}/"): s for s in file.scenarios}


def row(scenario: Scenario) -> tuple[int, ...]:
    p = scenario.problem
    assert (p.height, p.kernel_h, p.stride_h, p.pad_top) == (
        p.width,
        p.kernel_w,
        p.stride_w,
        p.pad_left,
    )
    sizes = (p.in_channels, p.out_channels, p.height, p.kernel_h, p.stride_h, p.pad_top)
    return (*sizes, scenario.occurrences)


@pytest.mark.parametrize(
    "model",
    [
        "models/resnet.py:build",
        "models.resnet:ResNet",
        "models.resnet:ready",
        "models/resnet.py:compiled",
        "models/resnet.py:traced",
    ],
)
def test_a_resnets_convolutions_and_counts_are_found_exactly(command, models, tmp_path, model):
    said = command("capture", model, "--input", "1x3x64x64", "--out", "net.yaml")

    assert said.code == 0, said.err
    scenarios = captured(tmp_path / "net.yaml")
    assert {name: row(scenario) for name, scenario in scenarios.items()} == RESNET
    assert "8 different convolutions, executed 15 times a pass" in said.out
    assert all(s.dtype == "float32" and not s.problem.bias for s in scenarios.values())


def test_layers_own_values_are_kept_beside_the_file_and_named_by_it(command, models, tmp_path):
    words = ("capture", "models/resnet.py:build", "--input", "2x3x16x16", "--out", "net.yaml")
    said = command(*words, "--with-values")

    assert said.code == 0, said.err
    assert "the values of 8 of them" in said.out
    for scenario in captured(tmp_path / "net.yaml").values():
        assert scenario.values == scenario.weight_values == "trained"
        file = Path(scenario.stored_values)
        assert file.parent == tmp_path / "net.values"
        arrays = read_arrays(file)
        assert arrays["weight"].shape == scenario.problem.weight_shape
        assert arrays["input"].shape == (scenario.problem.input_elements,)
    expect_usage_error(command(*words, "--with-values"), "exists already", "--force")
    (tmp_path / "net.yaml").unlink()
    expect_usage_error(command(*words, "--with-values"), "net.values: exists already", "--force")
    assert command(*words, "--with-values", "--force").code == 0
    assert command("check", "net.yaml", "--impl", "torch", "--scenario", "*/stem").code == 0


def executed() -> tuple[Executed, list[torch.Tensor]]:
    x = torch.arange(2 * 3 * 4 * 5.0).view(2, 3, 4, 5)
    weight, bias = torch.randn(6, 3, 3, 3), torch.randn(6)
    problem = Problem.of_call(tuple(x.shape), tuple(weight.shape), bias=True)
    call = Executed(module="", problem=problem, dtype="float32", memory_format="channels_last")
    return call, [x.contiguous(memory_format=torch.channels_last), weight, bias]


def test_inputs_are_kept_in_the_order_of_memory_and_no_more_than_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(keeping, "MOST_INPUT_ELEMENTS", 7)
    call, (x, weight, bias) = executed()

    file = keeping.Keeper(tmp_path).kept(call, x, weight, bias)

    kept = np.load(tmp_path / file, allow_pickle=False)
    assert kept["input"].tolist() == x.movedim(1, -1).flatten()[:7].tolist()
    assert np.array_equal(kept["weight"], weight.numpy())


def test_values_that_are_too_many_or_no_numbers_are_not_kept(tmp_path, monkeypatch):
    call, (x, weight, bias) = executed()
    weight[0, 0, 0, 0] = float("nan")
    assert keeping.Keeper(tmp_path).kept(call, x, weight, bias) is None

    monkeypatch.setattr(keeping, "MOST_BYTES_IN_ALL", 1000)
    call, tensors = executed()
    assert keeping.Keeper(tmp_path).kept(call, *tensors) is None
    assert not list(tmp_path.iterdir())


def test_equal_convolutions_are_kept_once_and_bfloat16_as_float32(tmp_path):
    call, tensors = executed()
    keeper = keeping.Keeper(tmp_path)
    first = keeper.kept(call, *(tensor.bfloat16() for tensor in tensors))

    assert keeper.kept(call, *tensors) == first
    assert read_arrays(tmp_path / first)["weight"].dtype == "float32"


def test_what_was_captured_passes_validate_and_run(command, models, tmp_path):
    assert command("capture", "models/resnet.py:build", "--input", "2x3x16x16").code == 0
    assert command("validate", "resnet-build.yaml").code == 0
    said = command(
        "run",
        "resnet-build.yaml",
        "--impl",
        "torch",
        "--scenario",
        "*/layer1*",
        "--blocks",
        "1",
        "--threads",
        "1",
        "--out",
        "r",
    )
    assert said.code == 0, said.err
    assert "resnet-build/layer1.0.conv1 × torch: passed" in said.out
    assert load_file(tmp_path / "resnet-build.yaml").scenarios[0].problem.batch_size == 2


def test_every_way_to_pad_and_call_and_every_kind_is_recorded_and_the_rest_counted(
    command, models, tmp_path
):
    said = command("capture", "models/odd.py:Unusual", "--input", "2x4x9x10")

    assert said.code == 0, said.err
    scenarios = captured(tmp_path / "odd-Unusual.yaml")
    sides = {
        name: (p.pad_top, p.pad_bottom, p.pad_left, p.pad_right)
        for name, s in scenarios.items()
        if (p := s.problem)
    }
    assert sides["same"] == (1, 2, 1, 2)
    assert sides["dilated"] == (1, 1, 1, 2)
    assert sides["valid"] == (0, 0, 0, 0)
    assert sides["circular"] == (0, 0, 0, 0)
    assert (scenarios["circular"].problem.height, scenarios["circular"].problem.width) == (11, 12)
    assert scenarios["dilated"].problem.dilation == (1, 3)
    assert scenarios["dilated"].problem.groups == 2
    assert (scenarios["shared:2"].problem.height, scenarios["shared:2"].problem.width) == (6, 5)
    assert scenarios["normed"].problem.stride == (2, 2)
    assert scenarios["normed"].problem.bias
    kernel = scenarios["in4-out2-9x10-k5x1"]
    assert (kernel.problem.kernel, sides["in4-out2-9x10-k5x1"]) == ((5, 1), (2, 2, 0, 0))
    assert scenarios["in4-out4-9x10-k3x3"].problem.batch_size == 1
    assert scenarios["in4-out1-9x10-k2x2"].memory_format == "channels_last"
    assert len(scenarios) == 13
    kinds = {name: scenarios[name].problem.kind for name in ("up", "line", "cube")}
    assert kinds == {"up": "conv_transpose2d", "line": "conv1d", "cube": "conv3d"}
    assert scenarios["up"].occurrences == 2
    assert scenarios["cube"].problem.input_size == (3, 9, 10)
    assert "1 × conv2d in complex64" in said.out


def test_the_sizes_recorded_are_those_that_torch_computes(command, models, tmp_path):
    import torch
    from torch import nn

    command("capture", "models/odd.py:Unusual", "--input", "2x4x9x10")
    scenarios = captured(tmp_path / "odd-Unusual.yaml")
    same = nn.Conv2d(4, 4, 4, padding=0)
    x = torch.nn.functional.pad(torch.zeros(2, 4, 9, 10), (1, 2, 1, 2))
    assert scenarios["same"].problem.output_shape == tuple(same(x).shape) == (2, 4, 9, 10)


def test_several_inputs_have_their_own_dtypes(command, models, tmp_path):
    said = command(
        "capture",
        "models.odd:Words",
        "--input",
        "1x5:int64",
        "--input",
        "1x4x6x6",
        "--dtype",
        "bfloat16",
        "--out",
        "words.yaml",
    )

    assert said.code == 0, said.err
    scenarios = captured(tmp_path / "words.yaml")
    assert [s.problem.height for s in scenarios.values()] == [1, 6]
    assert {s.dtype for s in scenarios.values()} == {"bfloat16"}


@pytest.mark.parametrize("model", ["exported", "program"])
def test_an_exported_model_is_captured_under_its_modules_names(command, models, tmp_path, model):
    said = command("capture", f"models/odd.py:{model}", "--input", "2x4x9x9", "--out", "net.yaml")
    assert said.code == 0, said.err
    (scenario,) = captured(tmp_path / "net.yaml").items()
    assert scenario[0] == "0"
    assert scenario[1].problem.out_channels == 6


@pytest.mark.parametrize(
    ("model", "inputs"),
    [
        ("Fields", ["[image]=1x4x9x9", "mask=1x1x7x7"]),
        ("Named", ["batch[image]=1x4x9x9", "batch[bias]=4x7x7:float32"]),
    ],
)
def test_dicts_and_keyword_arguments_are_given_by_name(command, models, tmp_path, model, inputs):
    words = [word for text in inputs for word in ("--input", text)]
    said = command("capture", f"models/odd.py:{model}", *words, "--out", "net.yaml")
    assert said.code == 0, said.err
    assert captured(tmp_path / "net.yaml").keys() == {"conv"}


def test_inputs_have_the_models_own_type(command, models, tmp_path):
    said = command("capture", "models/odd.py:half", "--input", "1x4x9x9", "--out", "net.yaml")
    assert said.code == 0, said.err
    assert {s.dtype for s in captured(tmp_path / "net.yaml").values()} == {"bfloat16"}


def test_two_files_of_one_model_can_be_run_together(command, models, tmp_path):
    for size in (8, 9):
        words = ("--input", f"1x3x{size}x{size}", "--out", f"net {size}.yaml")
        assert command("capture", "models/odd.py:plain", *words).code == 0
    said = command("validate", "net 8.yaml", "net 9.yaml", "--expand")
    assert said.code == 0, said.err
    assert "net_8/" in said.out


def test_a_function_that_takes_the_inputs_is_the_model(command, models, tmp_path):
    said = command("capture", "models/odd.py:plain", "--input", "1x3x8x8", "--dtype", "float64")

    assert said.code == 0, said.err
    (scenario,) = captured(tmp_path / "odd-plain.yaml").values()
    assert (scenario.problem.in_channels, scenario.dtype) == (3, "float64")


@pytest.mark.parametrize(
    ("words", "hints"),
    [
        (["models/resnet.py:buidl"], ['no "buidl"', 'Did you mean "build"?']),
        (["models/resnt.py:build"], ["no such file", 'Did you mean "models/resnet.py"?']),
        (["modells.resnet:build"], ["No module named 'modells'", "folder that holds it"]),
        (["resnet.build"], ["names no model", "FILE.py:CALLABLE"]),
        (["models/odd.py:SETTINGS"], ["SETTINGS: is a dict"]),
        (["models/odd.py:number"], ["number(): returned an int"]),
        (["models/odd.py:needs"], ["needs(width", "without arguments that builds it"]),
        (["models/odd.py:fails"], ["odd.py:", "fails raised: RuntimeError: no such checkpoint"]),
        (["models/odd.py:leaves"], ["leaves raised: SystemExit"]),
        (["models/odd.py:crashes"], ["died of SIG", "crashes"]),
        (["models/odd.py:hangs", "--timeout", "1"], ["no answer within 1 s", "--timeout"]),
        (["models/odd.py:downloads"], ["gets no network", "without pretrained"]),
        (["models/resnet.py:build", "--input", "1x3x9x9:float31"], ['"float31" is unknown']),
        (["models/resnet.py:build", "--input", "3,224,224"], ["is no shape", "1x3x224x224"]),
        (["models/resnet.py:build", "--input", "1x1x9x9"], ["forward() takes", "--input"]),
        (["models/odd.py:Fields"], ["it takes (batch", "--input mask=1x77", "wrap it"]),
        (["models/odd.py:complex_numbers"], ["only 1 × conv2d in complex64", "float32"]),
        (["net.pt2"], ["a saved model is loaded by such a function"]),
    ],
)
def test_what_cannot_be_captured_is_one_clear_message(command, models, tmp_path, words, hints):
    expect_usage_error(command("capture", *words, "--input", "1x4x9x9"), *hints)
    assert not list(tmp_path.glob("*.yaml"))


@pytest.mark.parametrize(
    ("name", "layers"),
    [("wrapped", ["0", "2"]), ("wrapped_twice", ["first", "second.0"])],
)
def test_layers_keep_their_names_in_a_function_around_their_module(
    command, models, tmp_path, name, layers
):
    assert command("capture", f"models/odd.py:{name}", "--input", "1x3x9x9").code == 0

    (file,) = tmp_path.glob("*.yaml")
    assert list(captured(file)) == layers


def test_a_model_without_convolution_is_told_so(command, models):
    said = command("capture", "models/odd.py:linear", "--input", "2x4")
    expect_usage_error(said, "executed no convolution")


def test_an_input_of_another_type_than_the_models_is_told_what_the_model_is(command, models):
    said = command("capture", "models/odd.py:half", "--input", "1x4x9x9:float32")
    expect_usage_error(said, "the model is bfloat16", "leave the inputs' types out")


def test_what_is_left_out_is_told_in_words():
    from suite.capture.child.recorder import _in_words

    assert _in_words("quantized", "conv2d_relu") == "quantised (quantized::conv2d_relu)"
    assert _in_words("onednn", "qconv2d_pointwise") == "quantised (onednn::qconv2d_pointwise)"
    assert _in_words("torchvision", "deform_conv2d") == "deformable (torchvision::deform_conv2d)"
    words = "gradients of convolutions (convolution_backward)"
    assert _in_words("aten", "convolution_backward") == words
    assert _in_words("aten", "conv_tbc") == "conv_tbc"


def test_operators_that_only_sound_like_convolutions_are_not_counted():
    from suite.capture.child.recorder import _CONVOLVES

    convolve = ["conv2d", "_convolution", "slow_conv_dilated2d", "qconv2d_pointwise", "conv_tbc"]
    others = ["convert_element_type", "_reorder_convolution_weight", "_convert_weight_to_int4pack"]
    assert [name for name in (*convolve, *others) if _CONVOLVES.search(name)] == convolve


def test_a_file_with_a_mistake_is_named_with_its_line(command, tmp_path):
    (tmp_path / "m.py").write_text("import torch\ndef build(:\n")
    said = command("capture", "m.py:build", "--input", "1x3x8x8")
    expect_usage_error(said, "m.py:2", "SyntaxError")


def test_a_file_inside_a_package_is_told_how_to_be_named(command, models, tmp_path):
    (tmp_path / "models" / "inner.py").write_text("from .resnet import build\n")
    said = command("capture", "models/inner.py:build", "--input", "1x3x8x8")
    expect_usage_error(said, "inner.py:1", "package.module:Callable")
    assert command("capture", "models.inner:build", "--input", "1x3x64x64").code == 0


def test_an_existing_file_is_replaced_only_by_force(command, models, tmp_path):
    words = ("capture", "models/odd.py:plain", "--input", "1x3x8x8", "--out", "net.yaml")
    (tmp_path / "net.yaml").write_text("mine\n")

    expect_usage_error(command(*words), "exists already", "--force")
    assert (tmp_path / "net.yaml").read_text(encoding="utf-8") == "mine\n"
    assert command(*words, "--force").code == 0
    assert (tmp_path / "net.yaml").read_text(encoding="utf-8") != "mine\n"


def test_a_folder_that_is_not_there_is_named(command, models):
    said = command("capture", "models/odd.py:plain", "--input", "1x3x8x8", "--out", "/proc/x.yaml")
    expect_usage_error(said, "/proc/x.yaml: cannot be written")


def test_names_of_modules_cannot_write_into_the_file(command, tmp_path):
    (tmp_path / "m.py").write_text(
        "from torch import nn\n"
        "def build():\n"
        "    model = nn.Sequential()\n"
        "    for name in ('a\\n  - {id: planted}', 'ü b'):\n"
        "        model.add_module(name, nn.Conv2d(3, 3, 3, padding=1))\n"
        "    return model\n"
    )
    assert command("capture", "m.py:build", "--input", "1x3x8x8").code == 0
    (scenario,) = captured(tmp_path / "m-build.yaml").values()
    assert scenario.occurrences == 2


@pytest.mark.parametrize("name", ["quick", "resnet50", "edge_shapes"])
def test_scenarios_written_are_read_back_as_they_were(tmp_path, name):
    file = load_file(ROOT / "scenarios" / f"{name}.yaml")
    path = tmp_path / "copy.yaml"
    path.write_text(scenario_text(name, 'A "copy": # 1', file.scenarios))

    copy = load_file(path)

    assert copy.scenarios == file.scenarios
    assert copy.description == 'A "copy": # 1'


@pytest.mark.parametrize("identity", ["no", "1e3", "0x1", "3", "true", "a:2", "1.5", "null"])
def test_an_id_that_reads_like_something_else_stays_a_name(tmp_path, identity):
    problem = Problem(
        batch_size=3, in_channels=1, height=4, width=5, out_channels=1, kernel_h=2, kernel_w=1
    )
    scenario = Scenario(id=f"net/{identity}", problem=problem, source="net")
    path = tmp_path / "net.yaml"
    path.write_text(scenario_text("net", "x", [scenario]))

    assert load_file(path).scenarios == (scenario,)


def test_a_target_is_refused_without_starting_a_process(monkeypatch):
    from suite.capture import Target

    with pytest.raises(UsageError, match="names no model"):
        Target.parse("net")


def test_to_record_a_model_imports_no_compiler():
    """Torch would import it, for two seconds, to keep it out of whoever watches its operators."""
    code = (
        "import sys, torch\n"
        "from suite.capture.child.recorder import Recorder\n"
        "model = torch.nn.Conv2d(1, 1, 3)\n"
        "with Recorder(model) as recorder, torch.inference_mode():\n"
        "    model(torch.ones(1, 1, 5, 5))\n"
        "assert len(recorder.convolutions) == 1\n"
        "assert 'torch._dynamo' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
