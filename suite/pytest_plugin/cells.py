"""The test that runs once for each cell of a scenario file; see `suite.pytest_plugin.plugin`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def test_convolution(convolution: Callable[[], Any], benchmark: Callable[..., Any]) -> None:
    benchmark(convolution)
