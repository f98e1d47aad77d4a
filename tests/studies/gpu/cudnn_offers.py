"""What cuDNN would offer a card that is not here: its plans, for real, from a description.

    python -m tests.studies.gpu.cudnn_offers [--card A100]

cuDNN plans from a description of a device alone (its documentation: deviceless ahead-of-time
compilation, since 9.8). So the package, its filters and its ranking can be tried on any machine
that has nvidia-cudnn-frontend and nvidia-cudnn-cu13; only to execute a plan takes the card.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from typing import Any

import torch

from impls.cudnn_plans import NOTES, Plan
from suite import Problem, Unsupported

_AMPERE = {
    "maxGridSize": [2**31 - 1, 65535, 65535],
    "maxBlockSize": [1024, 1024, 64],
    "regsPerBlock": 65536,
    "multiProcessorCount": 108,
    "smCountOrigin": 0,
    "warpSize": 32,
    "maxSharedMemoryPerBlock": 48 * 2**10,
    "maxSharedMemoryPerBlockOptin": 163 * 2**10,
    "reservedSharedMemoryPerBlock": 2**10,
    "maxRegistersPerSM": 65536,
    "maxCtasPerSM": 32,
    "maxThreadsPerBlock": 1024,
    "maxThreadsPerSM": 2048,
    "pciDeviceId": 0,
    "isTccDriver": 0,
    "supportCoopLaunch": 1,
    "totalGlobalMem": 80 * 2**30,
    "smClockRateKHz": 1_410_000,
    "memClockRateKHz": 1_593_000,
    "l2CacheSize": 40 * 2**20,
    "cudaDeviceId": 0,
    "deviceVer": 800,
    "driverVer": 13000,
    "deviceName": "NVIDIA A100-SXM4-80GB",
}
CARDS = {
    "A100": _AMPERE,
    "H100": {
        **_AMPERE,
        "multiProcessorCount": 132,
        "maxSharedMemoryPerBlockOptin": 227 * 2**10,
        "smClockRateKHz": 1_980_000,
        "memClockRateKHz": 2_619_000,
        "l2CacheSize": 50 * 2**20,
        "deviceVer": 900,
        "deviceName": "NVIDIA H100 80GB HBM3",
    },
}
"""From CUDA's tables of compute capabilities and the cards' data sheets."""
PROBLEMS = {
    "64→64 3×3 at 56, batch 64": Problem.of_call((64, 64, 56, 56), (64, 64, 3, 3), padding=(1, 1)),
    "64→64 5×5 at 28, batch 64": Problem.of_call((64, 64, 28, 28), (64, 64, 5, 5), padding=(2, 2)),
    "64→256 1×1 at 56, batch 64": Problem.of_call((64, 64, 56, 56), (256, 64, 1, 1)),
    "depthwise 3×3, 256 at 28, batch 64": Problem.of_call(
        (64, 256, 28, 28), (256, 1, 3, 3), padding=(1, 1), groups=256
    ),
    "16→16 31×31 at 112, batch 4": Problem.of_call(
        (4, 16, 112, 112), (16, 16, 31, 31), padding=(15, 15)
    ),
}
KINDS = (
    (torch.float32, torch.contiguous_format),
    (torch.float16, torch.channels_last),
)


class WithoutCard:
    """The front end's module, its graphs planned for a card that is described.

    Raises:
        ImportError: the package is not installed.
        RuntimeError: it finds no cuDNN, or one that plans for present cards only.
    """

    def __init__(self, card: str) -> None:
        import cudnn

        self._cudnn = cudnn
        self._device = cudnn.create_device_properties(json.dumps(CARDS[card]))
        self.version: str = cudnn.backend_version_string()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cudnn, name)

    def create_handle(self) -> None:
        """Return none: a handle takes a card."""

    def pygraph(self, *, handle: None, **types: Any) -> Any:
        return self._cudnn.pygraph(device_property=self._device, handle=handle, **types)


def plans(front_end: Any, weight: torch.Tensor, problem: Problem, **choice: Any) -> list[Plan]:
    """Return every plan that a choice leaves, in cuDNN's order."""
    found: list[Plan] = []
    with contextlib.suppress(Unsupported):
        while True:
            found.append(Plan(front_end, weight, problem, rank=len(found), **choice))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--card", choices=CARDS, default="H100")
    card = parser.parse_args().card
    try:
        front_end = WithoutCard(card)
    except (ImportError, RuntimeError) as error:
        print(
            f"cannot ask cuDNN ({error}): pip install nvidia-cudnn-frontend nvidia-cudnn-cu13",
            file=sys.stderr,
        )
        return 2
    marked = " | ".join(note.lower().replace("_", " ") for note in NOTES)
    print(f"cuDNN {front_end.version} for {CARDS[card]['deviceName']}\n")
    print(f"| problem | type | plans | first | its workspace | {marked} |")
    print("| --- | --- | ---: | --- | ---: |" + " ---: |" * len(NOTES))
    for name, problem in PROBLEMS.items():
        for dtype, memory_format in KINDS:
            weight = torch.empty(problem.weight_shape, dtype=dtype, memory_format=memory_format)
            ranked = plans(front_end, weight, problem)
            counts = [len(plans(front_end, weight, problem, note=note)) for note in NOTES]
            print(
                f"| {name} | {str(dtype).removeprefix('torch.')} | {len(ranked)} "
                f"| {ranked[0].name.split('_')[0]} | {ranked[0].workspace_bytes / 2**20:.1f} MiB | "
                f"{' | '.join(map(str, counts))} |"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
