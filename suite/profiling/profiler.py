"""The runner's side of profiling: for every passed cell fresh processes, part after part.

A part that fails says why and leaves the others; a process that dies is replaced for the next
part. Nothing here runs while anything is timed for results.jsonl.
"""

from __future__ import annotations

import re
import time
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from suite.errors import Unsupported
from suite.measuring.arm import Arm
from suite.measuring.settings import Settings
from suite.processes.peer import Peer, ProcessFailed
from suite.profiling import callgrind, counters
from suite.results.cell import CellResult, Status
from suite.results.folder import PROFILES, ResultWriter, read_profiles
from suite.results.profile import (
    FOLDER,
    PARTS,
    CellProfile,
    Function,
    Phases,
    ThreadTime,
    memory_from,
    operators_from,
)

MOST_NAME = 100

_DECODE: dict[str, Callable[[Any], Any]] = {
    "phases": lambda part: Phases(**part),
    "operators": operators_from,
    "memory": memory_from,
    "threads": lambda part: tuple(ThreadTime(**item) for item in part),
    "python": lambda part: tuple(Function(**item) for item in part),
}
_WITH_FILES = ("operators", "python")
_OF_THE_HOST = ("threads", "counters", "instructions")


@dataclass
class Profiler:
    """Profiles the passed cells of a run into its folder.

    Args:
        with_instructions: count them by Callgrind, minutes a cell.
        instructions_asked_by: what a user says to have them counted.
        watch: called after every profiled cell, with how many are done and how many there are.
    """

    folder: Path
    arms: Sequence[Arm]
    settings: Settings
    with_instructions: bool = False
    instructions_asked_by: str = ""
    watch: Callable[[CellProfile, int, int], None] = lambda *_: None
    _no_counters: str = field(default="", repr=False)

    def run(self, results: Iterable[CellResult]) -> list[CellProfile]:
        """Profile every passed cell that has no profile yet; on disk as soon as it is done."""
        profiled = {profile.key for profile in read_profiles(self.folder)}
        arms = {arm.name: arm for arm in self.arms}
        to_profile = [
            result
            for result in results
            if result.status is Status.PASSED
            and result.key not in profiled
            and result.implementation in arms
        ]
        writer = ResultWriter(self.folder, PROFILES)
        profiles = []
        try:
            for result in to_profile:
                profile = self.profile(result, arms[result.implementation])
                writer.add(profile)
                profiles.append(profile)
                self.watch(profile, len(profiles), len(to_profile))
        finally:
            writer.close()
        return profiles

    def profile(self, result: CellResult, arm: Arm) -> CellProfile:
        """Profile one cell; a failure costs the part in which it happened."""
        started = time.monotonic()
        cell = _Cell(self, result, arm)
        try:
            for part in PARTS:
                cell.look_at(part)
        finally:
            cell.close()
        return CellProfile(
            scenario=result.scenario.id,
            implementation=result.implementation,
            instructions_path=callgrind.PATH if "instructions" in cell.evidence else "",
            files=cell.files,
            missing=cell.missing,
            took_s=time.monotonic() - started,
            **cell.evidence,
        )


class _Cell:
    """One cell while it is profiled: its process, and what is known already."""

    def __init__(self, profiler: Profiler, result: CellResult, arm: Arm) -> None:
        self._profiler = profiler
        self._scenario = result.scenario
        self._arm = arm
        self._threads = result.scenario.threads or result.threads or profiler.settings.threads
        self._peer: Peer | None = None
        self._folder = profiler.folder / FOLDER / slug(result.key)
        self._folder.mkdir(parents=True, exist_ok=True)
        self.evidence: dict[str, Any] = {}
        self.files: dict[str, str] = {}
        self.missing: dict[str, str] = {}

    def look_at(self, part: str) -> None:
        try:
            if part in _OF_THE_HOST and self._scenario.on_cuda:
                raise Unsupported("tells of the host's processor, and a GPU computes")
            if part == "instructions":
                self._count_instructions()
            elif part == "counters":
                self._count_events()
            else:
                self._ask_worker(part)
        except Unsupported as error:
            self.missing[part] = str(error)
        except ProcessFailed as failed:
            self._peer = None
            self.missing[part] = failed.reason

    def _ask_worker(self, part: str) -> None:
        fields = {"folder": str(self._folder)} if part in _WITH_FILES else {}
        if part == "memory":
            self.close()
        reply = self._ask(part, frugal=part == "memory", **fields)
        if part == "memory":
            self.close()
        self.evidence[part] = _DECODE[part](reply["part"])
        for name in reply.get("files", ()):
            path = self._folder / name
            self.files[name] = path.relative_to(self._profiler.folder).as_posix()
        if notes := reply.get("notes"):
            self.missing[part] = "; ".join(notes)

    def _count_events(self) -> None:
        profiler = self._profiler
        if profiler._no_counters:
            raise Unsupported(profiler._no_counters)
        peer = self._process(frugal=False)
        try:
            self.evidence["counters"] = counters.count(peer.pid, lambda: self._ask("spin")["calls"])
        except Unsupported as error:
            profiler._no_counters = str(error)
            raise

    def _count_instructions(self) -> None:
        if not self._profiler.with_instructions:
            asked_by = self._profiler.instructions_asked_by
            raise Unsupported(f"not asked for: {asked_by} counts them, minutes a cell")
        source, name = self._arm.source, self._arm.name
        counted = callgrind.count(source, name, self._scenario, self._folder)
        self.evidence["instructions"] = counted
        path = self._folder / "callgrind.out"
        self.files[path.name] = path.relative_to(self._profiler.folder).as_posix()

    def _process(self, *, frugal: bool) -> Peer:
        """Return a process that is ready; a fresh one where there is none."""
        if self._peer is None:
            settings = self._profiler.settings
            self._peer = Peer(
                "suite.profiling.child.process:main",
                self._arm.source,
                self._arm.name,
                self._threads,
                name=self._arm.key,
                log=settings.log,
                memory_limit_bytes=settings.memory_limit_bytes,
            )
            try:
                self._answer("load", scenario=self._scenario.to_dict(), frugal=frugal)
            except Unsupported:
                self.close()
                raise
        return self._peer

    def _ask(self, part: str, *, frugal: bool = False, **fields: Any) -> dict[str, Any]:
        self._process(frugal=frugal)
        return self._answer(part, **fields)

    def _answer(self, do: str, **fields: Any) -> dict[str, Any]:
        assert self._peer is not None
        reply = self._peer.ask(do, timeout_s=self._profiler.settings.timeout_s, **fields)
        if "status" in reply:
            raise Unsupported(reply["reason"])
        return reply

    def close(self) -> None:
        if self._peer is not None:
            self._peer.close()
            self._peer = None


def slug(key: str) -> str:
    """Return a cell's name as the name of a folder, on any system; different cells differ."""
    words = re.sub(r"[^\w.-]+", "-", key.replace(" × ", "--"), flags=re.ASCII).strip("-.")
    return f"{words[:MOST_NAME]}-{zlib.crc32(key.encode()):08x}"
