"""What calls do besides computing: replace clocks, change torch's state, leave work, leak."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from suite.conditions import Scenario
from suite.worker.global_state import GlobalState
from suite.worker.guard import Company, Guard
from suite.worker.memory import own_bytes
from suite.worker.outputs import OutputFault

LEAK_BYTES = 8 * 2**20
LEAK_RESULTS = 4
LEAK_BYTES_A_CALL = 16 * 2**10


_before_forks: list[Guard] = []


def remember_before_forks() -> None:
    """Look once at what all processes that are forked from this one begin with; it takes 10 ms."""
    _before_forks[:] = [Guard()]
    GlobalState()


class Watch:
    """Compares this process with how it was before; a difference is an `OutputFault`."""

    def __init__(self) -> None:
        """Remember all there is, before any implementation is imported."""
        self._guard = _before_forks[0] if _before_forks else Guard()
        self._state = GlobalState()
        self._company: Company
        self._memory: _Memory

    def begin(self) -> None:
        """Remember global state, before calls."""
        self._state = GlobalState()

    def warmed(self, scenario: Scenario) -> None:
        """Take the threads, children and memory that there are now for what belongs here."""
        self._company = Company()
        self._memory = _Memory(scenario)

    def require_own_clocks(self) -> None:
        if patched := self._guard.patched():
            raise OutputFault(f"replaced {_listed(patched)}, which measure and judge others")

    def imported(self) -> str:
        """Put back what a module's import changed; return what is to be said of it, if anything.

        Its process is its own until the first call, and what it has set up in it is no fault.
        """
        undone, said = self._state.settle()
        self.require_own_clocks()
        changes = [f"{change}, which was put back" for change in undone] + said
        return f"its import changed global state ({'; '.join(changes)})" if changes else ""

    def settle(self, *, last: bool = True) -> str:
        """Do as `require_state`, after calls that may still load what they need.

        Args:
            last: whether to look for replaced functions, too: it takes a millisecond, and they
                stay replaced.

        Returns:
            What is to be said of that, if anything.
        """
        faults, said = self._state.settle()
        if last:
            self.require_own_clocks()
        if faults:
            raise OutputFault(f"changed global state ({'; '.join(faults)}); restored")
        return f"a first call changed global state ({'; '.join(said)})" if said else ""

    def require_state(self) -> None:
        """Refuse changed global state, which is restored, and replaced functions."""
        changed = self._state.restore()  # first: torch replaces a class where its default dtype is
        self.require_own_clocks()
        if changed:
            raise OutputFault(f"changed global state ({'; '.join(changed)}); restored")

    def require_no_company(self) -> None:
        if fault := self._company.left_behind():
            raise OutputFault(f"{fault} after the call had returned")

    def count(self, calls: int) -> None:
        """Allow for so many more calls' traces in memory."""
        self._memory.count(calls)

    def require_no_growth(self, ours_bytes: int) -> None:
        """Refuse memory that calls keep; `ours_bytes` are operands and outputs that we hold."""
        self._memory.require_no_growth(ours_bytes)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


class _Memory:
    """Compares memory with that after the warm-up: caches fill once, leaks go on.

    On CUDA it is what torch's allocator has given out: the driver's own comings and goings on the
    host, which loads kernels when they are first used, are nobody's leak.
    """

    def __init__(self, scenario: Scenario) -> None:
        self._on_cuda = scenario.on_cuda
        self._allowed_bytes = max(LEAK_BYTES, LEAK_RESULTS * scenario.least_bytes)
        self._held_bytes = self._held()
        self._calls = 0

    def _held(self, at_most_bytes: int | None = None) -> int | None:
        return torch.cuda.memory_allocated() if self._on_cuda else own_bytes(at_most_bytes)

    def count(self, calls: int) -> None:
        self._calls += calls

    def require_no_growth(self, ours_bytes: int) -> None:
        """Refuse memory that grows with the calls and is not given back.

        Raises:
            OutputFault: by how much it grew.
        """
        if self._held_bytes is None:
            return
        expected_bytes = self._held_bytes + ours_bytes
        allowed_bytes = max(self._allowed_bytes, LEAK_BYTES_A_CALL * self._calls)
        held_bytes = self._held(expected_bytes + allowed_bytes)
        if held_bytes is not None and held_bytes > expected_bytes + allowed_bytes:
            raise OutputFault(
                f"memory grew by {(held_bytes - expected_bytes) / 2**20:.0f} MiB over "
                f"{self._calls} calls and was not given back"
            )
