"""A network's cell in the process of a revision."""

from __future__ import annotations

from collections.abc import Callable

from suite.errors import UsageError
from suite.messages import worker as messages
from suite.models.child.worker import NetworkWorker
from suite.registry.sources import WaySource


class NetworkOfRevision(NetworkWorker):
    """Builds the model from the revision's own files.

    Args:
        why_not_own: says which module came from elsewhere, or nothing.
    """

    def __init__(
        self, source: WaySource, name: str, threads: int, why_not_own: Callable[[], str]
    ) -> None:
        super().__init__(source, name, threads)
        self._why_not_own = why_not_own

    def open(self, asked: messages.Open) -> messages.Opened:
        opened = super().open(asked)
        if reason := self._why_not_own():
            raise UsageError(reason)
        return opened
