"""What the machine reaches at best, and how little may be spent on finding out."""

from __future__ import annotations

import pytest
import torch

from suite.judge import ceilings


@pytest.fixture
def sides(monkeypatch):
    """The sides of the products that were made, on a machine of a made-up rate."""
    made = []

    def at(rate: float) -> list[int]:
        def best_s(call, device, calls):
            side = call().shape[0]
            made.append(side)
            return 2 * side**3 / rate

        monkeypatch.setattr(ceilings, "_best_s", best_s)
        return made

    return at


@pytest.mark.parametrize(
    ("rate", "largest"),
    [
        pytest.param(200e9, 1536, id="a product of the usual size takes 36 ms"),
        pytest.param(10e9, 768, id="it would take 0.7 s"),
        pytest.param(2e9, 384, id="no instructions for 16-bit types"),
        pytest.param(0.01e9, 192, id="hardly any"),
    ],
)
def test_a_product_is_as_large_as_it_may_be_for_a_moment(sides, monkeypatch, rate, largest):
    made = sides(rate)

    assert ceilings._product_rate("cpu", "float32", ceilings._CPU) == pytest.approx(rate)

    assert max(made) == largest


def test_a_lower_precision_counts_where_it_is_faster(monkeypatch):
    rates = {"float32": 100.0, "bfloat16": 300.0, "float16": 1.0}
    monkeypatch.setattr(ceilings, "_product_rate", lambda device, dtype, sizes: rates[dtype])
    monkeypatch.setattr(ceilings, "_convolution_rate", lambda dtype: 10.0)
    monkeypatch.setattr(ceilings, "_copy_rate", lambda *_: 1.0)

    def peak(precision: str | None) -> float:
        return ceilings.measure("cpu", "float32", precision).peak_flops_per_s

    assert (peak(None), peak("bfloat16"), peak("float16")) == (100.0, 300.0, 100.0)


@pytest.mark.parametrize(
    ("own", "peak", "convolutions"),
    [(3.0, 100.0, ["float32"]), (300.0, 400.0, ["float32", "bfloat16"])],
    ids=["no instructions for it", "instructions for it"],
)
def test_a_16_bit_type_has_at_least_float32_s_ceiling(monkeypatch, own, peak, convolutions):
    rates = {"float32": 100.0, "bfloat16": own}
    convolved = []
    monkeypatch.setattr(ceilings, "_product_rate", lambda device, dtype, sizes: rates[dtype])
    monkeypatch.setattr(ceilings, "_copy_rate", lambda *_: 1.0)

    def convolution_rate(dtype: str) -> float:
        convolved.append(dtype)
        return 400.0 if dtype == "bfloat16" else 90.0

    monkeypatch.setattr(ceilings, "_convolution_rate", convolution_rate)

    assert ceilings.measure("cpu", "bfloat16").peak_flops_per_s == peak
    assert convolved == convolutions


def test_what_is_measured_is_what_torch_reaches():
    measured = ceilings.measure("cpu", "float32", "bfloat16")

    assert measured.peak_flops_per_s > 0
    assert measured.memory_bytes_per_s > 0
    assert measured.cache_bytes_per_s > 0
    assert torch.get_num_threads() >= 1
