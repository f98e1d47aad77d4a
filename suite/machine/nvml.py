"""What the driver tells about a GPU through NVML: clocks, heat, throttling, energy. Read only.

Needs nvidia-ml-py, which the extra `gpu` brings; without it a note says what is missing. Nothing
here sets anything.
"""

from __future__ import annotations

import importlib
from typing import Any

from suite.results.card_state import CardState

MISSING = (
    "clocks, temperature and energy are not read: {}; pip install nvidia-ml-py, or the extra gpu"
)
# By names of NVML's constants, as they were called before and since driver 535.
_REASONS = {
    "HwSlowdown": "hardware slowdown",
    "HwThermalSlowdown": "hardware thermal slowdown",
    "HwPowerBrakeSlowdown": "hardware power brake",
    "SwThermalSlowdown": "software thermal slowdown",
    "SwPowerCap": "power cap",
    "SyncBoost": "sync boost",
    "ApplicationsClocksSetting": "application clocks",
}


class Card:
    """One GPU, by its UUID: NVML counts devices that CUDA_VISIBLE_DEVICES hides.

    Raises:
        LookupError: NVML or the card is not there; says what to do.
    """

    def __init__(self, uuid: str, nvml: Any = None) -> None:
        self._nvml = nvml or _nvml()
        try:
            self._nvml.nvmlInit()
            name = uuid if uuid.startswith(("GPU-", "MIG-")) else f"GPU-{uuid}"
            self._handle = self._nvml.nvmlDeviceGetHandleByUUID(name)
        except self._nvml.NVMLError as error:
            raise LookupError(MISSING.format(f"NVML says {error}")) from error

    def state(self) -> CardState:
        nvml, handle = self._nvml, self._handle
        power_mw = self._ask("nvmlDeviceGetPowerUsage", handle)
        return CardState(
            sm_clock_mhz=self._ask("nvmlDeviceGetClockInfo", handle, nvml.NVML_CLOCK_SM),
            memory_clock_mhz=self._ask("nvmlDeviceGetClockInfo", handle, nvml.NVML_CLOCK_MEM),
            temperature_c=self._ask("nvmlDeviceGetTemperature", handle, nvml.NVML_TEMPERATURE_GPU),
            power_w=None if power_mw is None else power_mw / 1000,
            reasons=self._reasons(),
        )

    def energy_j(self) -> float | None:
        """Return the joules since the driver was loaded; None where the card does not count."""
        energy_mj = self._ask("nvmlDeviceGetTotalEnergyConsumption", self._handle)
        return None if energy_mj is None else energy_mj / 1000

    def driver(self) -> str | None:
        version = self._ask("nvmlSystemGetDriverVersion")
        return version.decode() if isinstance(version, bytes) else version

    def _reasons(self) -> tuple[str, ...]:
        bits = self._ask("nvmlDeviceGetCurrentClocksEventReasons", self._handle)
        if bits is None:
            bits = self._ask("nvmlDeviceGetCurrentClocksThrottleReasons", self._handle)
        reasons = []
        for name, reason in _REASONS.items():
            for prefix in ("nvmlClocksEventReason", "nvmlClocksThrottleReason"):
                mask = getattr(self._nvml, prefix + name, None)
                if mask is not None:
                    if (bits or 0) & mask:
                        reasons.append(reason)
                    break
        return tuple(reasons)

    def _ask(self, function: str, *arguments: Any) -> Any:
        """Return NVML's answer; None where this driver or card has none."""
        try:
            return getattr(self._nvml, function)(*arguments)
        except (AttributeError, self._nvml.NVMLError):
            return None


def _nvml() -> Any:
    try:
        return importlib.import_module("pynvml")
    except ImportError as error:
        raise LookupError(MISSING.format(str(error))) from error
