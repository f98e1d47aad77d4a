"""Filter a photograph through every implementation: convolution that can be seen.

The photograph becomes a grey plane, Sobel's two kernels and a Gaussian become weights, and each
implementation is compared with an `nn.Conv2d` that holds the same weights. As everywhere, an
implementation runs in a process of its own; planes travel as .npy files.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from suite.errors import UsageError
from suite.messages.demo import Filter, FilteredPlanes
from suite.processes.fork_server import process_context
from suite.processes.peer import Peer, ProcessFailed
from suite.processes.scratch import scratch_folder
from suite.registry.sources import Source
from suite.results.cell import Status

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Plane = NDArray[np.float32]

LONGEST_SIDE = 128
"""Larger photographs are shrunk, so that the Python loops are soon done."""
TIMEOUT_S = 60.0
FILTERS = ("Sobel, horizontal gradient", "Sobel, vertical gradient", "Gaussian, σ = 2")
ALLOWED_ERROR = 1e-3
"""A quarter of the least step between grey levels of a screen: what differs more is another sum.
Rounding of float32 stays a thousand times below."""
ALLOWED_AT_LOWER_PRECISION = 0.05
"""Of rows that compute in fewer bits on purpose, and say so."""


@dataclass(frozen=True)
class Photograph:
    """A photograph, and what was made of it before the first filter."""

    source: str
    height: int
    width: int
    """As the file has it."""
    colour: NDArray[np.uint8]
    """Shrunk, of shape (H, W, 3)."""
    grey: Plane
    """From 0 to 1, of shape (H, W)."""

    @property
    def is_shrunk(self) -> bool:
        return (self.height, self.width) != self.grey.shape


@dataclass(frozen=True)
class Row:
    """An implementation to filter with."""

    name: str
    source: Source


@dataclass(frozen=True)
class Filtered:
    """What one implementation made of the photograph."""

    implementation: str
    status: str
    reason: str = ""
    """Why it is not `passed`, or which filters it does not cover."""
    family: str = ""
    summary: str = ""
    """First line of its docstring."""
    time_s: float | None = None
    largest_error: float | None = None
    planes: tuple[Plane, ...] = ()
    """As many as `FILTERS`, fewer where some are not covered."""


def get_ready() -> None:
    """Have torch imported for the processes to come, and do not wait for it."""
    with contextlib.suppress(OSError):  # the first process that is started tells what is amiss
        process_context()


def load(image: Path | None) -> Photograph:
    """Return a photograph, shrunk and grey.

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
            width, height = picture.size
            picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
            grey = np.asarray(picture.convert("L"), dtype=np.float32) / np.float32(255)
            colour = np.asarray(picture.convert("RGB"))
    except FileNotFoundError as error:
        raise UsageError(f"{image}: no such picture") from error
    except Image.DecompressionBombError as error:
        raise UsageError(f"{image}: {error}; give a smaller picture") from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise UsageError(
            f"{image}: cannot be read as a picture ({error}); give a JPEG or PNG file"
        ) from error
    return Photograph(str(image or "matplotlib's grace_hopper.jpg"), height, width, colour, grey)


def filter_with(rows: Iterable[Row], grey: Plane, log: Path) -> Iterator[Filtered]:
    """Yield what each row makes of the plane."""
    import numpy as np  # noqa: PLC0415

    with scratch_folder() as folder:
        source, target = folder / "grey.npy", folder / "filtered.npz"
        np.save(source, grey)
        for row in rows:
            peer = Peer(
                "suite.demo.child.process:main", row.source, row.name, name=row.name, log=log
            )
            request = Filter(source=str(source), target=str(target))
            try:
                answer = peer.ask(request, timeout_s=TIMEOUT_S)
            except ProcessFailed as failed:
                yield Filtered(row.name, failed.status, failed.reason)
                continue
            finally:
                peer.close()
            if answer.failure:
                yield Filtered(row.name, answer.failure.status, answer.failure.reason)
            if answer.reply:
                with np.load(target) as archive:
                    planes = tuple(archive[name] for name in archive.files)
                yield _judged(row.name, answer.reply, planes)


def _judged(name: str, reply: FilteredPlanes, planes: tuple[Plane, ...]) -> Filtered:
    """Return a row's result; one that is wrong has no time."""
    declared = reply.declared
    allowed = ALLOWED_AT_LOWER_PRECISION if declared.precision else ALLOWED_ERROR
    is_right = reply.largest_error <= allowed
    wrong = f"differs by up to {reply.largest_error:.2g} of the grey levels from 0 to 1"
    return Filtered(
        name,
        Status.PASSED if is_right else Status.INCORRECT,
        reply.uncovered if is_right else wrong,
        family=declared.family,
        summary=declared.summary,
        time_s=reply.time_s if is_right else None,
        largest_error=reply.largest_error,
        planes=planes if is_right else (),
    )
