"""What an implementation declares about itself, and which declarations are accepted.

One value from `register` to the judge: the catalogue lists it, a worker tells it, tolerances and
results are taken from it. It is checked wherever it is made, so that neither a plug-in's slip nor
a process that lies gets past with a family, an error or a precision that there is not.
"""

from __future__ import annotations

from dataclasses import dataclass

from suite.conditions import DTYPE_BYTES
from suite.epilogues import EPILOGUES
from suite.errors import UsageError, did_you_mean
from suite.kinds import KINDS

# Largest element error in units of √K·u·S (see suite.judge.tolerance): what a family gets unless an
# implementation declares more, and the most that it may declare.
ERROR_FACTORS: dict[str, tuple[float, float]] = {
    "reference": (1, 1),
    "loops": (1, 1),
    "direct": (1, 1),
    "im2col": (1, 1),
    "gemm": (1, 1),
    "depthwise": (1, 1),
    "fft": (2, 2),
    "winograd": (4, 8),
    "vendor": (1, 8),
    "engine": (1, 8),
    "auto": (4, 4),
}
FAMILIES = tuple(ERROR_FACTORS)
NAN_POLICIES = ("receptive_field", "tile", "plane")
PRECISIONS = ("tf32", "bfloat16", "float16", "approximate")
DEVICES = ("cpu", "cuda")
DTYPES = tuple(DTYPE_BYTES)


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """What an implementation says of itself.

    Raises:
        UsageError: something that is not accepted; names the file.
    """

    name: str
    family: str
    source: str
    """File that registered it."""
    summary: str = ""
    """First line of its docstring."""
    devices: tuple[str, ...] = DEVICES
    dtypes: tuple[str, ...] = ("float32", "float64")
    precision: str | None = None
    """Lower precision than the dtype's that it computes in, on purpose."""
    error_factor: float = 1.0
    nan_policy: str = "receptive_field"
    on_request: bool = False
    """Runs only when it is asked for by name: preparing it takes longer than measuring it."""
    packs: bool = False
    """Prepares the weight before it is called."""
    epilogues: tuple[str, ...] = ()
    """What it fuses: see `suite.epilogues`."""
    kinds: tuple[str, ...] = ("conv2d",)
    """Kinds of problem that it is registered for; never empty."""

    def __post_init__(self) -> None:
        self._require("family", self.family, FAMILIES)
        self._require("nan_policy", self.nan_policy, NAN_POLICIES)
        if self.precision is not None:
            self._require("precision", self.precision, PRECISIONS)
        for kind in self.kinds:
            self._require("kind", kind, KINDS)
        if not self.kinds:
            raise UsageError(
                f'{self.source}: "{self.name}" is registered for no kind; accepted: '
                f"{', '.join(KINDS)}"
            )
        for device in self.devices:
            self._require("device", device, DEVICES)
        for dtype in self.dtypes:
            self._require("dtype", dtype, DTYPES)
        for epilogue in self.epilogues:
            self._require("epilogue", epilogue, EPILOGUES[1:])
        _, most = ERROR_FACTORS[self.family]
        if not 0 <= self.error_factor <= most:
            raise UsageError(
                f'{self.source}: "{self.name}" declares error_factor {self.error_factor}; '
                f"the family {self.family} allows at most {most}"
            )

    def _require(self, key: str, word: str, accepted: tuple[str, ...]) -> None:
        if word not in accepted:
            raise UsageError(
                f'{self.source}: {key} "{word}" is unknown; accepted: {", ".join(accepted)}.'
                f"{did_you_mean(str(word), accepted)}"
            )
