"""What the fork server imports before it forks: everything that costs every process time.

It must only import. A parallel region here, torch's or Numba's, would hang the children, which
inherit the pool's state and not its threads.

What it has is then hidden from the garbage collector, as Python's documentation of `gc.freeze`
advises: a collection writes into every object it looks at, and in a child each page that is written
is copied first.
"""

from __future__ import annotations

import gc

import suite.judge.process
import suite.phases
import suite.processes.child
import suite.worker.process  # noqa: F401
from suite.processes.channel import prepare_to_serve
from suite.processes.keeping_out import keep_others_out
from suite.registry import sources
from suite.worker import numba_registries, side_effects

numba_registries.fill()
sources.import_beforehand()
side_effects.remember_before_forks()
prepare_to_serve()
keep_others_out()  # of the server: whoever writes to it writes to every judge to come

gc.freeze()

__all__: list[str] = []
