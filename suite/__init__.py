"""ConvGauge: is a convolution right, how fast is it, did it get slower?"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from suite.errors import Unsupported
    from suite.problem import Problem
    from suite.registry.registering import register

__all__ = ["Problem", "Unsupported", "register"]
__version__ = "0.1.0"

_HOMES = {"Problem": "problem", "Unsupported": "errors", "register": "registry"}


def __getattr__(name: str) -> Any:
    """Import what is exported here when it is first asked for: `--help` needs none of it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
