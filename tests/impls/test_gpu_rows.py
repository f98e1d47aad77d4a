"""What a CPU can tell about rows for the GPU: their flags, their devices, their arithmetic."""

from __future__ import annotations

import ast
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from oracle import call, draw, exact, implementations
from test_every_implementation import SHAPES

from impls import cudnn, triton_igemm
from suite.conditions import Scenario
from suite.judge.gates import judge_output
from suite.judge.tolerance import Tolerance

ROOT = Path(__file__).resolve().parents[2]
ENTRIES = {entry.name: entry for entry in implementations()}
ON_CUDA = [entry for entry in ENTRIES.values() if "cuda" in entry.devices]
CUDNN = {
    "cudnn": (False, False, False),
    "cudnn_benchmark": (True, False, False),
    "cudnn_deterministic": (False, True, False),
    "cudnn_tf32": (False, False, True),
    "cudnn_tf32_benchmark": (True, False, True),
}


@pytest.fixture
def fake_cudnn(monkeypatch):
    """cuDNN's operator computed by conv2d; returns the (benchmark, deterministic, tf32) asked."""
    asked = []

    def convolve(x, weight, padding, stride, dilation, groups, *flags):
        asked.append(flags)
        return F.conv2d(x, weight, None, stride, padding, dilation, groups)

    monkeypatch.setattr(cudnn, "_by_cudnn", convolve)
    return asked


@pytest.mark.parametrize("name", CUDNN)
def test_each_row_asks_cudnn_for_its_own_flags_in_every_call(name, fake_cudnn):
    shape = SHAPES["3×3 dilation (1, 3), stride 2"]
    x, weight, bias = draw(shape, torch.float64)

    output = call(ENTRIES[name], shape, x, weight, bias)

    assert fake_cudnn == [CUDNN[name]]
    assert torch.allclose(output, exact(shape, x, weight, bias))


def test_the_operator_takes_its_arguments_in_the_order_that_the_rows_give_them():
    names = [a.name for a in torch.ops.aten.cudnn_convolution.default._schema.arguments]

    assert names == [
        "self",
        "weight",
        "padding",
        "stride",
        "dilation",
        "groups",
        "benchmark",
        "deterministic",
        "allow_tf32",
    ]


def test_their_gradients_are_right_and_the_flags_hold_backward_too(fake_cudnn, monkeypatch):
    seen = []
    backward = torch.ops.aten.convolution_backward

    def watched(*arguments, **named):
        seen.append(torch.backends.cudnn.deterministic)
        return backward(*arguments, **named)

    monkeypatch.setattr(cudnn, "_backward", watched)
    x = torch.randn(2, 4, 6, 6, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(6, 2, 3, 3, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(6, dtype=torch.float64, requires_grad=True)

    def convolve(*given):
        return cudnn.cudnn_deterministic(*given, stride=2, padding=1, groups=2)

    assert torch.autograd.gradcheck(convolve, (x, weight, bias))
    assert seen
    assert all(seen)
    assert not torch.backends.cudnn.deterministic


def test_the_row_without_cudnn_switches_it_off_for_its_own_call_only(monkeypatch):
    seen = []
    monkeypatch.setattr(cudnn.F, "conv2d", lambda *given: seen.append(torch.backends.cudnn.enabled))
    cudnn.native_cuda(torch.ones(1), torch.ones(1))

    assert seen == [False]
    assert torch.backends.cudnn.enabled


def test_rows_that_trade_precision_for_speed_declare_it():
    for name, flags in CUDNN.items():
        assert ENTRIES[name].precision == ("tf32" if flags[2] else None)
        assert set(ENTRIES[name].devices) == {"cuda"}


def imports_numba(path: Path) -> bool:
    names = {
        node.module or ""
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
    } | {
        alias.name
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    ours = [source_of(name) for name in names if name.startswith("impls._")]
    return "numba" in names or any(map(imports_numba, ours))


def source_of(module: str) -> Path:
    path = ROOT / module.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def test_rows_compiled_by_numba_are_for_the_cpu_and_plain_torch_is_for_both():
    for entry in ENTRIES.values():
        if entry.family in ("vendor", "engine") or entry.name == "triton_igemm":
            continue
        numba = imports_numba(Path(entry.source)) or entry.source.endswith("loops.py")
        if "cuda" in entry.devices:
            assert not numba or entry.source.endswith("loops.py"), entry.name
        else:
            assert numba, f"{entry.name} is plain torch, but declares {entry.devices}"


# The kernel's pointers; and a rank that depends on the weight's values, found while preparing.
READ_VALUES = ("triton_igemm", "separable")
OWN = [e for e in ON_CUDA if e.family not in ("vendor", "engine", "reference", "loops")]


@pytest.mark.parametrize(
    "entry", [e for e in OWN if e.name not in READ_VALUES], ids=lambda e: e.name
)
def test_own_families_keep_to_the_device_of_their_operands(entry):
    """On tensors without data, which no Numba function takes and torch refuses to mix."""
    from impls import winograd

    covered = [
        shape
        for shape in SHAPES.values()
        if shape.batch_size and not entry.why_unsupported(scenario(shape))
    ]
    assert covered
    winograd._matrices.cache_clear()
    try:
        for shape in covered:
            x = torch.empty(shape.input_shape, device="meta")
            weight = torch.empty(shape.weight_shape, device="meta")
            bias = torch.empty(shape.out_channels, device="meta")
            output = call(entry, shape, x, weight, bias)
            assert output.device.type == "meta"
            assert tuple(output.shape) == shape.output_shape
    finally:
        winograd._matrices.cache_clear()


def scenario(shape, dtype="float32", **conditions):
    return Scenario(id="t/s", problem=shape, dtype=dtype, **conditions)


SIXTEEN = [
    (entry, name, dtype)
    for entry in ENTRIES.values()
    for name in ("3×3 many channels", "7×7 stride 2", "1×1", "patches, kernel = stride")
    for dtype in ("float16", "bfloat16")
    if entry.name != "compile" and not entry.via_float32  # those: test_sixteen_bits.py
    if not entry.why_unsupported(scenario(SHAPES[name], dtype))
]


def judged(entry, shape, dtype, spoil=lambda output: output):
    """Hold one call in a 16-bit type through the gate on normal data."""
    x, weight, bias = draw(shape, getattr(torch, dtype))
    output = spoil(call(entry, shape, x, weight, bias))
    largest_bias = 0.0 if bias is None else float(bias.abs().max())
    limits = Tolerance(
        scenario(shape, dtype), entry.family, entry.error_factor, entry.precision, largest_bias
    )
    expected = exact(shape, x, weight, bias)
    size = exact(shape, x.abs(), weight.abs(), None if bias is None else bias.abs())
    return judge_output("normal", limits, output, expected, size)


@pytest.mark.parametrize(
    ("entry", "name", "dtype"), SIXTEEN, ids=[f"{e.name}, {n}, {d}" for e, n, d in SIXTEEN]
)
def test_sixteen_bit_rows_pass_the_gate_of_their_type(entry, name, dtype):
    found = judged(entry, SHAPES[name], dtype)

    assert found.fault is None


def test_sixteen_bits_are_offered_where_sums_are_kept_in_float32():
    names = {entry.name for entry, _, _ in SIXTEEN}

    assert {"torch", "torch_channels_last", "unfold", "im2row", "gemm_1x1"} <= names
    for name in CUDNN.keys() - {"cudnn_tf32", "cudnn_tf32_benchmark"}:
        assert {"float16", "bfloat16"} <= set(ENTRIES[name].dtypes)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_the_gate_of_a_sixteen_bit_type_catches_sums_kept_in_it(dtype):
    """Adding 333 products in the type itself, as a kernel without wide accumulators does."""
    shape = SHAPES["3×3 many channels"]
    x, weight, _ = draw(shape, getattr(torch, dtype))
    columns = F.unfold(x.float(), 3, padding=1).to(x.dtype)
    sums = torch.zeros(shape.out_channels, columns.shape[2], dtype=x.dtype)
    for taps, column in zip(weight.flatten(1).T, columns[0], strict=True):
        sums = sums + torch.outer(taps, column)

    found = judged(ENTRIES["torch"], shape, dtype, spoil=sums.view_as)

    assert found.fault is not None


INTERPRETED = """\
import json, sys
sys.path[:0] = [{root!r}, {here!r}]
import tests  # first: it lends the tree its plain names
import torch
torch.set_num_threads(1)
from impls.triton_igemm import CONFIGS, FLOAT32_CONFIGS, implicit_gemm
from oracle import call, draw, exact, implementations, worst_ratio
from test_every_implementation import SHAPES
from suite.problem import Problem
from suite import registry
entry = registry.get("triton_igemm")
found = {{}}
for name, shape in list(SHAPES.items())[::{step}]:
    data = draw(shape)
    found[name] = worst_ratio(entry, shape, call(entry, shape, *data), *data)
aligned = Problem.of_call((1, 128, 5, 6), (20, 128, 3, 3), padding=(1, 1), bias=True)
for config in (CONFIGS + FLOAT32_CONFIGS)[::{step}]:
    x, weight, bias = draw(aligned)
    packed = weight.permute(0, 2, 3, 1).contiguous()
    output = implicit_gemm(x, packed, bias, aligned, config)
    found[str(config)] = worst_ratio(entry, aligned, output, x, weight, bias)
for dtype in (torch.float16,):
    x, weight, bias = draw(aligned, dtype)
    output = call(entry, aligned, x, weight, bias)
    wanted = exact(aligned, x, weight, bias)
    assert output.dtype is dtype
    assert output.is_contiguous(memory_format=torch.channels_last)
    error = (output.double() - wanted).norm() / wanted.norm()
    found[str(dtype)] = float(error) / 1e-3
x, weight, bias = draw(aligned)
weight[3, 5, 1, 1] *= 1.01
output = call(entry, aligned, x, weight, bias)
found["a wrong tap"] = worst_ratio(entry, aligned, output, *draw(aligned))
print(json.dumps(found))
"""


@pytest.mark.parametrize(
    "step", [pytest.param(1, marks=pytest.mark.slow, id="all"), pytest.param(9, id="every ninth")]
)
def test_triton_s_implicit_gemm_is_right_in_the_interpreter(step):
    """For shapes of every kind and for every tile."""
    pytest.importorskip(
        "triton",
        "3.3",
        reason="the extra gpu brings Triton; before 3.3 its interpreter fails on NumPy 2.4",
    )
    code = INTERPRETED.format(root=str(ROOT), here=str(Path(__file__).parent), step=step)
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found.pop("a wrong tap") > 1
    tiles = triton_igemm.CONFIGS + triton_igemm.FLOAT32_CONFIGS
    assert len(found) == math.ceil(len(SHAPES) / step) + math.ceil(len(tiles) / step) + 1
    assert {name: ratio for name, ratio in found.items() if not ratio <= 1} == {}


def test_large_tiles_are_tried_on_large_layers_and_small_ones_on_small_layers():
    tiles = [config[:2] for config in triton_igemm.CONFIGS]

    def tried(pixels, channels):
        return [tiles[i] for i in triton_igemm.promising(tiles, pixels, channels, 1, 132)]

    assert tried(200_704, 256)[0] == (128, 256)
    assert (64, 64) not in tried(200_704, 256)
    assert tried(100, 64)[0] in ((64, 64), (128, 32))
    assert (128, 256) not in tried(100, 64)
    assert all(
        len(tried(*size)) <= triton_igemm.MOST_TRIED for size in [(10**6, 64), (10**5, 2048)]
    )
