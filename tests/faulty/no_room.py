"""Makes its worker believe that next to no memory is free; asks for nothing itself."""

import torch.nn.functional as F

from suite import register
from suite.processes import free_memory

free_memory.available_bytes = lambda: 2**20
register("no_room", family="direct")(F.conv2d)
