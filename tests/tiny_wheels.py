"""Wheels of a package with one number in it, in a folder that pip may take them from."""

from __future__ import annotations

import zipfile
from pathlib import Path

NAME = "convgauge_tiny"
"""A package that no index has."""


def make_wheel(folder: Path, version: str, *, value: float, requires: str = "") -> Path:
    """Write a wheel whose module says `VALUE`, and return it."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{NAME}-{version}-py3-none-any.whl"
    info = f"{NAME}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {version}\n"
    metadata += f"Requires-Dist: {requires}\n" if requires else ""
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{NAME}.py", f"VALUE = {value}\n")
        wheel.writestr(f"{info}/METADATA", metadata)
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    return path
