"""NVML, throttling and energy on fakes."""

from __future__ import annotations

import pytest

from suite.machine.nvml import Card
from suite.measuring.doubts import throttling
from suite.measuring.energy import BusyTime, EnergyUsed, joules_per_call, rapl_counter
from suite.records import from_json, to_json
from suite.results.card_state import CardState


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
    """100 W idle, 300 W in turns of ten calls of 8 ms, each with 2 ms of the suite's work."""

    def __init__(self, busy_w=300.0):
        self.time_s = 0.0
        self.joules = 0.0
        self.busy_w = busy_w

    def now(self):
        return self.time_s

    def counter(self):
        return self.joules

    def sleep(self, seconds):
        self.time_s += seconds
        self.joules += 100 * seconds

    def turn(self, counter):
        before_j = counter()
        self.time_s += 0.1
        self.joules += self.busy_w * 0.1
        spent_j = counter() - before_j
        self.judge()
        return BusyTime(calls=10, in_calls_s=0.08, took_s=0.1, joules=spent_j)

    def judge(self):
        self.time_s += 1.0
        self.joules += 500.0


def energy_by(meter, counter=None):
    counter = counter or meter.counter
    return joules_per_call(meter.turn, counter, now=meter.now, sleep=meter.sleep)


def test_energy_is_that_of_two_seconds_of_samples_less_idling_and_judging():
    meter = FakeMeter()

    assert energy_by(meter) == EnergyUsed(joules_per_call=pytest.approx(200 * 0.008), reason=None)
    assert meter.time_s >= 2 + 1


@pytest.mark.parametrize(("busy_w", "hint"), [(90.0, "no more power than idling")])
def test_no_energy_is_a_reason_and_not_zero(busy_w, hint):
    used = energy_by(FakeMeter(busy_w))

    assert used.joules_per_call is None
    assert hint in used.reason


def test_a_counter_that_stands_still_is_named():
    used = energy_by(FakeMeter(), counter=lambda: 1.0)

    assert used == EnergyUsed(joules_per_call=None, reason="the energy counter stood still")


def test_a_turn_that_fails_leaves_no_energy():
    meter = FakeMeter()

    assert joules_per_call(lambda _: None, meter.counter, sleep=meter.sleep) is None


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
