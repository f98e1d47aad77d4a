"""NVML, throttling and energy on fakes."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from suite.machine.nvml import Card
from suite.measuring.doubts import throttling
from suite.records import from_json, to_json
from suite.results.card_state import CardState
from suite.worker.energy import joules_per_call, rapl_counter


class FakeNvml:
    """NVML of a card that knows all; `lacks` are functions it answers with an error."""

    NVMLError = type("NVMLError", (Exception,), {})
    NVML_CLOCK_SM, NVML_CLOCK_MEM, NVML_TEMPERATURE_GPU = 1, 2, 0
    nvmlClocksEventReasonSwPowerCap = 0x4  # noqa: N815
    nvmlClocksEventReasonHwSlowdown = 0x8  # noqa: N815
    nvmlClocksThrottleReasonSwThermalSlowdown = 0x20  # noqa: N815

    def __init__(self, reasons=0, lacks=()):
        self.called = []
        self.reasons = reasons
        self.lacks = lacks

    def __getattr__(self, name):
        answers = {
            "nvmlInit": lambda: None,
            "nvmlDeviceGetHandleByUUID": lambda uuid: uuid,
            "nvmlDeviceGetClockInfo": lambda handle, kind: {1: 1980, 2: 3201}[kind],
            "nvmlDeviceGetTemperature": lambda handle, kind: 41,
            "nvmlDeviceGetPowerUsage": lambda handle: 612_500,
            "nvmlDeviceGetCurrentClocksThrottleReasons": lambda handle: self.reasons,
            "nvmlDeviceGetTotalEnergyConsumption": lambda handle: 5_000,
            "nvmlSystemGetDriverVersion": lambda: "580.1",
        }
        if name not in answers:
            raise AttributeError(name)
        self.called.append(name)
        if name in self.lacks:

            def refuse(*_):
                raise self.NVMLError("not supported")

            return refuse
        return answers[name]


def test_a_card_tells_its_state_and_nothing_is_ever_set():
    nvml = FakeNvml(reasons=0x4 | 0x8 | 0x20)
    state = Card("1234", nvml).state()

    assert (state.sm_clock_mhz, state.memory_clock_mhz, state.temperature_c) == (1980, 3201, 41)
    assert state.power_w == 612.5
    assert set(state.reasons) == {"power cap", "hardware slowdown", "software thermal slowdown"}
    assert set(state.throttled) == {"hardware slowdown", "software thermal slowdown"}
    assert not [name for name in nvml.called if "Set" in name]
    assert from_json(CardState, to_json(state)) == state


def test_what_a_card_does_not_tell_is_none():
    lacks = ("nvmlDeviceGetPowerUsage", "nvmlDeviceGetTotalEnergyConsumption")
    card = Card("GPU-1234", FakeNvml(lacks=lacks))

    assert card.state().power_w is None
    assert card.energy_j() is None


def test_without_a_driver_the_reason_says_what_to_do():
    with pytest.raises(LookupError, match="NVML says not supported; pip install nvidia-ml-py"):
        Card("1234", FakeNvml(lacks=("nvmlInit",)))


def test_a_throttled_block_says_why_it_does_not_count():
    cool = CardState(sm_clock_mhz=1980, temperature_c=40, reasons=("power cap",))
    hot = CardState(sm_clock_mhz=1200, temperature_c=88, reasons=("software thermal slowdown",))

    assert throttling([cool, cool]) is None
    assert throttling([]) is None
    reason = throttling([cool, hot])
    assert "software thermal slowdown at 1200 MHz, 88 °C" in reason


class FakeMeter:
    """100 W idle, 300 W while calls of 10 ms run."""

    def __init__(self, busy_w=300.0):
        self.time_s = 0.0
        self.joules = 0.0
        self.busy_w = busy_w

    def sleep(self, seconds):
        self.time_s += seconds
        self.joules += 100 * seconds

    def call(self):
        self.time_s += 0.01
        self.joules += self.busy_w * 0.01


def test_energy_is_that_of_two_seconds_of_calls_less_idling():
    meter = FakeMeter()
    clock = SimpleNamespace(counter=lambda: meter.joules, now=lambda: meter.time_s)

    joules, reason = joules_per_call(meter.call, clock.counter, now=clock.now, sleep=meter.sleep)

    assert joules == pytest.approx(2.0)
    assert reason is None
    assert meter.time_s >= 2 + 1


@pytest.mark.parametrize(("busy_w", "hint"), [(90.0, "no more power than idling")])
def test_no_energy_is_a_reason_and_not_zero(busy_w, hint):
    meter = FakeMeter(busy_w)

    joules, reason = joules_per_call(
        meter.call, lambda: meter.joules, now=lambda: meter.time_s, sleep=meter.sleep
    )

    assert joules is None
    assert hint in reason


def test_a_counter_that_stands_still_is_named():
    meter = FakeMeter()

    joules, reason = joules_per_call(
        meter.call, lambda: 1.0, now=lambda: meter.time_s, sleep=meter.sleep
    )

    assert (joules, reason) == (None, "the energy counter stood still")


def package(root, name, energy_uj):
    folder = root / name
    folder.mkdir(parents=True)
    (folder / "max_energy_range_uj").write_text("9999\n")
    (folder / "energy_uj").write_text(f"{energy_uj}\n")
    return folder / "energy_uj"


def test_rapl_sums_the_packages_and_survives_their_overflow(tmp_path):
    first = package(tmp_path, "intel-rapl:0", 9_000)
    package(tmp_path, "intel-rapl:1", 100)
    package(tmp_path, "intel-rapl:0:0", 5)  # the cores of package 0, counted there
    joules = rapl_counter(tmp_path)
    assert joules() == 0

    first.write_text("2000")

    assert joules() == pytest.approx(3_000e-6)
    assert joules() == pytest.approx(3_000e-6)


def test_a_machine_without_rapl_says_so(tmp_path):
    with pytest.raises(LookupError, match="no energy counter"):
        rapl_counter(tmp_path)
