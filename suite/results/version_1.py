"""Manifests of schema version 1: what was asked stands in the words of their command alone."""

from __future__ import annotations

import glob
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from suite.ranges import Misfit, shown
from suite.results.request import AskedFile, GateRequest, Request, RunRequest, Shard

MOVED = ("budget_s", "shard", "plugins")
"""Settings that belong to the request since version 2."""


def upgraded(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return a manifest of version 1 as version 2 would have been written.

    Raises:
        Misfit: its command or settings are none that version 1 wrote.
    """
    settings = manifest.get("settings") or {}
    kept = {name: value for name, value in settings.items() if name not in MOVED}
    request = _request(manifest, settings)
    return {**manifest, "schema_version": 2, "settings": kept, "request": request.to_dict()}


def _request(manifest: Mapping[str, Any], settings: Mapping[str, Any]) -> Request:
    words = list(manifest.get("command") or [])[1:]
    files = tuple(
        AskedFile(entry["path"], entry["path"])
        for entry in manifest.get("scenario_files") or []
        if entry.get("path")
    )
    kind = GateRequest if "gate" in settings else RunRequest
    asked = {**_asked(kind, words), "files": files, "threads": settings.get("threads")}
    if asked.get("device") == "auto":
        has_gpu = (manifest.get("machine") or {}).get("gpu")
        asked["device"] = "cuda" if has_gpu else "cpu"
    request: Request = kind(**asked)
    if not isinstance(request, RunRequest):
        return request
    if words[:1] == ["profile"]:  # names scenarios in place of files, and has defaults of its own
        names = tuple(map(glob.escape, manifest.get("scenarios") or []))
        return replace(request, scenarios=names, profile=True, blocks=settings.get("blocks") or 2)
    return request


def _asked(kind: type[Request], words: Sequence[str]) -> dict[str, Any]:
    """Return the options among a command's words, as argparse read them; may be abbreviated."""
    fields = list(kind.options())
    options = dict(reversed(fields))  # that some may be repeated is younger
    values: dict[str, Any] = {}
    for position, word in enumerate(words):
        name, has_value, text = word.partition("=")
        option = name if name in options else _completed(name, options)
        if option is None:
            continue
        asked = options[option]
        if isinstance(asked.default, bool):
            values[asked.name] = not asked.default
            continue
        if not has_value and position + 1 == len(words):
            raise Misfit(f"found nothing after {option}", "command")
        value = _read(option, asked.name, text if has_value else words[position + 1])
        if isinstance(asked.default, tuple):
            value = (*values.get(asked.name, ()), value)
        values[asked.name] = value
    return values


def _completed(name: str, options: Mapping[str, object]) -> str | None:
    matching = [option for option in options if name.startswith("--") and option.startswith(name)]
    return matching[0] if len(matching) == 1 else None


def _read(option: str, name: str, text: str) -> Any:
    try:
        return _value(name, text)
    except (ValueError, TypeError):
        raise Misfit(f"found {shown(text)} after {option}", "command") from None


def _value(name: str, text: str) -> Any:
    if name in ("plugins", "baseline", "repo"):
        return AskedFile(text, str(Path(text)))
    if name == "shard":
        return Shard(*map(int, text.split("/")))
    if name in ("threads", "blocks"):
        return int(text)
    return float(text) if name.endswith(("_s", "_gib")) or name == "margin" else text
