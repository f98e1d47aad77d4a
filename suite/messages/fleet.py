"""What a client and the machines of its fleet tell each other: lines of JSON, and no objects.

Dask pickles what it carries. So that unlike versions of Python and of ConvGauge can at least tell
each other that they are unlike, only texts travel, and the name of the function that reads them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from suite.ranges import Count, Seconds

State = Literal["lacks files", "waiting", "starting", "working", "ended", "refused"]
"""Waiting is for the machine, which another run has; refused: it cannot be started there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SentFile:
    """A text that a job needs, by its hash: whoever has it already is not sent it again."""

    path: str
    """Below the job's folder, with forward slashes."""
    digest: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """An ordinary command, to be done in a fresh process on a machine."""

    words: tuple[str, ...]
    """Of the command line, without the program's."""
    files: tuple[SentFile, ...]
    records: str
    """The file, below the job's folder, that the command appends its records to, a line each."""
    variables: dict[str, str]
    """Of the environment, for this command alone."""
    waits: bool = True
    """Whether the command has its machine to itself, and may have to wait for it."""
    share: tuple[Count, Count] | None = None
    """Of the machine's cores: which part of how many, counted from 0. None: all of them."""
    describes: bool = False
    """Whether only to write down what the command would begin with: machine, rows, scenarios."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """One turn of the conversation about a job: what is new about it?"""

    identity: str
    """Of the job."""
    begin: Job | None = None
    """Set until the machine has said that it began."""
    texts: dict[str, str]
    """Hash → text, of the files that the machine said it lacks."""
    offset: Count
    """Bytes of records that have arrived: nobody tells them again, and nothing is lost before."""
    wait_s: Seconds
    """How long to wait where there is nothing new."""
    lease_s: Seconds
    """Where nobody asks for so long, the command's process ends itself."""
    forget: tuple[str, ...]
    """Other jobs that may be ended and removed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """The answer."""

    state: State
    lacking: tuple[str, ...] = ()
    """Hashes of texts that have to be sent."""
    records: str = ""
    """Whole lines, from the offset that was asked for."""
    exit_code: int | None = None
    """Once it has ended; negative: the signal that ended it."""
    said: str = ""
    """The end of what the command printed, or why it was refused."""
    is_stopped: bool = False
    """Whether its process is held, by whoever sent it SIGSTOP."""
    has_more: bool = False
    """Whether there are more records than one answer holds."""
