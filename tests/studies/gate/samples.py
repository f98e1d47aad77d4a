"""The recorded samples: [block, cell, arm, sample], and facts about blocks and machine."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ARMS = {
    "base": "",
    "same": "",
    "again": "",
    "plus03": "0.03",
    "plus05": "0.05",
    "plus10": "0.1",
}
"""Arm → its table of extra work. The first three are the same code."""
SAMPLES = 16
"""Samples kept of an arm in one block."""
FILE = Path(__file__).with_name("samples.npz")


@dataclass(frozen=True, kw_only=True)
class Recording:
    """All blocks in the order in which they were measured.

    seconds: [block, cell, arm, sample], NaN where an arm gave fewer.
    sittings: index of each block's sitting. busy: whether a core was kept busy in it.
    wall_s, start_s: what the block took for all arms and cells, and starting the processes of it.
    """

    cells: tuple[str, ...]
    sitting_names: tuple[str, ...]
    seconds: np.ndarray
    sittings: np.ndarray
    busy: np.ndarray
    wall_s: np.ndarray
    start_s: np.ndarray
    load_1min: np.ndarray
    machine: dict[str, Any]

    def arm(self, name: str) -> np.ndarray:
        """Return [block, cell, sample] in seconds."""
        return self.seconds[:, :, list(ARMS).index(name)]


def pack(folder: Path, out: Path) -> Path:
    """Write all sittings of a folder into one compressed file."""
    blocks, sittings = [], []
    files = sorted(
        folder.glob("*.jsonl"), key=lambda path: path.read_text(encoding="utf-8")[:0] or path.stem
    )
    for number, path in enumerate(files):
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        blocks += lines
        sittings += [number] * len(lines)
    cells = list(json.loads((folder / "extra.json").read_text(encoding="utf-8"))["cells"])
    seconds = np.full((len(blocks), len(cells), len(ARMS), SAMPLES), np.nan, np.float32)
    for i, block in enumerate(blocks):
        for j, cell in enumerate(cells):
            for k, arm in enumerate(ARMS):
                found = block["samples"].get(cell, {}).get(arm, [])
                seconds[i, j, k, : len(found)] = found
    np.savez_compressed(
        out,
        seconds=seconds,
        cells=cells,
        sitting_names=[path.stem for path in files],
        sittings=np.array(sittings, np.int8),
        machine=(folder / "machine.json").read_text(encoding="utf-8"),
        **{key: np.array([b[key] for b in blocks]) for key in _FACTS},
    )
    return out


_FACTS = ("busy", "wall_s", "start_s", "load_1min")


def read(path: Path = FILE) -> Recording:
    with np.load(path) as file:
        return Recording(
            cells=tuple(str(cell) for cell in file["cells"]),
            sitting_names=tuple(str(name) for name in file["sitting_names"]),
            seconds=file["seconds"].astype(float),
            sittings=file["sittings"],
            machine=json.loads(str(file["machine"])),
            **{key: file[key] for key in _FACTS},
        )
