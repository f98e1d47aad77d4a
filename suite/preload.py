"""What the fork server imports before it forks: everything that costs every process time.

It must only import. A parallel region here, torch's or Numba's, would hang the children, which
inherit the pool's state and not its threads.
"""

from __future__ import annotations

import suite.judge.process
import suite.worker.process  # noqa: F401
from suite.worker import numba_registries, side_effects

numba_registries.fill()
side_effects.remember_before_forks()

__all__: list[str] = []
