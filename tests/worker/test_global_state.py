"""What a call changes for the whole process is put back and said, whatever it is."""

from __future__ import annotations

import builtins
import faulthandler
import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch.overrides import TorchFunctionMode

from suite.worker import cpu_clock
from suite.worker.global_state import GlobalState
from suite.worker.guard import Guard
from suite.worker.outputs import OutputFault
from suite.worker.side_effects import Watch
from suite.worker.torch_flags import put_back, switches, value_of

Change = Callable[[], object]


def flip(read: Callable[[], bool], write: Callable[[bool], object]) -> Change:
    return lambda: write(not read())


def of_backend(holder: object, name: str, value: object) -> Change:
    return lambda: setattr(holder, name, value)


def another_core() -> object:
    cores = sorted(os.sched_getaffinity(0))
    return os.sched_setaffinity(0, cores[:-1] or cores)


class Silent(TorchFunctionMode):
    """A mode that changes nothing: it stands there and could."""


def dispatch_mode() -> object:
    from torch.utils._python_dispatch import TorchDispatchMode

    return TorchDispatchMode().__enter__()


KEPT: list[object] = []
"""What would undo itself if it were collected."""


def keep(thing: object) -> object:
    KEPT.append(thing)
    return thing.__enter__()  # type: ignore[attr-defined]


def switch_off(on: bool) -> object:
    return None if on else faulthandler.disable()


CHANGES: dict[str, tuple[Change, str]] = {
    "flush to zero": (lambda: torch.set_flush_denormal(True), "arithmetic keeps denormals → flus"),
    "threads": (lambda: torch.set_num_threads(torch.get_num_threads() + 1), "number of threads"),
    "dtype": (lambda: torch.set_default_dtype(torch.float64), "default dtype torch.float32 → "),
    "device": (lambda: torch.set_default_device("meta"), "default device none → "),
    "gradients": (
        flip(torch.is_grad_enabled, torch._C._set_grad_enabled),
        "grad mode",
    ),
    "autocast": (lambda: keep(torch.autocast("cpu")), "autocast on cpu False → True"),
    "its type": (lambda: torch.set_autocast_dtype("cpu", torch.float16), "type of autocast on cpu"),
    "cuDNN": (of_backend(torch.backends.cudnn, "benchmark", True), "cudnn_benchmark False → True"),
    "oneDNN": (of_backend(torch.backends.mkldnn, "enabled", False), "mkldnn_enabled True → False"),
    "TF32": (of_backend(torch.backends.cuda.matmul, "allow_tf32", True), "allow_tf32 False → True"),
    "deterministic": (
        flip(torch.are_deterministic_algorithms_enabled, torch.use_deterministic_algorithms),
        "deterministic_algorithms",
    ),
    "precision": (lambda: torch.set_float32_matmul_precision("medium"), "matmul_precision highest"),
    "attention": (lambda: torch.backends.cuda.enable_flash_sdp(False), "flash_sdp_enabled True"),
    "anomalies": (lambda: torch.autograd.set_detect_anomaly(True), "anomaly_enabled False → True"),
    "functions": (lambda: keep(Silent()), "modes of torch functions 0 → 1"),
    "dispatch": (dispatch_mode, "dispatch modes 0 → 1"),
    "hooks": (
        lambda: torch.nn.modules.module.register_module_forward_hook(lambda *_: None),
        "hooks of all modules",
    ),
    "randomness": (lambda: torch.rand(1), "random state"),
    "no garbage": (flip(gc.isenabled, lambda on: gc.enable() if on else gc.disable()), "garbage c"),
    "thresholds": (lambda: gc.set_threshold(1, 1, 1), "thresholds of garbage collection"),
    "freeze": (gc.freeze, "objects hidden from garbage collection"),
    "callbacks": (lambda: gc.callbacks.append(lambda *_: None), "callbacks of garbage collection"),
    "profile": (lambda: sys.setprofile(lambda *_: None), "profile function None → <lambda>"),
    "trace of threads": (lambda: threading.settrace(lambda *_: None), "trace function of threads"),
    "profile of threads": (lambda: threading.setprofile(lambda *_: None), "profile function of th"),
    "switch interval": (lambda: sys.setswitchinterval(0.5), "switch interval"),
    "faults": (
        flip(faulthandler.is_enabled, lambda on: (on and faulthandler.enable()) or switch_off(on)),
        "fault handler",
    ),
    "finders": (lambda: sys.meta_path.append(object()), "import hooks"),  # type: ignore[arg-type]
    "path hooks": (lambda: sys.path_hooks.append(lambda _: None), "import hooks"),  # type: ignore
    "folder": (lambda: os.chdir("/"), "working folder"),
    "variable": (lambda: os.environ.update(OMP_NUM_THREADS="7"), ", OMP_NUM_THREADS"),
    "variable gone": (lambda: os.environ.pop("PATH"), "PATH"),
    "handler": (lambda: signal.signal(signal.SIGTERM, lambda *_: None), "signal handlers: SIGTERM"),
}
IF_THERE: dict[str, tuple[str, Change, str]] = {
    "alarm": ("setitimer", lambda: signal.setitimer(signal.ITIMER_REAL, 99), "alarms [False"),
    "mask": (
        "pthread_sigmask",
        lambda: signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1]),
        "blocked signals",
    ),
}
CHANGES |= {k: (do, said) for k, (name, do, said) in IF_THERE.items() if hasattr(signal, name)}
if sys.platform == "linux" and len(os.sched_getaffinity(0)) > 1:
    CHANGES["affinity"] = another_core, "affinity ["
if hasattr(os, "getuid") and os.getuid() == 0:  # others may not take it back
    CHANGES["priority"] = lambda: os.nice(1), "priority 0 → 1"


@pytest.fixture
def before() -> Iterator[GlobalState]:
    """What pytest and this process have; everything is as before when the test ends."""
    was_faulty = faulthandler.is_enabled()
    state = GlobalState()
    yield state
    state.restore()
    assert faulthandler.is_enabled() == was_faulty
    KEPT.clear()


@pytest.mark.parametrize("name", CHANGES)
def test_what_a_call_leaves_changed_is_put_back_and_said(before, name):
    change, said = CHANGES[name]
    change()

    changed = before.restore()

    assert [text for text in changed if said in text], changed
    assert before.restore() == []
    assert GlobalState().restore() == []


def test_a_call_that_puts_back_what_it_sets_is_nobody_s_concern(before):
    folder, state = Path.cwd(), GlobalState()
    with torch.autocast("cpu"), torch.random.fork_rng(), torch.backends.cudnn.flags(benchmark=True):
        torch.rand(1)
        os.chdir("/")
        os.chdir(folder)
    gc.disable()
    gc.enable()
    assert state.restore() == []


def test_switches_are_found_by_looking_and_can_be_written():
    names = {name for name, _, _ in switches()}
    assert len(names) > 40
    for known in ("cudnn.benchmark", "mkldnn.enabled", "cuda.matmul.allow_tf32"):
        assert any(name.endswith(known) for name in names)
    truths = [s for s in switches() if value_of(s[1]) in (True, False)]
    written = 0
    state = GlobalState()
    for name, read, write in truths:
        was = read()
        try:
            put_back(write, not was)
        except (RuntimeError, TypeError, AttributeError, AssertionError, ValueError):
            continue  # one that this build has not
        if value_of(read) == was:
            continue
        written += 1
        assert [text for text in state.restore() if " → " in text], name
        assert value_of(read) == was, name
    assert written > 20


# -- imports and first calls -----------------------------------------------------------------------


def test_an_import_may_set_up_its_process_but_no_hook_into_our_clock(monkeypatch):
    callbacks, threshold = list(gc.callbacks), gc.get_threshold()
    watch = Watch()
    monkeypatch.setenv("SOME_LIBRARY", "1")
    gc.callbacks.append(lambda *_: None)
    gc.set_threshold(1, 1, 1)

    said = watch.imported()

    assert "callbacks of garbage collection" in said
    assert "environment: SOME_LIBRARY" in said
    assert "thresholds of garbage collection" in said
    assert (gc.callbacks, gc.get_threshold()) == (callbacks, threshold)
    assert os.environ["SOME_LIBRARY"] == "1"
    watch.begin()
    watch.require_state()


def test_a_first_call_may_load_what_it_needs_and_no_later_one(monkeypatch):
    watch = Watch()
    watch.begin()
    monkeypatch.setenv("SOME_LIBRARY", "1")
    assert watch.settle() == "a first call changed global state (environment: SOME_LIBRARY)"
    assert watch.settle() == ""
    watch.begin()
    monkeypatch.setenv("SOME_LIBRARY", "2")
    with pytest.raises(OutputFault, match="environment: SOME_LIBRARY"):
        watch.require_state()


def test_a_first_call_may_not_change_how_others_compute(before):
    watch = Watch()
    watch.begin()
    torch.set_flush_denormal(True)
    with pytest.raises(OutputFault, match="flushes denormals to zero"):
        watch.settle()


# -- replaced code ---------------------------------------------------------------------------------


def other(*_: object, **__: object) -> None:
    """Stand in for what is replaced."""


@pytest.mark.parametrize(
    ("holder", "name"),
    [
        (time, "perf_counter_ns"),
        (builtins, "__import__"),
        (builtins, "len"),
        (torch.Tensor, "copy_"),
        (torch.Tensor, "__add__"),
        (torch, "allclose"),
        (torch.nn.functional, "conv2d"),
        (torch.cuda, "synchronize"),
        (gc, "disable"),
        (cpu_clock, "cpu_timer"),
        (cpu_clock.HotTimer, "__call__"),
        (GlobalState, "restore"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_whatever_is_replaced_is_named(monkeypatch, holder, name):
    guard = Guard()
    real = getattr(holder, name)

    def standing_in(*args: object, **options: object) -> object:
        return real(*args, **options)

    monkeypatch.setattr(holder, name, standing_in)
    patched = guard.patched()
    monkeypatch.undo()
    assert patched == [f"{holder.__name__}.{name}"]
    assert guard.patched() == []


def test_a_function_is_changed_as_well_where_its_code_or_what_it_is_bound_to_is(monkeypatch):
    guard = Guard()
    monkeypatch.setitem(cpu_clock.cpu_timer.__kwdefaults__, "_now", other)
    assert guard.patched() == ["convgauge.suite.worker.cpu_clock.cpu_timer"]
    monkeypatch.undo()
    monkeypatch.setattr(cpu_clock.batch_size, "__code__", other.__code__)
    assert "convgauge.suite.worker.cpu_clock.batch_size" in guard.patched()
    monkeypatch.undo()
    assert guard.patched() == []


def test_what_is_added_is_no_replacement(monkeypatch):
    guard = Guard()
    monkeypatch.setattr(torch.Tensor, "of_a_library", other, raising=False)
    monkeypatch.setattr(torch, "of_a_library", other, raising=False)
    assert guard.patched() == []
