"""Student's t and F against published tables (and scipy.stats, which is other code)."""

from __future__ import annotations

import subprocess
import sys

import pytest
from scipy import stats

from suite.stats import student
from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("probability", "degrees", "t"),
    [
        (0.975, 1, 12.706),
        (0.975, 3, 3.182),
        (0.975, 30, 2.042),
        (0.975, 120, 1.980),
        (0.95, 10, 1.812),
        (0.995, 7, 3.499),
    ],
)
def test_quantiles_are_those_of_the_tables(probability, degrees, t):
    assert student.quantile(probability, degrees) == pytest.approx(t, abs=5e-4)


def test_degrees_need_not_be_whole():
    assert student.quantile(0.95, 5.5) == pytest.approx(stats.t.ppf(0.95, 5.5))
    assert student.upper_tail(1.7, 5.5) == pytest.approx(stats.t.sf(1.7, 5.5))


@pytest.mark.parametrize("t", [0.0, 1.0, 40.0, 5e7])
def test_the_tail_undoes_the_quantile_far_out_too(t):
    assert student.upper_tail(t, 4.2) == pytest.approx(stats.t.sf(t, 4.2))


@pytest.mark.parametrize("more", [1, 2, 3])
@pytest.mark.parametrize("residual_degrees", [1, 2, 5, 12])
@pytest.mark.parametrize("ratio", [0.0, 0.3, 4.0, 50.0, 1000.0])
def test_the_tail_of_f_is_scipys(more, residual_degrees, ratio):
    assert student.upper_tail_of_f(ratio, more, residual_degrees) == pytest.approx(
        stats.f.sf(ratio, more, residual_degrees)
    )


def test_f_of_one_parameter_is_students_t_squared():
    assert student.upper_tail_of_f(2.5**2, 1, 8) == pytest.approx(2 * student.upper_tail(2.5, 8))


def test_scipy_is_loaded_with_the_first_number_and_not_with_the_module():
    code = (
        "import sys\n"
        "from suite.stats import intervals, paired, student\n"
        "assert 'scipy' not in sys.modules\n"
        "intervals.log_interval([1.0, 1.1, 1.2])\n"
        "assert 'scipy.special' in sys.modules and 'scipy.stats' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
