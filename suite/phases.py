"""What a call spends its time on: marks in an implementation, and who listens to them.

    from suite.phases import PRODUCT, TRANSFORM

    with TRANSFORM:
        tiles = ...
    with PRODUCT:
        y = matrix @ tiles

Nobody listens but while a cell is profiled: a mark then costs two empty calls (some 30 ns, see
`python -m suite.phases`), so that it can stay in an implementation that is timed. Marks may nest;
the inner one's time is not the outer one's. Compiled code cannot be marked from the inside.
"""

from __future__ import annotations

import time
from types import TracebackType
from typing import Protocol

NAMES = ("pack", "transform", "product", "inverse", "unpack")


class Listener(Protocol):
    """Hears of every phase that begins and ends in this process."""

    def enter(self, name: str) -> None: ...

    def leave(self) -> None: ...


_listener: Listener | None = None


class Phase(Protocol):
    """A named part of a call; a context manager that may be entered any number of times."""

    def __enter__(self) -> None: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def _phase(name: str) -> Phase:
    """Return the mark of a phase: a class of its own, as static methods take a third of the time.

    Python need not bind them to an object for every `with`.
    """

    class Mark:
        __slots__ = ()

        @staticmethod
        def __enter__() -> None:
            if _listener is not None:
                _listener.enter(name)

        @staticmethod
        def __exit__(
            kind: type[BaseException] | None,
            error: BaseException | None,
            trace: TracebackType | None,
        ) -> None:
            if _listener is not None:
                _listener.leave()

    return Mark()


PACK = _phase("pack")
"""Bring operands into the order that the algorithm wants: padding, copies, layouts, the weight's
transform where it was not prepared."""
TRANSFORM = _phase("transform")
"""Make what is multiplied from the input: windows, tiles, spectra."""
PRODUCT = _phase("product")
"""Multiply and add."""
INVERSE = _phase("inverse")
"""Transform products back to outputs."""
UNPACK = _phase("unpack")
"""Bring outputs into the order that was asked for: cropping, copies, the bias."""


def listen(listener: Listener | None) -> None:
    """Have all marks of this process heard by `listener`; by nobody with None."""
    global _listener  # noqa: PLW0603 - read by every mark, which has no time for more
    _listener = listener


def is_heard() -> bool:
    """Whether somebody listens: compiled code then runs its phases one by one."""
    return _listener is not None


def mark_cost_s(repeats: int = 200_000) -> float:
    """Return the seconds that one mark takes now, the loop around it not counted."""
    best_s = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(repeats):
            pass
        empty_s = time.perf_counter() - start
        start = time.perf_counter()
        for _ in range(repeats):
            with PRODUCT:
                pass
        best_s = min(best_s, time.perf_counter() - start - empty_s)
    return best_s / repeats


if __name__ == "__main__":
    print(f"{mark_cost_s() * 1e9:.0f} ns a mark while nobody listens")
