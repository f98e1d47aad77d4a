"""What the machine tells of itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from suite.machine import host


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
    monkeypatch.setattr(host, "_CGROUPS", groups)
    monkeypatch.setattr(host, "_OWN_CGROUPS", tmp_path / "own")

    assert host.facts()["cpu_quota"] == quota


def test_a_machine_without_containers_has_no_share(tmp_path, monkeypatch):
    monkeypatch.setattr(host, "_OWN_CGROUPS", tmp_path / "nothing")
    assert host.cpu_quota() is None
