"""The first code of a measuring process on a machine of a fleet: it ends with whoever asked for it.

Standard input is the leash. The worker that started this process writes a byte whenever somebody
asks about the job. Where the pipe closes, the worker has died, however that came about; where no
byte comes for the time of the lease, it hangs, or has lost its network, or nobody wants to know any
more. In all of these the scenario is somebody else's by now, and two would measure at once. Works
wherever there are pipes, and costs the process two threads that sleep.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Sequence

from suite import own_imports

EXIT_UNLEASHED = 71
"""Where there is no SIGKILL."""


def hold(lease_s: float) -> None:
    """Watch standard input from now on, which nobody else can read any more."""
    leash = os.dup(0)
    os.set_inheritable(leash, False)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    heard_at = [time.monotonic()]

    def listen() -> None:
        while True:
            try:
                is_open = bool(os.read(leash, 4096))
            except OSError:
                is_open = False
            if not is_open:
                _end()
            heard_at[0] = time.monotonic()

    def watch() -> None:
        while (left_s := heard_at[0] + lease_s - time.monotonic()) > 0:
            time.sleep(left_s)
        _end()

    for target in (listen, watch):
        threading.Thread(target=target, daemon=True, name="leash").start()


def _end() -> None:
    """End this process at once: what it started ends with it, as after any `kill -9`."""
    if hasattr(signal, "SIGKILL"):
        os.kill(os.getpid(), signal.SIGKILL)
    os._exit(EXIT_UNLEASHED)


def main(arguments: Sequence[str]) -> int:
    """Do an ordinary command on the leash.

    Args:
        arguments: what does it ("commands._main:main"), seconds of the lease, the command's words.
    """
    target, lease_s, *words = arguments
    hold(float(lease_s))
    sys.argv = [own_imports.PACKAGE, *words]  # as others who wait for the machine see it
    module, _, function = target.partition(":")
    code: int = getattr(own_imports.import_own(module), function)(words)
    return code
