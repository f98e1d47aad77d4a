"""The Python of an implementation, by samples of its stack; needs the optional pyinstrument."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite.errors import Unsupported
from suite.program import how_to_install
from suite.results.profile import Function

if TYPE_CHECKING:
    from suite.profiling.child.subject import Subject

BUDGET_S = 0.25
LONGEST_S = 1.0
INTERVAL_S = 0.0002
MOST_FUNCTIONS = 12
OWN = ("subject.py", "python_stacks.py", "cpu_clock.py", "cuda_clock.py", "binding.py")


def sample(subject: Subject, page: Path) -> tuple[Function, ...]:
    """Sample the stack for some calls, write pyinstrument's page and return the functions by time.

    Raises:
        Unsupported: pyinstrument is not installed.
    """
    try:
        from pyinstrument import Profiler  # noqa: PLC0415 - optional
    except ImportError as error:
        raise Unsupported(f"pyinstrument is not installed: {how_to_install('profile')}") from error
    profiler = Profiler(interval=INTERVAL_S, async_mode="disabled")
    calls = subject.calls_in(BUDGET_S, 2, 20_000)
    started = time.perf_counter()
    with profiler:
        for _ in range(calls):
            subject.call()
            if time.perf_counter() - started > LONGEST_S:
                break
    page.write_text(profiler.output_html(), encoding="utf-8")
    root = profiler.last_session.root_frame() if profiler.last_session else None
    return _functions(root) if root else ()


def _functions(root: Any) -> tuple[Function, ...]:
    own_s: dict[tuple[str, str], float] = {}
    pending = [root]
    while pending:
        frame = pending.pop()
        pending.extend(frame.children)
        file = Path(frame.file_path or "").name
        if frame.is_synthetic:
            # "[self]": the time of the function around it.
            around = frame.parent
            key = (around.function, f"{Path(around.file_path or '').name}:{around.line_no}")
            own_s[key] = own_s.get(key, 0.0) + frame.time
        elif not frame.children and file not in OWN:
            key = (frame.function, f"{file}:{frame.line_no}")
            own_s[key] = own_s.get(key, 0.0) + frame.time
    whole_s = root.time or 1.0
    longest = sorted(own_s.items(), key=lambda item: -item[1])[:MOST_FUNCTIONS]
    return tuple(
        Function(name=name, place=place, share=seconds / whole_s)
        for (name, place), seconds in longest
        if seconds > 0
    )
