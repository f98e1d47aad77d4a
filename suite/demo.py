"""Filter a photograph through every implementation: convolution that can be seen.

The photograph becomes a grey plane, Sobel's two kernels and a Gaussian become weights, and each
implementation is compared with an `nn.Conv2d` that holds the same weights. As everywhere, an
implementation runs in a process of its own; planes travel as .npy files.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite import registry
from suite.arm import Arm
from suite.channel import Message, serve
from suite.errors import Unsupported, UsageError
from suite.problem import Problem, Scenario
from suite.processes import Peer, ProcessFailed
from suite.registry import Source

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Plane = NDArray[np.float32]

LONGEST_SIDE = 256
"""Larger photographs are shrunk, so that the Python loops can take part."""
TIMEOUT_S = 60.0
GAUSSIAN_SIZE, GAUSSIAN_SIGMA = 9, 2.0
FILTERS = ("Sobel, horizontal gradient", "Sobel, vertical gradient", "Gaussian, σ = 2")


@dataclass(frozen=True)
class Filtered:
    """What one implementation made of the photograph."""

    implementation: str
    status: str
    reason: str = ""
    shapes: str = ""
    largest_error: float | None = None
    """Against nn.Conv2d with the same weights, in grey levels from 0 to 1."""
    planes: tuple[Plane, ...] = ()
    """As many as `FILTERS`, fewer where some are not covered."""


def load_grey(image: Path | None) -> Plane:
    """Return a photograph as grey levels from 0 to 1, of shape (H, W).

    Args:
        image: the file; None for the sample photograph that matplotlib ships.

    Raises:
        UsageError: no such file, or no picture.
    """
    import numpy as np  # noqa: PLC0415
    from matplotlib import cbook  # noqa: PLC0415
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415

    try:
        source = image or cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)
        with Image.open(source) as picture:
            picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
            return np.asarray(picture.convert("L"), dtype=np.float32) / np.float32(255)
    except FileNotFoundError as error:
        raise UsageError(f"{image}: no such picture") from error
    except (UnidentifiedImageError, OSError) as error:
        raise UsageError(
            f"{image}: cannot be read as a picture ({error}); give a JPEG or PNG file"
        ) from error


def filter_with(arms: Iterable[Arm], grey: Plane, log: Path) -> Iterator[Filtered]:
    """Yield what each arm makes of the plane."""
    import numpy as np  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="convgauge-demo-") as folder:
        source, target = Path(folder) / "grey.npy", Path(folder) / "filtered.npz"
        np.save(source, grey)
        for arm in arms:
            peer = Peer("suite.demo:main", arm.source, arm.name, name=arm.name, log=log)
            try:
                reply = peer.ask(
                    "filter", timeout_s=TIMEOUT_S, source=str(source), target=str(target)
                )
            except ProcessFailed as failed:
                reply = {"status": failed.status, "reason": failed.reason}
            finally:
                peer.close()
            if reply["status"] == "passed":
                with np.load(target) as archive:
                    planes = tuple(archive[name] for name in archive.files)
                yield Filtered(arm.name, **reply, planes=planes)
            else:
                yield Filtered(arm.name, **reply)


def main(connection: Connection, source: Source, name: str) -> None:
    """Serve one implementation; runs in its own process."""

    def answer(**files: str) -> Message:
        from suite.faults import failure  # noqa: PLC0415 - imports torch

        try:
            return _filter(source, name, **files)
        except Exception as error:
            return failure(error)

    serve(connection, {"filter": answer})


def _filter(implementation_source: Source, name: str, *, source: str, target: str) -> Message:
    import numpy as np  # noqa: PLC0415
    import torch  # noqa: PLC0415

    registry.load(implementation_source)
    implementation = registry.get(name)
    x = torch.from_numpy(np.load(source)).view(1, 1, *np.load(source).shape)
    planes, told, reasons, largest_error = [], [], [], 0.0
    for weight in _filters():
        channels, _, size, _ = weight.shape
        layer = torch.nn.Conv2d(1, channels, size, padding=size // 2, bias=False)
        layer.weight.data.copy_(weight)
        problem = Problem.of_call(
            tuple(x.shape), tuple(weight.shape), padding=(size // 2, size // 2)
        )
        if reason := implementation.why_unsupported(Scenario(id="demo", problem=problem)):
            reasons.append(reason)
            told.append(reason)
            continue
        packed = implementation.prepare(weight, problem) if implementation.prepare else weight
        with torch.no_grad():
            y = implementation.function(x, packed, None, (1, 1), problem.padding, (1, 1), 1)
            largest_error = max(largest_error, float((y - layer(x)).abs().max()))
        told.append(f"{tuple(x.shape)} → {tuple(y.shape)}")
        planes += [plane.numpy() for plane in y[0]]
    if not planes:
        raise Unsupported(reasons[0])
    np.savez(target, *planes)
    return {
        "status": "passed",
        "shapes": ", ".join(told),
        "largest_error": largest_error,
    }


def _filters() -> list[Any]:
    """Return the weights of the two layers: Sobel (2, 1, 3, 3) and Gaussian (1, 1, 9, 9)."""
    import torch  # noqa: PLC0415

    sobel = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])
    reach = torch.arange(GAUSSIAN_SIZE) - GAUSSIAN_SIZE // 2
    bell = torch.exp(-(reach**2) / (2 * GAUSSIAN_SIGMA**2))
    gaussian = torch.outer(bell, bell) / bell.sum() ** 2
    return [torch.stack([sobel, sobel.T]).unsqueeze(1), gaussian.view(1, 1, *gaussian.shape)]
