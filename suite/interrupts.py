"""Steps that an interruption may not split: done whole, and then it is heard."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Have Ctrl-C and a request to end wait; only the main thread ever gets one."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[int] = []
    held = signal.SIGINT, signal.SIGTERM
    before = {number: signal.signal(number, lambda at, _: arrived.append(at)) for number in held}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for at in dict.fromkeys(arrived):
            signal.raise_signal(at)
