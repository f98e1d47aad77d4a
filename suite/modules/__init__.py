"""Convolution modules of a user's model that compute by rows, in the user's own process.

    surroundings   samples
          └► ready ◄─┘ pack        a call that is checked and packed; a packed weight
               └► packs ◄── arguments         of one module, made, found and dropped
                    └► quickening ◄── refusals, operator (for torch.compile)

A `Plan` says which row computes one problem under one set of conditions; whoever makes plans has
measured and verified that. A module that is quickened with plans remains the same object, with the
same parameters, hooks and state_dict. Where a call is what a plan is for, its row is called with
the weight packed; every other call is torch's own, gradients, autocast and transforms included.

    quicken(module, plans)      let an nn.Conv2d use plans, in place; raises UsageError
    why_not(module)             why a module cannot be quickened, or None
    plans_of(module)            its plans; () where it is not quickened
    slow_down(module)           its own class back, nothing of the plans left
    as_called(module, shape)    the Problem that its plan has to have for an input of that shape
    pack_bytes(module)          memory of all packs in it and its submodules
    refresh(module)             drop all packs in it and its submodules

`Plan` and `fingerprint_here` are in `suite.tuning.plan`, where processes without torch have them.
"""

from suite.modules.arguments import as_called
from suite.modules.quickening import plans_of, quicken, refresh, slow_down
from suite.modules.refusals import why_not
from suite.modules.sizes import pack_bytes
from suite.tuning.plan import Plan, fingerprint_here

__all__ = [
    "Plan",
    "as_called",
    "fingerprint_here",
    "pack_bytes",
    "plans_of",
    "quicken",
    "refresh",
    "slow_down",
    "why_not",
]
