"""The parent's side of a revision: where its files are, and its process of the moment."""

from __future__ import annotations

import contextlib
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

from suite.conditions import Scenario
from suite.errors import Defect
from suite.gate.checkouts import Aliases
from suite.gate.networks import placed
from suite.measuring.arm import Arm
from suite.measuring.settings import Settings
from suite.messages.revision import ForgetCell, LoadCell, Ready
from suite.processes.caches import for_compiled_code
from suite.processes.channel import Reply, Request
from suite.processes.interpreter import Interpreter
from suite.processes.peer import Peer, ProcessFailed
from suite.processes.shared_memory import SharedMemory
from suite.processes.tree import ProcessTree
from suite.registry.sources import Source, WaySource

BASE, HEAD, NULL = "base", "head", "null"

MOST_PADDING_BYTES = 4096
"""Of the environment: it lies above the stack and shifts it."""
MOST_OFFSET_BYTES = 2**16
FORGET_TIMEOUT_S = 10.0


class Side:
    """Base, head or null arm: a checkout, and one fresh interpreter in each block.

    Every interpreter differs in path, environment, hash seed and heap, so that one lucky layout
    is an observation like any other and no property of the revision.

    Args:
        label: "base", "head" or "null".
        tree: the checkout.
        origin: the checkout that the arms' sources name, where it is another of equal content.
        interpreter: what its processes are started with, where that is not this Python as it is.
    """

    def __init__(
        self,
        label: str,
        tree: Path,
        checkouts: Aliases,
        settings: Settings,
        origin: Path | None = None,
        interpreter: Interpreter | None = None,
    ) -> None:
        self.label = label
        self.tree = tree
        self._origin = origin or tree
        self._checkouts = checkouts
        self._interpreter = interpreter or Interpreter()
        self.settings = replace(settings, threads=self._interpreter.threads or settings.threads)
        self._random = random.Random()
        self._alias = tree
        self._peer: Peer | None = None
        self.losses = 0
        """Processes that died before they were told to go."""

    def start(self) -> None:
        """Start a fresh interpreter; it imports torch while others start too."""
        self.stop()
        self._alias = self._checkouts.alias(self.tree)
        draw = self._random.randrange
        settings = self.settings
        self._peer = Peer(
            "suite.gate.child.process:main",
            str(self._checkouts.root),
            draw(MOST_OFFSET_BYTES),
            name=self.label,
            log=settings.log,
            memory_limit_bytes=settings.memory_limit_bytes,
            environment={
                "CONVGAUGE_PADDING": "x" * draw(MOST_PADDING_BYTES),
                "PYTHONHASHSEED": str(draw(2**32)),
                **for_compiled_code(),
            },
            interpreter=self._interpreter,
        )

    def ready(self) -> None:
        """Wait until the process has imported what it needs: its work must not disturb a turn.

        Raises:
            Defect: it does not start.
        """
        try:
            self.peer().ask(Ready())
        except ProcessFailed as failed:
            self.lost()
            raise Defect(f"the process of {self.label} does not start: {failed.reason}") from None

    def stop(self) -> None:
        if self._peer is not None:
            self._peer.close()
            self._peer = None
        if self._alias != self.tree:
            self._checkouts.drop(self._alias)
            self._alias = self.tree

    def peer(self) -> Peer:
        """Return the process; a new one if the last cell killed it."""
        if self._peer is None:
            self.start()
        assert self._peer is not None
        return self._peer

    def shorten(self, text: str) -> str:
        """Return a message without the paths of checkouts."""
        return self._checkouts.shorten(text)

    @property
    def threads(self) -> int:
        return self.settings.threads

    @property
    def current(self) -> Peer | None:
        return self._peer

    def lost(self) -> None:
        self._peer = None
        self.losses += 1

    def source(self, arm: Arm) -> Source:
        """Return where this process finds the arm's file: under its own path of the checkout."""
        if arm.source.tree is None and not arm.source.is_plugin:
            return arm.source  # of an installed package
        if isinstance(arm.source, WaySource):
            return self._source_of_way(arm.source)
        location = arm.source.location
        return Source(
            self._under_alias(location) if arm.source.is_plugin else location, str(self._alias)
        )

    def _source_of_way(self, source: WaySource) -> WaySource:
        """Return a way to compute a network; a row by force is the revision's, if that has any."""
        tree = self._under_alias(source.tree or "")
        return replace(source, tree=tree, row_source=self._under_alias(source.row_source))

    def _under_alias(self, path: str) -> str:
        with contextlib.suppress(ValueError):
            return str(self._alias / Path(path).relative_to(self._origin))
        return path

    def in_tree(self, scenario: Scenario) -> Scenario:
        """Return a scenario as the checkout has it, for who judges all of its processes."""
        return placed(scenario, self._checkouts.root, self.tree)

    def aliased(self, scenario: Scenario) -> Scenario:
        """Return a scenario as the process of the moment finds it."""
        return placed(scenario, self._checkouts.root, self._alias)


class CellPeer:
    """One cell's part of a side's process; what a cell takes for a process of its own."""

    def __init__(self, side: Side, cell: str, arm: Arm) -> None:
        self._side = side
        self._cell = cell
        self._arm = arm
        self._peer: Peer | None = None

    @property
    def ended(self) -> bool:
        return self._peer is not None and self._peer is self._side.current and self._peer.ended

    @property
    def lost_its_server(self) -> bool:
        return self._peer is not None and self._peer.lost_its_server

    def load(self, threads: int | None = None) -> None:
        """Ask the process to load the cell's implementation; `receive` takes the answer."""
        self._peer = self._side.peer()
        source = self._side.source(self._arm)
        self._send(
            LoadCell(
                cell=self._cell,
                source=source,
                name=self._arm.name,
                threads=threads or self._side.threads,
            )
        )

    @property
    def pid(self) -> int | None:
        return None if self._peer is None else self._peer.pid

    def send(self, request: Request[Any]) -> None:
        self._send(request, to=self._cell)

    def _send(self, request: Request[Any], to: str = "") -> None:
        peer = self._own()
        try:
            peer.send(request, to)
        except ProcessFailed:
            self._side.lost()
            raise

    def keep_to_limits(self) -> None:
        peer = self._own()
        try:
            peer.keep_to_limits()
        except ProcessFailed:
            self._side.lost()
            raise

    def hand_over(self, memory: SharedMemory, *, writable: bool, timeout_s: float) -> None:
        peer = self._own()
        try:
            peer.hand_over(memory, writable=writable, timeout_s=timeout_s)
        except ProcessFailed:
            self._side.lost()
            raise

    def receive(self, request: Request[Reply], timeout_s: float) -> Reply:
        """Return the reply to the last request; that to `load` is a reply to `Load`."""
        peer = self._own()
        try:
            return peer.receive(request, timeout_s)
        except ProcessFailed:
            self._side.lost()
            raise

    def _own(self) -> Peer:
        """Return the process that loaded the cell.

        Raises:
            ProcessFailed: it is gone.
        """
        if self._peer is None or self._peer is not self._side.current:
            raise ProcessFailed("crashed", "its process died in another cell")
        return self._peer

    @property
    def tree(self) -> ProcessTree:
        """Of the process, which other cells have, too."""
        return self._own().tree

    def dismiss(self) -> None:
        """Let the process forget the cell; it stays for the next one."""
        try:
            forget = ForgetCell(cell=self._cell)
            self._send(forget)
            self.receive(forget, FORGET_TIMEOUT_S)
        except ProcessFailed:
            return

    def close(self) -> None:
        """Nothing to wait for: the process goes on."""
