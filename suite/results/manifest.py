"""What a manifest may say: each value that is read is checked for type, finiteness and range.

It may have been written by anyone. What is not listed here is left as it is, and nobody reads it:
a later version may write more. Absent and null are the same wherever the system may not tell.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from suite.ranges import AtLeastOne, Count, Misfit, Seconds, Share, shown
from suite.records import decoder
from suite.results.request import read_request

MACHINE: dict[str, Any] = {
    **dict.fromkeys(
        (
            "cpu",
            "flags",
            "governor",
            "os",
            "python",
            "hostname",
            "torch",
            "torch_build",
            "torch_parallel",
            "cpu_capability",
            "gpu",
            "gpu_driver",
            "triton",
            "cuda",
            "numba",
            "python_executable",
            "noise_grade",
            "fingerprint",
        ),
        str,
    ),
    "cores": AtLeastOne,
    "cpu_quota": Share,
    "caches": dict[str, str],
    "memory_bytes": Count,
    "virtual": bool,
    "gpus": tuple[str, ...],
    "cudnn": Count,
    "onednn": bool,
    "threads": AtLeastOne,
    "noise": Share,
}
SETTINGS: dict[str, Any] = {
    "threads": AtLeastOne,
    "log": str,
    "blocks": AtLeastOne,
    "least_blocks": AtLeastOne,
    "target_half_width": Share,
    "lost_half_width": Share,
    "least_when_lost": AtLeastOne,
    "most_when_lost": AtLeastOne,
    "all_precise": bool,
    "first_block_s": Seconds,
    "behind_block_s": Seconds,
    "warm_s": Seconds,
    "block_s": Seconds,
    "rounds": AtLeastOne,
    "block_samples": AtLeastOne,
    "turn_calls": AtLeastOne,
    "short_rounds": AtLeastOne,
    "cell_budget_s": Seconds,
    "lost_budget_s": Seconds,
    "timeout_s": Seconds,
    "memory_limit_bytes": Count,
    "peak_memory": bool,
    "energy": bool,
    "reference": str,
    "verify": bool,
}
SUMMARY: dict[str, Any] = {
    **dict.fromkeys(("wall_s", "inside_s", "judging_s", "checking_s", "starting_s"), Seconds),
    "first_table_s": Seconds,
    "inside_share": Share,
    "interrupted": bool,
}
TOP: dict[str, Any] = {
    **dict.fromkeys(("name", "convgauge_version", "started_at", "finished_at"), str),
    "git_revision": str,
    "git_dirty": bool,
    "command": tuple[str, ...],
    "environment": dict[str, str],
    "environment_kept": tuple[str, ...],
    "scenarios": tuple[str, ...],
}
SECTIONS: dict[str, dict[str, Any]] = {
    "machine": MACHINE,
    "settings": SETTINGS,
    "summary": SUMMARY,
    "verdict": {"state": str, "text": str},
}
LISTS: dict[str, dict[str, Any]] = {
    "scenario_files": {"name": str, "path": str, "text": str},
    "implementations": {
        **dict.fromkeys(("name", "family", "source", "summary", "unavailable"), str),
        "on_request": bool,
    },
    "plugins": {
        **dict.fromkeys(("name", "repository", "path", "git_revision"), str),
        "git_dirty": bool,
    },
}
"""Each entry has a name."""
OF_A_REPORT = ("apart",)
"""What a report adds in memory; in a file it is nobody's."""
HALF_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]")
FIRST_YEAR, LAST_YEAR = 1970, 2200
"""What tables of times can hold."""


def checked_manifest(plain: Any) -> dict[str, Any]:
    """Return a manifest of any version, from JSON, without what is null.

    Raises:
        Misfit: it says something that no manifest can.
    """
    _check(plain, TOP)
    manifest = {k: v for k, v in plain.items() if v is not None and k not in OF_A_REPORT}
    for name, accepted in SECTIONS.items():
        if name in manifest:
            _inside(name, manifest[name], accepted)
    for name, accepted in LISTS.items():
        entries = manifest.get(name, [])
        if type(entries) is not list:
            raise Misfit(f"found {shown(entries)}, expected a list", name)
        for index, entry in enumerate(entries):
            _inside(f"{name}[{index}]", entry, accepted)
            if entry.get("name") is None:
                raise Misfit("found none, expected a text", f"{name}[{index}].name")
    for name in ("started_at", "finished_at"):
        if name in manifest:
            _check_time(name, manifest[name])
    try:
        read_request(manifest)
    except Misfit as misfit:
        raise misfit.inside("request") from None
    return manifest


def whole_characters(plain: Any) -> Any:
    """Return JSON's values with half surrogate pairs, which could not be written, as "?"."""
    if isinstance(plain, str):
        return plain.encode(errors="replace").decode()
    if isinstance(plain, dict):
        return {whole_characters(name): whole_characters(value) for name, value in plain.items()}
    return [whole_characters(value) for value in plain] if isinstance(plain, list) else plain


def _inside(place: str, plain: Any, accepted: Mapping[str, Any]) -> None:
    try:
        _check(plain, accepted)
    except Misfit as misfit:
        raise misfit.inside(place) from None


def _check(plain: Any, accepted: Mapping[str, Any]) -> None:
    if type(plain) is not dict:
        raise Misfit(f"found {shown(plain)}, expected an object")
    for name, kind in accepted.items():
        if plain.get(name) is None:
            continue
        try:
            decoder(kind)(plain[name])
        except Misfit as misfit:
            raise misfit.inside(name) from None


def _check_time(name: str, text: str) -> None:
    try:
        year = datetime.fromisoformat(text).year
    except ValueError:
        year = 0
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise Misfit(
            f"found {shown(text)}, expected a time such as 2026-11-23T17:02:11+00:00", name
        )
