"""What the machine tells of itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from suite.machine import containers, host, placement
from suite.measuring import selection


@pytest.mark.parametrize(
    ("own", "files", "quota"),
    [
        ("0::/\n", {"cpu.max": "150000 100000"}, 1.5),
        ("0::/\n", {"cpu.max": "max 100000"}, None),
        ("0::/a/b\n", {"a/cpu.max": "50000 100000", "a/b/cpu.max": "200000 100000"}, 0.5),
        ("0::/of/the/host\n", {"cpu.max": "300000 100000"}, 3.0),
        (
            "4:memory:/x\n1:cpu,cpuacct:/x\n",
            {"cpu/cpu.cfs_quota_us": "75000", "cpu/cpu.cfs_period_us": "100000"},
            0.75,
        ),
        ("1:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None),
        ("", {}, None),
    ],
)
def test_a_containers_share_of_the_processors_is_read(tmp_path, monkeypatch, own, files, quota):
    groups = tmp_path / "groups"
    for name, text in files.items():
        path: Path = groups / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    (tmp_path / "own").write_text(own)
    monkeypatch.setattr(containers, "_GROUPS", groups)
    monkeypatch.setattr(containers, "_OWN_GROUPS", tmp_path / "own")

    assert host.facts()["cpu_quota"] == quota


def test_a_machine_without_containers_has_no_share(tmp_path, monkeypatch):
    monkeypatch.setattr(containers, "_OWN_GROUPS", tmp_path / "nothing")
    assert containers.cpu_quota() is None


def plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: str, files: dict[str, str]) -> None:
    """Have the process find itself in these control groups."""
    groups = tmp_path / "groups"
    for name, text in files.items():
        (groups / name).parent.mkdir(parents=True, exist_ok=True)
        (groups / name).write_text(text + "\n")
    (tmp_path / "own").write_text(own)
    monkeypatch.setattr(containers, "_GROUPS", groups)
    monkeypatch.setattr(containers, "_OWN_GROUPS", tmp_path / "own")


V1_UNLIMITED = "9223372036854771712"


@pytest.mark.parametrize(
    ("own", "files", "limit_bytes"),
    [
        ("0::/\n", {"memory.max": "629145600"}, 629145600),
        ("0::/\n", {"memory.max": "max", "memory.high": "max"}, None),
        ("0::/a/b\n", {"a/memory.max": "1000000", "a/b/memory.max": "max"}, 1000000),
        ("4:memory:/x\n", {"memory/memory.limit_in_bytes": "2000000"}, 2000000),
        ("4:memory:/x\n", {"memory/memory.limit_in_bytes": V1_UNLIMITED}, None),
        ("4:memory:/x\n0::/\n", {"unified/memory.max": "3000000"}, 3000000),
        ("what is this?\n", {"memory.max": "1"}, None),
        ("", {}, None),
    ],
)
def test_a_containers_memory_limit_is_read(tmp_path, monkeypatch, own, files, limit_bytes):
    plant(tmp_path, monkeypatch, own, files)
    assert host.facts()["memory_limit_bytes"] == limit_bytes


@pytest.mark.parametrize(
    ("cores", "quota", "threads"),
    [
        (8, "max 100000", 8),
        (8, "150000 100000", 2),
        (8, "200000 100000", 2),
        (8, "30000 100000", 1),
        (1, "400000 100000", 1),
    ],
)
def test_as_many_threads_as_find_a_core(tmp_path, monkeypatch, cores, quota, threads):
    monkeypatch.setattr(placement, "usable_cores", lambda: cores)
    plant(tmp_path, monkeypatch, "0::/\n", {"cpu.max": quota})
    assert selection.chosen_threads(None) == threads
    assert placement.remarks(threads, {}) == []


BITING = {
    "an affinity to fewer cores": (1, None, {}, "2 threads share one core"),
    "a container's share": (8, "100000 100000", {}, "in a container with 1 cores' time"),
    "libgomp's own list": (8, None, {"GOMP_CPU_AFFINITY": "3"}, "ties 2 threads to one core"),
    "a list of spans": (8, None, {"GOMP_CPU_AFFINITY": "0-0:2 0"}, "ties 2 threads to one core"),
    "bound threads": (8, None, {"OMP_PROC_BIND": "close"}, "OMP_PROC_BIND=close: threads are tied"),
    "places": (8, None, {"OMP_PLACES": "{0},{1}"}, "OMP_PLACES={0},{1}: threads are tied"),
}


@pytest.mark.parametrize("kind", BITING)
def test_what_makes_threads_share_cores_is_said(tmp_path, monkeypatch, kind):
    cores, quota, environment, remark = BITING[kind]
    monkeypatch.setattr(placement, "usable_cores", lambda: cores)
    plant(tmp_path, monkeypatch, "0::/\n", {"cpu.max": quota or "max 100000"})

    assert any(remark in said for said in placement.remarks(2, environment))


@pytest.mark.parametrize("chosen", ["", "false", "FALSE", "disabled"])
def test_threads_that_are_free_are_not_remarked_on(tmp_path, monkeypatch, chosen):
    monkeypatch.setattr(placement, "usable_cores", lambda: 8)
    plant(tmp_path, monkeypatch, "", {})
    assert placement.remarks(2, {"OMP_PROC_BIND": chosen, "KMP_AFFINITY": chosen}) == []


def test_a_runs_output_and_report_name_what_it_was_left(command, tiny, tmp_path, monkeypatch):
    limits = {"cpu.max": "150000 100000", "memory.max": "8589934592"}
    plant(tmp_path, monkeypatch, "0::/\n", limits)
    monkeypatch.setenv("GOMP_CPU_AFFINITY", "0")
    words = ("--scenario", "a", "--impl", "torch", "--threads", "2", "--blocks", "1")

    said = command("run", tiny, *words, "--out", "r")

    assert said.code == 0
    remark = "GOMP_CPU_AFFINITY=0 ties 2 threads to one core"
    assert remark in said.out
    text = (tmp_path / "r/report.html").read_text("utf-8")
    for shown in (remark, "Cores in a container", "1.5", "Memory in a container", "8.00 GiB"):
        assert shown in text


def test_doctor_names_a_containers_limits(command, tmp_path, monkeypatch):
    limits = {"cpu.max": "50000 100000", "memory.max": "8589934592"}
    plant(tmp_path, monkeypatch, "0::/\n", limits)
    monkeypatch.setenv("OMP_PROC_BIND", "spread")
    monkeypatch.setattr(placement, "usual_threads", lambda: 2)

    said = command("doctor")

    assert said.code == 0
    for word in (
        "of which a container may use 0.5 cores' time",
        "of which a container may use 8.00 GiB",
        "2 threads in a container with 0.5 cores' time",
        "OMP_PROC_BIND=spread: threads are tied",
    ):
        assert word in said.out
