"""torch's own convolution, for the process that runs nobody else's code.

It shows what a turn takes besides calls, where no row of the suite's own takes part.
"""

from __future__ import annotations

import torch.nn.functional as F

from suite.registry.registering import register

register("control", family="vendor")(F.conv2d)
