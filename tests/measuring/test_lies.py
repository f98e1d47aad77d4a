"""What plug-ins declare and processes answer is checked where it comes in, and ends one cell."""

from __future__ import annotations

import pytest

from suite.conditions import Scenario
from suite.measuring.arm import Arm
from suite.measuring.check import check
from suite.measuring.interim import decided
from suite.measuring.judge_client import JudgeClient
from suite.measuring.race import Race
from suite.problem import Problem
from suite.registry.catalogue import describe
from suite.registry.sources import Source
from suite.results.cell import Status
from tests.arms import arm
from tests.conftest import FAULTY

SCENARIO = Scenario(id="lies/1", problem=Problem.of_call((1, 2, 9, 9), (2, 2, 3, 3)))
NAMED = {
    "bytes_huge": 'workspace_bytes of "bytes_huge" returned 1000',
    "bytes_infinite": "returned inf; it has to return a number from 0 to",
    "bytes_nan": "returned nan",
    "bytes_negative": "returned -1",
    "bytes_text": "returned 'many'",
    "bytes_none": "returned None",
    "bytes_unprintable": "returned a int that cannot be printed",
    "flops_infinite": 'executed_flops of "flops_infinite" returned inf',
    "flops_huge": "returned 1000",
    "flops_negative": "returned -0.5",
    "flops_fails": "ZeroDivisionError: in the formula",
}
LIES = {
    "nan_seconds": "no reply to sample: reply.sample_s: found nan",
    "negative_seconds": "inside_s: found -1.0",
    "huge_seconds": "inside_s: found 1000",
    "seconds_in_a_list": "inside_s: found [0.1]",
    "no_sample": "outputs or no time for",
    "one_output_more": "outputs or no time for",
    "missing_field": "it lacks quiet",
    "extra_field": "'verdict' is left over",
    "passes_itself": "a failure's status cannot be passed",
}


def arms(file: str, names) -> list[Arm]:
    return [arm(name, "direct", Source(str(FAULTY / f"{file}.py"))) for name in names]


def test_formulas_that_give_no_amount_are_errors_of_their_cells_with_a_reason(settings):
    checked = {
        c.implementation: c for c in check([SCENARIO], arms("counts_wrongly", NAMED), settings)
    }

    for name, told in NAMED.items():
        assert checked[name].status is Status.ERROR
        assert told in checked[name].reason
        assert "counts_wrongly.py" in checked[name].reason


def test_a_reason_that_is_no_text_is_one_all_the_same(settings):
    (found,) = check([SCENARIO], arms("counts_wrongly", ["unsupported_by_number"]), settings)

    assert (found.status, found.reason) == (Status.UNSUPPORTED, "404")


def test_what_a_worker_declares_beside_the_code_that_is_judged_widens_nothing(settings):
    source = Source(str(FAULTY / "declares_twice.py"))
    (entry,) = describe([source], settings.log).entries
    (found,) = check([SCENARIO], [Arm(entry.declared, source)], settings)

    assert entry.family == "direct"
    assert found.status is Status.INCORRECT, found
    assert (found.error_factor, found.precision) == (1.0, None)


@pytest.fixture(scope="module")
def raced(tmp_path_factory):
    from suite.measuring.settings import Settings
    from suite.measuring.time_spent import TimeSpent

    log = tmp_path_factory.mktemp("lies") / "log"
    settings = Settings(threads=1, log=log, blocks=1, least_blocks=1, block_s=0.01, rounds=2)
    time_spent = TimeSpent()
    client = JudgeClient(settings, time_spent)
    try:
        race = Race(SCENARIO, arms("lies_on_the_wire", LIES), client, settings, time_spent)
        return {result.implementation: result for result in decided(race.results())}
    finally:
        client.close()


@pytest.mark.parametrize("lie", LIES)
def test_a_worker_that_writes_what_does_not_fit_is_an_error_with_a_reason(raced, lie):
    assert raced[lie].status is Status.ERROR
    assert LIES[lie] in raced[lie].reason
    assert raced[lie].blocks == ()
