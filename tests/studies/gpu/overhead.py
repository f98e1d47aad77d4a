"""How much longer a cell's timed span is than the kernels alone, on this machine's GPU.

    python -m tests.studies.gpu.overhead [--device cuda:1]

Kernels alone: two hundred calls between two events, the card kept waiting until they are enqueued,
over two hundred. The span: suite.worker.cuda_clock with hot caches, as a worker uses it.
Exit code 0 if the span is within 5 % for every call of at least 100 µs.
"""

from __future__ import annotations

import argparse
import statistics
import sys

import torch
import torch.nn.functional as F

from suite.worker import cuda_context
from suite.worker.cuda_clock import CudaTimer

CALLS = 200
ALLOWED = 0.05
LEAST_S = 100e-6
HEAD_START_CYCLES = 20_000_000
SHAPES = ((64, 64, 56, 3), (64, 256, 56, 1), (64, 256, 14, 3), (16, 64, 28, 3), (1, 64, 56, 3))
"""Batch, channels in and out, plane, kernel."""


def kernels_alone_s(call, operand: torch.Tensor) -> float:
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    call(operand)
    torch.cuda.synchronize()
    torch.cuda._sleep(HEAD_START_CYCLES)
    begin.record()
    for _ in range(CALLS):
        call(operand)
    end.record()
    end.synchronize()
    return float(begin.elapsed_time(end)) * 1e-3 / CALLS


def span_s(call, operand: torch.Tensor) -> float:
    timer = CudaTimer(cold=False)
    samples = [timer(call, [operand])[1] for _ in range(20)]
    timer.settle(call, operand, min(samples))
    return statistics.median(timer(call, [operand])[1] for _ in range(CALLS))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda:0")
    device = parser.parse_args().device
    if not torch.cuda.is_available():
        print("needs an NVIDIA GPU and a torch built for CUDA", file=sys.stderr)
        return 2
    cuda_context.use(device)
    cuda_context.compute_strictly()
    reached = True
    for n, c, size, kernel in SHAPES:
        x = torch.randn(n, c, size, size, device=device, dtype=torch.float16)
        weight = torch.randn(c, c, kernel, kernel, device=device, dtype=torch.float16)

        def call(given, weight=weight, kernel=kernel):
            return F.conv2d(given, weight, padding=kernel // 2)

        alone, span = kernels_alone_s(call, x), span_s(call, x)
        counts = alone >= LEAST_S
        reached &= not counts or span <= (1 + ALLOWED) * alone
        print(
            f"{n}x{c}x{size}x{size} k{kernel}: kernels {alone * 1e6:.1f} µs, "
            f"span {span * 1e6:.1f} µs, {span / alone - 1:+.1%}"
            f"{'' if counts else ' (below 100 µs, does not count)'}"
        )
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
