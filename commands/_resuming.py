"""`run --resume`: the rest of a run, asked and measured as its manifest says.

What is given anew has to agree with the manifest, apart from what is about this call only: how
long it may take (--budget), that many cells are meant (--yes), and whether what passed is to be
profiled (--profile, --instructions), which changes no time that was measured.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from commands._asking import asked_files
from commands._folders import LOG
from commands._networks import model_file
from commands._preparing import Prepared, load
from suite.errors import UsageError
from suite.measuring import new_run, selection
from suite.measuring.settings import Settings
from suite.processes.scratch import scratch_folder
from suite.results.folder import (
    MANIFEST,
    read_manifest,
    read_results,
    read_unfinished,
    write_manifest,
)
from suite.results.request import AskedFile, RunRequest, read_request, spelled
from suite.scenario import ScenarioFile, find_file

OF_THIS_CALL = ("budget_s", "yes", "profile", "instructions", "on")
LEAVE_OUT = "leave it out, or choose another --out"


@dataclass(frozen=True)
class Interrupted:
    """A run that was begun, and what it was asked."""

    folder: Path
    manifest: dict[str, Any]
    request: RunRequest
    """As the manifest says, with what is of this call."""

    @property
    def settings(self) -> Settings:
        """What the run measures with: also what was not asked for and decided then."""
        known = {field.name for field in dataclasses.fields(Settings)}
        stored = self.manifest["settings"]
        settings = {k: v for k, v in stored.items() if k in known and v is not None}
        return Settings(**{**settings, "log": self.folder / LOG})

    def refuse_others(self, prepared: Prepared[RunRequest]) -> None:
        """Stop where the same words have come to mean other scenarios.

        Raises:
            UsageError: the ids are others, or a scenario that was measured is another now.
        """
        ids = [scenario.id for scenario in prepared.scenarios]
        if ids != self.manifest["scenarios"]:
            raise UsageError(_other_scenarios(self.folder, self.manifest))
        now = {scenario.id: scenario for scenario in prepared.scenarios}
        for result in [*read_results(self.folder), *read_unfinished(self.folder)]:
            if now.get(result.scenario.id) not in (None, result.scenario):
                raise UsageError(
                    f"{self.folder}: {result.scenario.id} was measured as another problem; put "
                    "back the table that its file reads, or choose another --out"
                )

    def remember(self) -> dict[str, Any]:
        """Keep in the manifest that profiles were asked for since; return it as it is then."""
        request = {**self.manifest["request"]}
        request |= {"profile": self.request.profile, "instructions": self.request.instructions}
        manifest = {**self.manifest, "request": request}
        if request != self.manifest["request"]:
            write_manifest(self.folder, manifest)
        return manifest


def interrupted(given: Mapping[str, Any], out: Path | None, usual_file: str) -> Interrupted:
    """Return the run to finish: the one in `out`, or the newest of the same files.

    Args:
        given: field → value of what the command line says now.

    Raises:
        UsageError: no such run, or one that was asked something else; names both.
    """
    model = given.get("model")
    folder = out or _newest([model_file(model)] if model else _files_of(given, usual_file))
    manifest = read_manifest(folder)
    stored = read_request(manifest)
    if not isinstance(stored, RunRequest):
        raise UsageError(f"{folder}: holds no `run`, so there is nothing to resume; choose --out")
    refuse_contradictions(folder, stored, given)
    model = None if stored.model is None else from_here(stored.model)
    if model is not None:
        files: tuple[AskedFile, ...] = ()
        _refuse_other_files(folder, manifest, [model_file(model)])
    else:
        files = given.get("files") or _located(folder, stored.files)
        _refuse_other_files(folder, manifest, load(files, yes=True))
    missing = [name for name in ("settings", "machine", "scenarios") if name not in manifest]
    if not missing and manifest["settings"].get("threads") is None:
        missing = ["settings.threads"]
    if missing:
        raise UsageError(f"{folder / MANIFEST}: not a run's manifest: no {missing[0]} in it")
    of_now = {name: given[name] for name in OF_THIS_CALL if name in given}
    request = replace(
        stored,
        files=files,
        model=model,
        plugins=tuple(map(from_here, stored.plugins)),
        **{"budget_s": None, **of_now},
    )
    return Interrupted(folder, manifest, request)


def _files_of(given: Mapping[str, Any], usual_file: str) -> Sequence[ScenarioFile]:
    return load(given.get("files") or asked_files([usual_file]), yes=True)


def _newest(files: Sequence[ScenarioFile]) -> Path:
    name = "-".join(file.name for file in files)
    for manifest in sorted(Path("results").glob(f"*-{name}*/{MANIFEST}"), reverse=True):
        if read_manifest(manifest.parent).get("name") == name:
            return manifest.parent
    raise UsageError(f"--resume: no run of {name} in results/; name its folder with --out")


def refuse_contradictions(folder: Path, stored: RunRequest, given: Mapping[str, Any]) -> None:
    """Stop where what is given anew is not what the run was asked.

    Raises:
        UsageError: names both.
    """
    for option, asked in RunRequest.options():
        if asked.name not in given or asked.name in OF_THIS_CALL:
            continue
        now, then = given[asked.name], getattr(stored, asked.name)
        if asked.name == "device":
            now = _settled_device(now)
        if _compared(now) != _compared(then):
            said = " ".join(spelled(option, now))
            is_unsaid = then is None or then == () or isinstance(then, bool)
            was = f"without {option}" if is_unsaid else f"with {' '.join(spelled(option, then))}"
            raise UsageError(
                f"{said} contradicts the run in {folder}, which was asked {was}; {LEAVE_OUT}"
            )


def _settled_device(asked: str) -> str | None:
    """Return the device that is meant here; only "auto" needs torch to tell."""

    def has_gpu() -> bool:
        with scratch_folder() as scratch:
            return new_run.torch_facts(scratch / "start.log").gpu is not None

    return selection.chosen_device(asked, has_gpu, asked_by="--device")


def _compared(value: Any) -> Any:
    """Return what makes two values the same: files their path, several whatever their order."""
    if isinstance(value, tuple):
        return frozenset(map(_compared, value))
    return value.path if isinstance(value, AskedFile) else value


def from_here(file: AskedFile) -> AskedFile:
    """Return a file under its name where that still means it, or else under its path."""
    means_it = str(Path(file.given).resolve()) == str(Path(file.path).resolve())
    return file if means_it else AskedFile(file.path, file.path)


def _located(folder: Path, files: Sequence[AskedFile]) -> tuple[AskedFile, ...]:
    """Return the scenario files that a run was asked with, by names that hold here.

    Raises:
        UsageError: one is gone, or none was recorded.
    """
    if not files:
        raise UsageError(f"{folder}: its {MANIFEST} names no scenario file; name those of the run")
    located = []
    for file in files:
        try:
            if str(find_file(file.given).resolve()) == file.path:
                located.append(file)
                continue
        except UsageError:
            pass
        if not Path(file.path).is_file():
            raise UsageError(
                f"{file.path}: the run in {folder} was asked with this file, and it is gone; put "
                f"it back (its text is in {folder / MANIFEST}), or choose another --out"
            )
        located.append(from_here(file))
    return tuple(located)


def _refuse_other_files(
    folder: Path, manifest: Mapping[str, Any], files: Sequence[ScenarioFile]
) -> None:
    """Stop where the files are others than the run's, or were changed since.

    Raises:
        UsageError: it says what differs.
    """
    listed = manifest.get("scenario_files") or []
    stored = {entry["name"]: entry.get("text") or "" for entry in listed}
    if {file.name for file in files} != stored.keys():
        raise UsageError(_other_scenarios(folder, manifest))
    for file in files:
        if file.text != stored[file.name]:
            raise UsageError(
                f"{file.path}: changed since the run in {folder} began: "
                f"{_first_difference(stored[file.name], file.text)}; put it back, or choose "
                "another --out"
            )


def _first_difference(then: str, now: str) -> str:
    """Return "line 3 was "a" and is "b"" of two texts that differ."""
    old, new = then.splitlines(), now.splitlines()
    index = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), None)
    if index is None:
        shorter = min(len(old), len(new))
        if len(old) == len(new):
            return "its line ends are others"
        what = "has no more" if len(new) < len(old) else f'has "{new[shorter].strip()}"'
        return f"after line {shorter} it {what}"
    return f'line {index + 1} was "{old[index].strip()}" and is "{new[index].strip()}"'


def _other_scenarios(folder: Path, manifest: Mapping[str, Any]) -> str:
    ids = manifest.get("scenarios") or []
    return (
        f"{folder}: holds a run of other scenarios ({len(ids)} of them, first "
        f"{ids[0] if ids else 'none'}); leave out the files to resume with its own, or choose "
        "another --out"
    )
