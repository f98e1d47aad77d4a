"""Filter a photograph through every implementation: convolution that can be seen.

The photograph becomes a grey plane, Sobel's two kernels and a Gaussian become weights, and each
implementation is compared with an `nn.Conv2d` that holds the same weights. As everywhere, an
implementation runs in a process of its own; planes travel as .npy files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from suite.errors import UsageError
from suite.measuring.arm import Arm
from suite.messages.demo import Filter
from suite.processes.peer import Peer, ProcessFailed
from suite.processes.scratch import scratch_folder
from suite.results.cell import Status

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Plane = NDArray[np.float32]

LONGEST_SIDE = 256
"""Larger photographs are shrunk, so that the Python loops can take part."""
TIMEOUT_S = 60.0
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

    with scratch_folder() as folder:
        source, target = folder / "grey.npy", folder / "filtered.npz"
        np.save(source, grey)
        for arm in arms:
            peer = Peer(
                "suite.demo.child.process:main", arm.source, arm.name, name=arm.name, log=log
            )
            request = Filter(source=str(source), target=str(target))
            try:
                answer = peer.ask(request, timeout_s=TIMEOUT_S)
            except ProcessFailed as failed:
                yield Filtered(arm.name, failed.status, failed.reason)
                continue
            finally:
                peer.close()
            if answer.failure:
                yield Filtered(arm.name, answer.failure.status, answer.failure.reason)
            if answer.reply:
                with np.load(target) as archive:
                    planes = tuple(archive[name] for name in archive.files)
                yield Filtered(
                    arm.name,
                    Status.PASSED,
                    shapes=answer.reply.shapes,
                    largest_error=answer.reply.largest_error,
                    planes=planes,
                )
