"""Facts of a torch that sees no GPU, for tests that need some."""

from __future__ import annotations

from suite.messages.judge import TorchFacts

NO_GPU = TorchFacts(
    torch="2.13.0",
    torch_build="",
    torch_parallel="",
    cpu_capability="AVX2",
    gpu=None,
    gpus=(),
    gpu_driver=None,
    triton=None,
    cuda=None,
    cudnn=None,
    onednn=True,
    numba=None,
    python_executable="python",
)
