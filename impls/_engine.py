"""How an inference engine becomes a row: its model of one convolution is the packed weight.

Every engine gets torch's number of threads. Building, optimising and loading its model counts as
preparation; what it reorders in each call (most prefer a blocked layout) counts as its time. No
engine keeps its threads spinning after its turn where it can be told not to.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable, Sequence
from typing import Any

import torch

from impls._packing import Packed, Packing
from suite import Problem, register
from suite.kinds import CONVOLUTIONS, TRANSPOSED

DISTRIBUTIONS = {"cv2": "opencv-python-headless", "jaxlib": "jax"}
"""What brings a module of another name."""


def _why_absent(*packages: str) -> str | None:
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if not missing:
        return None
    wanted = dict.fromkeys(DISTRIBUTIONS.get(name, name) for name in missing)
    return (
        f"{' and '.join(missing)} not installed: pip install {' '.join(wanted)}, or the extra "
        "engines"
    )


def needs_an_image(problem: Problem) -> str | None:
    return None if problem.batch_size else "needs an image"


Compute = Callable[[Packed, torch.Tensor, Any], torch.Tensor]


def engine(
    name: str,
    load: Callable[[torch.Tensor, Problem], Any],
    *packages: str,
    kinds: Sequence[str] = ("conv2d",),
    supports: Callable[[Problem], str | None] = needs_an_image,
    error_factor: float = 1,
) -> Callable[[Compute], Compute]:
    """Register what runs a loaded model, for each kind that the engine covers.

    Args:
        load: returns the engine's own model of one convolution, which the packed weight holds.
        packages: what has to be installed.
    """
    packing = Packing(
        name,
        load,
        supports,
        why_not_plain="the model is built from it",
        keeps_threads=True,
    )

    def registered(compute: Compute) -> Compute:
        def plain(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
            packed = packing.of_call(input, weight, bias, stride, padding, dilation, groups)
            return compute(packed, input, bias)

        def transposed(
            input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
        ):
            packed = packing.of_call(
                input,
                weight,
                bias,
                stride,
                padding,
                dilation,
                groups,
                output_padding=output_padding,
            )
            return compute(packed, input, bias)

        for function, of_kinds in ((plain, CONVOLUTIONS), (transposed, TRANSPOSED)):
            function.__doc__ = compute.__doc__
            covered = [kind for kind in of_kinds if kind in kinds]
            if covered:
                register(
                    name,
                    family="engine",
                    kinds=covered,
                    devices=("cpu",),
                    dtypes=("float32",),
                    nan_policy="tile",
                    available=functools.partial(_why_absent, *packages),
                    supports=supports,
                    prepare=packing.prepare,
                    error_factor=error_factor,
                )(function)
        return compute

    return registered
