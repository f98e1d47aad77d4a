"""What torch says of itself and its devices, for the manifest."""

from __future__ import annotations

import sys
from typing import Any

from suite.machine.nvml import Card
from suite.messages.judge import TorchFacts


def torch_facts() -> TorchFacts:
    """Return torch's own facts. Call it where torch may be imported."""
    import torch  # noqa: PLC0415

    gpus = [
        torch.cuda.get_device_name(index)
        for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0)
    ]
    return TorchFacts(
        torch=torch.__version__,
        torch_build=torch.__config__.show(),
        torch_parallel=torch.__config__.parallel_info(),
        cpu_capability=torch.backends.cpu.get_cpu_capability(),
        gpu=gpus[0] if gpus else None,
        gpus=tuple(gpus),
        gpu_driver=_gpu_driver() if gpus else None,
        triton=_version_of("triton"),
        cuda=torch.version.cuda,
        cudnn=torch.backends.cudnn.version(),
        onednn=torch.backends.mkldnn.is_available(),
        numba=_version_of("numba"),
        python_executable=sys.executable,
    )


def _gpu_driver() -> str | None:
    import torch  # noqa: PLC0415

    properties: Any = torch.cuda.get_device_properties(0)
    try:
        return Card(str(getattr(properties, "uuid", ""))).driver()
    except LookupError:
        return None


def _version_of(package: str) -> str | None:
    import importlib.metadata  # noqa: PLC0415

    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
