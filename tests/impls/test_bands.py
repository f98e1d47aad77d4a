"""Products that are finished band by band: each band meets its own part of bias and residual."""

from __future__ import annotations

import pytest
import torch

from impls import _bands
from suite.epilogues import EPILOGUES
from suite.operands.epilogue import finished


@pytest.mark.parametrize("epilogue", EPILOGUES[1:])
@pytest.mark.parametrize("has_bias", [True, False])
def test_bands_of_rows_and_of_columns_together_are_the_whole(epilogue, has_bias, monkeypatch):
    monkeypatch.setattr(_bands, "BAND_BYTES", 1)
    monkeypatch.setattr(_bands, "LEAST_BAND", 4)
    a, b, bias = torch.randn(11, 5), torch.randn(5, 7), torch.randn(7) if has_bias else None
    residual = torch.randn(11, 7) if epilogue.startswith("add") else None
    expected = finished(a @ b + (bias if has_bias else 0), epilogue, residual)
    assert len(_bands._bands(expected, axis=0)) == 3

    rows, columns = torch.full((11, 7), torch.nan), torch.full((7, 11), torch.nan)
    _bands.rows_product(rows, a, b, bias, epilogue, residual)
    of_columns = None if residual is None else residual.t().contiguous()
    _bands.columns_product(columns, b.t(), a.t(), bias, epilogue, of_columns)
    torch.testing.assert_close(rows, expected)
    torch.testing.assert_close(columns, expected.t())


def test_an_output_without_rows_stays_one():
    y = torch.empty(0, 3)
    _bands.rows_product(y, torch.empty(0, 2), torch.empty(2, 3), torch.ones(3), "relu", None)
    assert y.shape == (0, 3)
