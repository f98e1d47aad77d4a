"""One command in, its exit code out; every deliberate error becomes a message."""

from __future__ import annotations

import atexit
import gc
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from types import FrameType

from commands._saying import guarded, say_error
from commands._streams import unbreakable
from commands._surroundings import refusal, require_folder
from commands.arguments import build_parser
from suite.errors import EXIT_DEFECT, EXIT_INTERRUPTED, EXIT_USAGE, ConvGaugeError
from suite.program import how_to_install

OBJECTS_BETWEEN_COLLECTIONS = 100_000
"""More than a quick command makes: looking through them for garbage takes 5 ms of about 150."""

WITH_PROCESSES = ("check", "run", "tune")
"""Commands that start processes whatever else they are asked."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that these words (those of the process if None) ask for."""
    with unbreakable() as streams:
        with guarded():
            code = _answered(arguments)
            sys.stdout.flush()
        if streams.failure is None:
            return code
        say_error(f"what was printed is lost in part: {streams.failure.strerror}")
        return code or EXIT_USAGE


def _answered(arguments: Sequence[str] | None) -> int:
    usual = gc.get_threshold()
    atexit.register(_leave_as_it_is)
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS, *usual[1:])
    try:
        with _hearing_interrupts():
            require_folder()
            words = sys.argv[1:] if arguments is None else arguments
            options = build_parser(words).parse_args(words)
            if options.command in WITH_PROCESSES and not getattr(options, "on", None):
                from suite.processes import fork_server  # noqa: PLC0415 - others start sooner

                fork_server.start_early()
            code: int = import_module(f"{__package__}.{options.command}").main(options)
            return code
    except ConvGaugeError as error:
        say_error(error)
        return error.exit_code
    except KeyboardInterrupt:
        say_error("interrupted")
        return EXIT_INTERRUPTED
    except ModuleNotFoundError as error:
        say_error(f"the package {error.name} is not installed; run: {how_to_install()}")
        return EXIT_USAGE
    except Exception as error:
        if refused := refusal(error):
            say_error(refused)
            return EXIT_USAGE
        import traceback  # noqa: PLC0415

        traceback.print_exc()
        say_error(f"a defect in ConvGauge ({error}); please report it with this text")
        return EXIT_DEFECT
    finally:
        gc.set_threshold(*usual)


def _leave_as_it_is() -> None:
    """Spare a process that ends its last two looks for garbage, 5 ms of a quick command.

    Not where torch is loaded: libraries that come with it take what is left for leaks, and say so.
    """
    if "torch" not in sys.modules:
        gc.freeze()


@contextmanager
def _hearing_interrupts() -> Iterator[None]:
    """Let Ctrl-C, `kill -INT` and `kill` end the command, whatever its parent did with them.

    A shell without job control starts `command &` with SIGINT ignored, and some schedulers start
    jobs with signals blocked. Python leaves both as they are: a run in the background of a script
    could then be ended by `kill -9` alone, which writes no report. Whoever calls a command from
    Python has its own way with signals back afterwards, and keeps it in a thread, where Python
    allows none to be set.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {
        number: signal.signal(number, handler)
        for number, handler in (
            (signal.SIGINT, signal.default_int_handler),
            (signal.SIGTERM, _raise_interrupt),
        )
    }
    blocked: set[int] = set()
    if hasattr(signal, "pthread_sigmask"):
        blocked = signal.pthread_sigmask(signal.SIG_UNBLOCK, handlers) & handlers.keys()
    try:
        yield
    finally:
        if blocked:
            signal.pthread_sigmask(signal.SIG_BLOCK, blocked)
        for number, handler in handlers.items():
            if handler is not None:  # one that was not set from Python cannot be set again
                signal.signal(number, handler)


def _raise_interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
