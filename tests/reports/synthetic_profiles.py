"""Profiles made up for the writers' tests: every part in them, and one in pieces."""

from __future__ import annotations

import dataclasses
from statistics import median

from suite.results.cell import CellResult, Status
from suite.results.folder import Run
from suite.results.profile import (
    CellProfile,
    Counts,
    Function,
    LiveBytes,
    Memory,
    OperatorRow,
    Operators,
    Phases,
    StackNode,
    ThreadTime,
)
from tests.reports.synthetic import SCENARIOS, small_run


def profile_of(result: CellResult) -> CellProfile:
    """Return a profile of a passed cell, with every part in it."""
    time_s = median(block.reference_s or 1e-3 for block in result.blocks)
    marked = result.family not in ("reference", "vendor", "loops")
    shares = {"transform": 0.4, "product": 0.5, "unpack": 0.04} if marked else {}
    steps = 60
    workspace = result.workspace_bytes or 0
    output = 4 * result.scenario.problem.output_elements
    return CellProfile(
        scenario=result.scenario.id,
        implementation=result.implementation,
        phases=Phases(
            unprofiled_s=time_s,
            phases_s={name: share * time_s for name, share in shares.items()},
            unmarked_s=time_s * (1.01 - sum(shares.values())),
            calls=40,
        ),
        operators=Operators(
            call_s=time_s * 1.1,
            operators=4.0,
            rows=(
                OperatorRow(
                    name="bmm",
                    calls=1.0,
                    self_s=time_s * 0.5,
                    total_s=time_s * 0.52,
                    allocated_bytes=output,
                ),
                OperatorRow(
                    name="im2col",
                    calls=1.0,
                    self_s=time_s * 0.4,
                    total_s=time_s * 0.4,
                    allocated_bytes=workspace,
                ),
            ),
            stacks=(
                StackNode(name=f"{result.implementation} (x.py:7)", parent=None, total_s=time_s),
                StackNode(name="phase: transform", parent=0, total_s=time_s * 0.4),
                # Rounding may make children longer than their parent.
                StackNode(name="phase: product", parent=0, total_s=time_s * 0.60001),
                StackNode(name="aten::bmm", parent=2, total_s=time_s * 0.5),
            ),
            counts=Counts(
                executed_flops=result.executed_flops,
                flops_source="closed form",
                counted_flops=result.scenario.problem.direct_flops,
                moved_bytes=result.scenario.least_bytes + 2 * workspace,
                bytes_source="operators",
                note="torch's counter and the closed form agree",
            ),
            overhead_s=9e-6,
        ),
        memory=Memory(
            timeline=LiveBytes(
                at_s=tuple(time_s * step / steps for step in range(steps)),
                input=(4 * result.scenario.problem.input_elements,) * steps,
                weight=(4 * result.scenario.problem.weight_elements,) * steps,
                output=tuple(output if step > 30 else 0 for step in range(steps)),
                workspace=tuple(workspace if step < 50 else 0 for step in range(steps)),
            ),
            peak_bytes=output + workspace,
            workspace_bytes=workspace,
            outside_bytes=0,
            system_peak_bytes=output + workspace + 4096,
        ),
        threads=(
            ThreadTime(threads=1, time_s=time_s * 1.7),
            ThreadTime(threads=2, time_s=time_s),
        ),
        python=(Function(name="f", place="x.py:7", share=0.25),),
        counters={"instructions": 1.5e6, "cycles": 1e6},
        instructions=1234567.0,
        instructions_path="AVX2",
        files={"trace.json.gz": f"profiles/{len(result.key)}/trace.json.gz"},
        missing={"counters": "this machine has no hardware counters for perf"},
        took_s=3.5,
    )


def profiled_run() -> Run:
    """Return `small_run` with profiles of the first two scenarios, one of them in pieces."""
    run = small_run()
    identities = [name for name, _ in SCENARIOS[:2]]
    profiles = {
        result.key: profile_of(result)
        for result in run.results
        if result.status is Status.PASSED and result.scenario.id in identities
    }
    crashed = CellProfile(
        scenario=identities[0],
        implementation="fft",
        missing={"phases": "the process died of SIGSEGV; in File x.py"},
    )
    return dataclasses.replace(run, profiles={**profiles, crashed.key: crashed})
