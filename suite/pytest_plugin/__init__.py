"""ConvGauge under pytest: `suite.pytest_plugin.plugin` is the plug-in.

The names below are what a test file uses, and the hooks that pytest looks for in the module that an
entry point names.
"""

from suite.pytest_plugin.plugin import (
    cells,
    convgauge_gates,
    convolution,
    convolutions,
    pytest_addoption,
    pytest_collect_file,
    pytest_generate_tests,
    pytest_itemcollected,
)

__all__ = [
    "cells",
    "convgauge_gates",
    "convolution",
    "convolutions",
    "pytest_addoption",
    "pytest_collect_file",
    "pytest_generate_tests",
    "pytest_itemcollected",
]
