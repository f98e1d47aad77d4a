"""ConvGauge: is a convolution right, how fast is it, did it get slower?"""

from suite.errors import Unsupported
from suite.problem import Problem
from suite.registry import register

__all__ = ["Problem", "Unsupported", "register"]
__version__ = "0.1.0"
