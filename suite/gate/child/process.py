"""The process that runs one revision's implementations through a list of cells.

Each cell is a `suite.worker.process.Worker` of its own, to which its requests are addressed. What
the process itself answers:

    ready        answer once everything is imported
    load_cell    import a cell's source and make its worker
    forget_cell  let go of a cell's memory
"""

from __future__ import annotations

import dataclasses
import sys
from multiprocessing.connection import Connection
from pathlib import Path

from suite.messages.answer import Failure
from suite.messages.revision import ForgetCell, LoadCell, Ready
from suite.messages.worker import Load, Loaded, TimedAnswer
from suite.own_imports import own_name
from suite.processes.channel import Done, Handlers, handlers, serve
from suite.processes.keeping_out import run_others_code
from suite.registry.sources import WaySource
from suite.results.cell import Status
from suite.worker.process import Worker

NOT_MEASURED = ("convgauge", "__main__", "__mp_main__")


class RevisionWorker:
    """The cells that this process serves at the moment.

    Args:
        root: the repository itself, from which nothing may be imported in the revision's place.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self.cells: dict[str, Handlers] = {}
        """Who answers the requests that are sent to a cell."""
        self._looked_at: set[str] = set()

    def load(self, asked: LoadCell) -> TimedAnswer[Loaded]:
        worker = self._worker(asked)
        self.cells[asked.cell] = worker.handlers()
        answer = worker.answer_load(Load())
        if answer.failure is None and (reason := self._why_not_own()):
            failure = Failure(status=Status.ERROR, reason=reason)
            return dataclasses.replace(answer, reply=None, failure=failure)
        return answer

    def _worker(self, asked: LoadCell) -> Worker:
        if not isinstance(asked.source, WaySource):
            return Worker(asked.source, asked.name, asked.threads)
        # What networks take is imported where there are any.
        from suite.gate.child.network_of_revision import NetworkOfRevision  # noqa: PLC0415

        return NetworkOfRevision(asked.source, asked.name, asked.threads, self._why_not_own)

    def _why_not_own(self) -> str:
        """Return which module is not the revision's, if one is not."""
        strays = self._strays()
        if not strays:
            return ""
        return f"imports {strays[0]} from {self._root} and not from its revision"

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

    def forget(self, asked: ForgetCell) -> Done:
        self.cells.pop(asked.cell, None)
        return Done()


def main(connection: Connection, root: str, offset_bytes: int) -> None:
    """Serve the parent until it closes the channel.

    Args:
        offset_bytes: memory that is taken first and held, so that what follows lies elsewhere.
    """
    run_others_code()
    shifts = bytearray(offset_bytes)
    worker = RevisionWorker(root)
    own = handlers(
        Ready.handled_by(lambda _: Done()),
        LoadCell.handled_by(worker.load),
        ForgetCell.handled_by(worker.forget),
    )
    serve(connection, own, worker.cells)
    del shifts
