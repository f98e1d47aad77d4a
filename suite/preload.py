"""What the fork server imports before it forks: everything that costs every process time.

It must only import. A parallel region here, torch's or Numba's, would hang the children, which
inherit the pool's state and not its threads.
"""

from __future__ import annotations

import contextlib

import suite.judge
import suite.worker  # noqa: F401

with contextlib.suppress(ImportError):
    from numba.core.registry import cpu_target

    # Numba fills its registries of types and lowerings when it first compiles or loads anything:
    # 0.6 s in each process otherwise.
    cpu_target.typing_context.refresh()
    cpu_target.target_context.refresh()

__all__: list[str] = []
