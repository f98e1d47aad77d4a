"""Other data that empty a CPU's caches: enough on any machine, or a word that they are not."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from suite.conditions import Scenario
from suite.errors import Unsupported
from suite.operands.shared import SharedOperands
from suite.processes import cache_filler, free_memory
from suite.processes.shared_memory import OperandLayout, SharedMemory
from suite.results.cell import Status
from suite.results.folder import read_results
from suite.worker.clocks import timer_for
from tests.conftest import FAULTY

GIB = 2**30
MIB = 2**20


def plant(folder: Path, monkeypatch: pytest.MonkeyPatch, *slices: tuple[str, str]) -> Path:
    """Pretend cores 0, 1, …, each with the size of its L3 cache and the cores that share it."""
    for core, (size, shared_by) in enumerate(slices):
        for index, texts in {
            "index0": ("1", "Data", "48K", str(core)),
            "index3": ("3", "Unified", size, shared_by),
            "index4": ("4", "Instruction", "9G", str(core)),
        }.items():
            cache = folder / f"cpu{core}/cache/{index}"
            cache.mkdir(parents=True)
            for name, text in zip(("level", "type", "size", "shared_cpu_list"), texts, strict=True):
                (cache / name).write_text(f"{text}\n")
    monkeypatch.setattr(cache_filler, "_CORES", folder)
    run_on(monkeypatch, len(slices))
    return folder


def run_on(monkeypatch: pytest.MonkeyPatch, cores: int) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)), raising=False)


def leave(monkeypatch: pytest.MonkeyPatch, free_bytes: int) -> None:
    monkeypatch.setattr(free_memory, "available_bytes", lambda: free_bytes)


@pytest.fixture
def cold_scenario(scenario: Scenario) -> Scenario:
    return dataclasses.replace(scenario, cache="cold")


def test_one_cache_of_480_mib_takes_eight_times_as_much(tmp_path, monkeypatch, cold_scenario):
    plant(tmp_path, monkeypatch, *[("491520K", "0-3")] * 4)
    assert cache_filler.filler_bytes(cold_scenario) == 8 * 480 * MIB
    leave(monkeypatch, 24 * GIB)
    cache_filler.require_room(cold_scenario)


def test_of_many_caches_only_those_count_that_our_cores_share(tmp_path, monkeypatch, cold_scenario):
    slices = [(f"{32 * 1024}K", "0-1")] * 2 + [("32M", "2-3")] * 2 + [("1G", "4-5")] * 2
    plant(tmp_path, monkeypatch, *slices)
    assert cache_filler.last_level_cache_bytes() == 64 * MIB + GIB
    run_on(monkeypatch, 4)
    assert cache_filler.filler_bytes(cold_scenario) == 8 * 64 * MIB
    run_on(monkeypatch, 1)
    assert cache_filler.filler_bytes(cold_scenario) == 8 * 32 * MIB


def test_what_would_not_fit_into_memory_is_refused_and_says_so(
    tmp_path, monkeypatch, cold_scenario
):
    plant(tmp_path, monkeypatch, ("1G", "0"))
    leave(monkeypatch, 2 * GIB)
    with pytest.raises(Unsupported, match=r"8\.00 GiB of other data .* 2\.00 GiB of memory are"):
        timer_for(cold_scenario)
    with SharedMemory(OperandLayout(cold_scenario).size_bytes) as shared:
        operands = SharedOperands(cold_scenario, shared.path, writable=False)
        with pytest.raises(Unsupported, match="cache: hot"):
            operands.filler()


@pytest.mark.parametrize("size", ["", "0K", "unknown", "-1"])
def test_where_no_cache_is_told_a_fixed_amount_is_read_and_the_cell_says_so(
    tmp_path, monkeypatch, cold_scenario, size
):
    if size:
        plant(tmp_path, monkeypatch, (size, "0"))
    else:
        monkeypatch.setattr(cache_filler, "_CORES", tmp_path / "nothing")
    assert cache_filler.filler_bytes(cold_scenario) == cache_filler.LEAST_FILLER_BYTES
    assert "does not tell the sizes" in (cache_filler.note(cold_scenario) or "")


def test_nothing_is_read_and_nothing_noted_where_caches_are_hot_or_a_card_s(scenario, monkeypatch):
    monkeypatch.setattr(cache_filler, "_CORES", Path("nothing"))
    for other in (scenario, dataclasses.replace(scenario, device="cuda", cache="cold")):
        assert cache_filler.filler_bytes(other) == 0
        assert cache_filler.note(other) is None


def test_all_workers_read_the_same_data_and_the_second_needs_no_room_for_it(
    tmp_path, monkeypatch, cold_scenario
):
    plant(tmp_path, monkeypatch, ("1M", "0"))
    with SharedMemory(OperandLayout(cold_scenario).size_bytes) as shared:
        first = SharedOperands(cold_scenario, shared.path, writable=False).filler()
        leave(monkeypatch, MIB)
        second = SharedOperands(cold_scenario, shared.path, writable=False).filler()
    assert first is not None
    assert second is not None
    assert first.nbytes == second.nbytes == cache_filler.LEAST_FILLER_BYTES
    assert first.data_ptr() != second.data_ptr()


def test_a_run_with_cold_caches_passes_or_says_why_not(command, tiny, tmp_path):
    tiny.write_text(
        tiny.read_text(encoding="utf-8").replace("layers:", "defaults: {cache: cold}\nlayers:")
    )
    # The first to be opened needs the room, and that is the reference.
    rows = ("--plugin", FAULTY / "no_room.py", "--reference", "no_room", "--impl", "torch")

    said = command(
        "run", tiny, *rows, "--scenario", "a", "--blocks", "1", "--threads", "1", "--out", "r"
    )

    assert said.code == 0, said.out + said.err
    found = {result.implementation: result for result in read_results(tmp_path / "r")}
    assert found["torch"].status is Status.PASSED
    assert found["no_room"].status is Status.UNSUPPORTED
    assert "caches cannot be made cold here" in found["no_room"].reason
    assert "caches cannot be made cold here" in said.out


# -- what is free ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("own", "files"),
    [
        (
            "0::/a/b",
            {
                "memory.max": "8589934592",
                "memory.current": "1",
                "a/memory.max": "30000000",
                "a/memory.current": "25000000",
                "a/memory.stat": "anon 1\ninactive_file 2000000",
                "a/b/memory.max": "max",
                "a/b/memory.current": "5",
            },
        ),
        ("0::/", {"memory.max": "30000000", "memory.current": "23000000"}),
        (
            "4:memory:/a\n1:cpu:/elsewhere\n0::/",
            {
                "memory/a/memory.limit_in_bytes": "30000000",
                "memory/a/memory.usage_in_bytes": "25000000",
                "memory/a/memory.stat": "inactive_file 1\ntotal_inactive_file 2000000",
                "memory/memory.limit_in_bytes": "9223372036854771712",
                "memory/memory.usage_in_bytes": "99",
            },
        ),
    ],
    ids=["a limit further up", "a container's own view", "version 1"],
)
def test_a_container_s_limit_counts_and_idle_cached_files_do_not(tmp_path, monkeypatch, own, files):
    for path, text in files.items():
        file = tmp_path / "groups" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n")
    (tmp_path / "own").write_text(f"{own}\n")
    monkeypatch.setattr(free_memory, "_OWN_GROUPS", tmp_path / "own")
    monkeypatch.setattr(free_memory, "_GROUPS", tmp_path / "groups")
    assert free_memory.available_bytes() == 7_000_000


def test_without_control_groups_it_is_the_machine_s_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(free_memory, "_OWN_GROUPS", tmp_path / "nothing")
    assert free_memory.available_bytes() > 100 * MIB
