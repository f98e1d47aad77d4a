"""A command at work on a machine of the fleet: its folder, its process, what it recorded."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from suite import own_imports
from suite.errors import UsageError
from suite.machine import placement
from suite.machine.alone import lock_path
from suite.messages.fleet import Job, State
from suite.processes.lock import named_holder
from suite.processes.scratch import own_folder
from suite.results.folder import MANIFEST

LEASH = "suite.fleet.leash"
COMMANDS = "commands._main:main"
DESCRIBING = "commands._describing:main"
LOG = "said.log"
MOST_RECORD_BYTES = 2**20
"""Of one answer."""
MOST_SAID = 2000
END_S = 5.0
NANNYS = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_TRIM_THRESHOLD_": "65536",
    "PYTHONHASHSEED": "6640",
}
"""What Dask's nanny sets unless it is told otherwise (distributed.yaml, `pre-spawn-environ`; the
last by nanny.py). One thread would be wrong, and one MALLOC_ variable keeps ConvGauge from setting
its own."""
DASKS = ("DASK_", "_DASK_")


class RunningJob:
    """One command in a process of its own.

    Args:
        texts: hash → text of its files.
        lease_s: where nobody calls `renew` for so long, the process ends itself.

    Raises:
        OSError: it cannot be started, or its files cannot be written.
        UsageError: a file would lie outside its folder.
    """

    def __init__(self, job: Job, texts: Mapping[str, str], lease_s: float) -> None:
        self._job = job
        self._lease_s = lease_s
        self._renewed_at = time.monotonic()
        self.folder = Path(tempfile.mkdtemp(prefix="job-", dir=own_folder()))
        for file in job.files:
            path = self._inside(file.path)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(texts[file.digest], encoding="utf-8", newline="")
        self._records = self._inside(job.records)
        target = DESCRIBING if job.describes else COMMANDS
        with (self.folder / LOG).open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _start_words(), target, str(lease_s), *job.words],
                cwd=self.folder,
                env={**environment(os.environ), **job.variables},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        if job.share is not None:
            placement.keep_to(self._process.pid, *job.share)  # before it has threads
        assert self._process.stdin is not None
        self._leash = self._process.stdin
        if sys.platform != "win32":
            os.set_blocking(self._leash.fileno(), False)

    def renew(self) -> None:
        """Let it go on for another lease."""
        self._renewed_at = time.monotonic()
        with contextlib.suppress(OSError, ValueError):
            os.write(self._leash.fileno(), b".")

    @property
    def is_left_over(self) -> bool:
        """Whether nobody has asked for it since its lease ended."""
        return time.monotonic() - self._renewed_at > 2 * self._lease_s

    @property
    def exit_code(self) -> int | None:
        """None while it is at work; negative: the signal that ended it."""
        return self._process.poll()

    def state(self) -> State:
        if self._process.poll() is not None:
            return "ended"
        if self._records.exists() or (self._records.parent / MANIFEST).exists():
            return "working"
        return "waiting" if self._is_kept_waiting() else "starting"

    def _is_kept_waiting(self) -> bool:
        """Return whether another run has the machine."""
        import psutil  # noqa: PLC0415 - a worker that is asked nothing needs none

        holder = named_holder(lock_path()) if self._job.waits else None
        if holder is None or holder.pid == self._process.pid:
            return False
        # One that was killed is still named; of another container nothing is known but the name.
        return holder.host != socket.gethostname() or psutil.pid_exists(holder.pid)

    def is_stopped(self) -> bool:
        """Return whether its process is held."""
        import psutil  # noqa: PLC0415 - a worker that is asked nothing needs none

        with contextlib.suppress(psutil.Error):
            return bool(psutil.Process(self._process.pid).status() == psutil.STATUS_STOPPED)
        return False

    def records_from(self, offset: int) -> tuple[str, bool]:
        """Return whole lines of records from an offset in bytes, and whether there are more."""
        try:
            with self._records.open("rb") as file:
                file.seek(offset)
                content = file.read(MOST_RECORD_BYTES)
                while b"\n" not in content and (more := file.read(MOST_RECORD_BYTES)):
                    content += more
                has_more = bool(file.read(1))
        except FileNotFoundError:
            return "", False
        end = content.rfind(b"\n") + 1
        return content[:end].decode(errors="replace"), has_more and end > 0

    def said(self) -> str:
        """Return the end of what it printed."""
        with contextlib.suppress(OSError), (self.folder / LOG).open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - MOST_SAID))
            return log.read().decode(errors="replace")
        return ""

    def close(self) -> None:
        """End it, if it still is at work, and remove its folder."""
        with contextlib.suppress(OSError):
            self._leash.close()
        if self.is_stopped():
            self._process.kill()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()  # before its first line
            self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _inside(self, path: str) -> Path:
        parts = PurePosixPath(path).parts
        if PurePosixPath(path).is_absolute() or ".." in parts or "\\" in path or ":" in path:
            raise UsageError(f'"{path}": a job\'s files lie in its folder')
        return self.folder.joinpath(*parts)


def _start_words() -> str:
    """Return the line of Python that does a job: a module that is run by `-m` has another name."""
    name = own_imports.own_name(LEASH)
    return f"import sys; from {name} import main; sys.exit(main(sys.argv[1:]))"


def environment(worker: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a command, from that of the worker: without what Dask added."""
    scrubbed = {
        name: value
        for name, value in worker.items()
        if NANNYS.get(name) != value and not name.startswith(DASKS)
    }
    return scrubbed | own_imports.environment_to_find_us() | {"COLUMNS": "160"}
