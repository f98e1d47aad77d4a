"""The process that runs one revision's implementations through a list of cells.

Each cell is a `suite.worker.process.Worker` of its own; a request names the cell it is for:

    ready       answer once everything is imported
    load        import a cell's source and make its worker
    forget      let go of a cell's memory

and everything that `suite.worker.process` answers.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from suite.own_imports import own_name
from suite.processes.channel import Message, serve
from suite.registry.sources import Source
from suite.worker.process import Worker

NOT_MEASURED = ("convgauge", "__main__", "__mp_main__")
_REQUESTS = ("open", "gate", "bind", "warm", "turn", "hand_back")


class RevisionWorker:
    """The cells that this process serves at the moment.

    Args:
        root: the repository itself, from which nothing may be imported in the revision's place.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._cells: dict[str, Worker] = {}
        self._looked_at: set[str] = set()

    def load(self, cell: str, location: str, tree: str | None, name: str, threads: int) -> Message:
        worker = Worker(Source(location, tree), name, threads)
        self._cells[cell] = worker
        reply = worker.handlers()["load"]()
        if "status" not in reply and (strays := self._strays()):
            reason = f"imports {strays[0]} from {self._root} and not from its revision"
            reply |= {"status": "error", "reason": reason}
        return reply

    def _strays(self) -> list[str]:
        """Return modules that came from the repository: then both revisions run the same code."""
        strays = []
        for name in sys.modules.keys() - self._looked_at:
            file = getattr(sys.modules[name], "__file__", None)
            if not file or name in NOT_MEASURED or f"{name}.".startswith(own_name("suite.")):
                continue
            if Path(file).is_relative_to(self._root) and not Path(file).is_relative_to(sys.prefix):
                strays.append(name)
        if not strays:  # 15 ms for all of them, which each cell of each process would pay
            self._looked_at.update(sys.modules)
        return strays

    def forget(self, cell: str) -> Message:
        self._cells.pop(cell, None)
        return {"inside_s": 0.0, "held_s": 0.0}

    def answer(self, do: str, cell: str, **fields: Any) -> Message:
        return self._cells[cell].handlers()[do](**fields)


def main(connection: Connection, root: str, offset_bytes: int) -> None:
    """Serve the runner until it closes the channel.

    Args:
        offset_bytes: memory that is taken first and held, so that what follows lies elsewhere.
    """
    shifts = bytearray(offset_bytes)
    worker = RevisionWorker(root)
    handlers = {do: _for_cell(worker, do) for do in _REQUESTS}
    own: dict[str, Callable[..., Message]] = {
        "ready": dict,
        "load": worker.load,
        "forget": worker.forget,
    }
    serve(connection, {**handlers, **own})
    del shifts


def _for_cell(worker: RevisionWorker, do: str) -> Callable[..., Message]:
    return lambda **fields: worker.answer(do, **fields)
