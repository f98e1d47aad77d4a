"""Whether times may be compared: every difference is named with both values, and nothing else."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from suite.conditions import Scenario
from suite.problem import Problem
from suite.results.cell import CellResult, Status
from suite.results.comparable import (
    comparability,
    fingerprint,
    kept_variables,
    why_other_work,
)
from suite.results.folder import Run
from tests.unlike_runs import KINDS, MACHINE, VARIABLES, told, unlike

PROBLEM = Problem(
    batch_size=1, in_channels=4, height=8, width=8, out_channels=4, kernel_h=3, kernel_w=3
)


def cell(*, family: str = "direct", threads: int | None = 2, **scenario: object) -> CellResult:
    return CellResult(
        scenario=Scenario(**{"id": "t/a", "problem": PROBLEM, **scenario}),
        implementation="mine",
        family=family,
        status=Status.ERROR,
        reason="not run",
        threads=threads,
    )


def run_of(*cells: CellResult) -> Run:
    return told(Run(Path("nowhere"), {}, cells or (cell(),)))


def without(run: Run, *facts: str) -> Run:
    machine = {name: value for name, value in run.manifest["machine"].items() if name not in facts}
    return dataclasses.replace(run, manifest={**run.manifest, "machine": machine})


def with_manifest(run: Run, **entries: object) -> Run:
    manifest = {**run.manifest, **entries}
    return dataclasses.replace(
        run, manifest={key: value for key, value in manifest.items() if value is not None}
    )


def test_runs_that_are_alike_may_be_compared_and_nothing_is_assumed():
    found = comparability(run_of(), run_of())
    assert (found.mismatches, found.unknown, found.why_not, found.assumed) == ((), (), "", "")


@pytest.mark.parametrize("kind", KINDS)
def test_each_difference_is_named_with_both_values_and_is_the_only_one(kind):
    other, text = unlike(run_of(), kind)
    found = comparability(run_of(), other)
    assert len(found.mismatches) == 1
    assert found.why_not.endswith(text)
    assert found.unknown == ()


def test_several_differences_are_all_named():
    other = told(run_of(), cpu="Graviton 4", threads=4)
    assert comparability(run_of(), other).why_not == (
        "cpu AMD EPYC 7B13 and Graviton 4; threads 2 and 4"
    )


@pytest.mark.parametrize(
    ("fact", "value"),
    [("hostname", "bench-2"), ("noise", 0.5), ("memory_bytes", 1), ("python", "3.11.9")],
)
def test_what_no_time_depends_on_does_not_count(fact, value):
    assert comparability(run_of(), told(run_of(), **{fact: value})).mismatches == ()


@pytest.mark.parametrize("fact", ["gpu_driver", "cuda", "cudnn", "triton"])
def test_what_only_a_gpus_times_depend_on_counts_where_a_gpu_was_measured(fact):
    def at(version: str, device: str) -> Run:
        card = dict.fromkeys(("gpu_driver", "cuda", "cudnn", "triton"), "1") | {"gpu": "H100"}
        return told(run_of(cell(device=device)), **{**card, fact: version})

    assert comparability(at("1", "cpu"), at("2", "cpu")).mismatches == ()
    (found,) = comparability(at("1", "cuda"), at("2", "cuda")).mismatches
    assert (found.first, found.second) == ("1", "2")


def test_numbas_version_counts_where_rows_may_be_compiled():
    vendor, own = cell(family="vendor"), cell(family="direct")
    assert comparability(run_of(vendor), told(run_of(vendor), numba="0.60.0")).mismatches == ()
    assert comparability(run_of(own), told(run_of(vendor), numba="0.60.0")).mismatches
    assert comparability(run_of(own), told(run_of(own), numba=None)).why_not == (
        "numba 0.61.0 and none"
    )


@pytest.mark.parametrize("fact", ["caches", "flags", "cpu_quota", "numba", "threads"])
def test_what_an_older_run_does_not_tell_is_no_difference_and_is_said(fact):
    for pair in ((without(run_of(), fact), run_of()), (run_of(), without(run_of(), fact))):
        found = comparability(*pair)
        assert found.mismatches == ()
        assert found.unknown == (fact.replace("_", " "),)
        assert fact.replace("_", " ") in found.assumed
    assert comparability(without(run_of(), fact), without(run_of(), fact)).unknown == ()


def test_what_the_system_did_not_tell_is_unknown_too():
    found = comparability(told(run_of(), governor=None), run_of())
    assert (found.mismatches, found.unknown) == ((), ("governor",))


@pytest.mark.parametrize("fact", ["cpu", "torch"])
def test_a_run_that_says_nothing_of_its_machine_is_not_comparable(fact):
    nothing = without(run_of(), fact)
    assert comparability(nothing, run_of()).why_not == f"{fact} unknown and {MACHINE[fact]}"
    assert comparability(nothing, nothing).why_not == f"{fact} unknown and unknown"


def test_a_variable_that_an_older_run_did_not_look_for_is_unknown_and_one_that_it_did_counts():
    old = with_manifest(run_of(), environment={"OMP_PROC_BIND": "close"}, environment_kept=None)
    new = with_manifest(run_of(), **kept_variables({**VARIABLES, "LD_PRELOAD": "libjemalloc.so"}))
    found = comparability(old, new)
    assert (found.mismatches, found.unknown) == ((), ("LD_PRELOAD",))
    waiting = with_manifest(run_of(), **kept_variables({**VARIABLES, "OMP_WAIT_POLICY": "active"}))
    assert comparability(old, waiting).why_not == "OMP_WAIT_POLICY unset and active"


def test_a_run_without_any_word_on_its_environment_is_assumed_to_have_the_same():
    silent = with_manifest(run_of(), environment=None, environment_kept=None)
    found = comparability(silent, run_of())
    assert (found.mismatches, found.unknown) == ((), ("OMP_PROC_BIND",))


def test_where_files_lie_is_not_kept_and_does_not_count():
    places = {"TORCH_HOME": "/a", "NUMBA_CACHE_DIR": "/b", "TRITON_CACHE_DIR": "/c", "HOME": "/d"}
    assert kept_variables(places)["environment"] == {}
    old = with_manifest(run_of(), environment={**VARIABLES, "NUMBA_CACHE_DIR": "/b"})
    assert comparability(old, run_of()).mismatches == ()


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        ({}, {}, ""),
        ({}, {"id": "t/b", "occurrences": 3, "source": "other"}, ""),
        ({}, {"threads": 2}, ""),  # asked for by the scenario there, by the run here: the cell's
        ({}, {"cache": "hot"}, ""),  # what is usual, said aloud
        ({}, {"problem": dataclasses.replace(PROBLEM, width=9)}, "another problem or setting"),
        ({}, {"dtype": "float64"}, "another problem or setting"),
        ({}, {"cache": "cold"}, "another problem or setting"),
    ],
)
def test_cells_do_the_same_work_whatever_they_are_called(first, second, why):
    said = why_other_work(cell(**first), cell(**second))
    assert said.startswith(why)
    assert bool(said) == bool(why)


def test_cells_with_other_threads_do_other_work_where_both_tell_them():
    assert why_other_work(cell(threads=2), cell(threads=1)) == "2 and 1 threads"
    assert why_other_work(cell(threads=None), cell(threads=1)) == ""


def test_a_fingerprint_follows_what_every_time_depends_on_and_nothing_else():
    assert fingerprint(MACHINE) == fingerprint({**MACHINE, "hostname": "b", "gpu_driver": "550"})
    assert fingerprint(MACHINE) != fingerprint({**MACHINE, "cpu_quota": 1.5})
