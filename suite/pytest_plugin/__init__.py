"""ConvGauge under pytest: what pytest looks for in the module that an entry point names."""

from suite.pytest_plugin.plugin import (
    convgauge_log,
    convgauge_machine,
    convolution,
    pytest_addoption,
    pytest_collect_file,
    pytest_generate_tests,
    pytest_itemcollected,
)

__all__ = [
    "convgauge_log",
    "convgauge_machine",
    "convolution",
    "pytest_addoption",
    "pytest_collect_file",
    "pytest_generate_tests",
    "pytest_itemcollected",
]
