"""May the times of two runs be compared? One answer for gate, compare, history and report.

What only one of two manifests tells is unknown, and unknown is no difference: an older version
kept less. It is named all the same, so that whoever reads a comparison knows what it rests on.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, Protocol

from suite.conditions import Scenario
from suite.results.folder import Run
from suite.results.revisions import plugin_revisions
from suite.workload import network_of

MACHINE = (
    "cpu",
    "flags",
    "cores",
    "cpu_quota",
    "caches",
    "governor",
    "gpu",
    "os",
    "python",
    "torch",
    "torch_build",
    "cpu_capability",
    "threads",
)
"""Facts of the manifest's "machine" that every time depends on."""
ON_GPU = ("gpu_driver", "cuda", "cudnn", "triton")
"""Those that only times on a GPU depend on."""
COMPILED = ("numba",)
"""Those that only rows depend on that are compiled when they run."""
NOT_COMPILED = ("reference", "vendor", "engine")
"""Families whose work is done by a library."""
ESSENTIAL = ("cpu", "torch")
"""Where a manifest lacks one of these it says nothing of the machine at all."""
NONE_IS_KNOWN = ("cpu_quota", "gpu", "cuda", "cudnn", "triton", "numba")
"""Facts whose None says that there is none; for others the system did not tell."""

VARIABLES = (
    "OMP_*",
    "GOMP_*",
    "KMP_*",
    "MKL_*",
    "ONEDNN_*",
    "DNNL_*",
    "OPENBLAS_*",
    "BLIS_*",
    "VECLIB_*",
    "NUMBA_*",
    "TORCH_*",
    "PYTORCH_*",
    "TORCHDYNAMO_*",
    "TORCHINDUCTOR_*",
    "ATEN_*",
    "TRITON_*",
    "CUBLAS_*",
    "CUDNN_*",
    "MALLOC_*",
    "GLIBC_TUNABLES",
    "LD_PRELOAD",
    "DYLD_INSERT_LIBRARIES",
    "CUDA_LAUNCH_BLOCKING",
    "CUDA_DEVICE_MAX_CONNECTIONS",
    "CUDA_MODULE_LOADING",
    "NVIDIA_TF32_OVERRIDE",
    "PYTHONMALLOC",
)
"""Environment variables that a time may depend on, as a manifest keeps them."""
VARIABLES_AT_FIRST = ("OMP_*", "GOMP_*", "MKL_*", "KMP_*", "NUMBA_*", "TORCH_*", "ONEDNN_*")
"""What manifests kept that do not say what they kept."""
PLACES = ("*_DIR", "*_HOME", "*_PATH", "*_ROOT")
"""Variables that say where files lie; no time depends on that."""

IN_WORDS = ("cpu", "gpu", "os", "python", "torch", "governor", "hostname")
"""Facts that a report shows as they are."""
NOISE = ("noise", "noise_grade")
"""Of several the worst; a grade further on in the alphabet is worse."""

LONGEST = 60
SHARED = "…"
"""Stands for the words that two long values share."""


class Work(Protocol):
    """What a cell did, whatever else is known of it."""

    @property
    def scenario(self) -> Scenario: ...
    @property
    def family(self) -> str: ...
    @property
    def threads(self) -> int | None: ...


class Measured(Protocol):
    """A run, whatever is known of its cells."""

    @property
    def manifest(self) -> Mapping[str, Any]: ...
    @property
    def results(self) -> Sequence[Work]: ...


@dataclass(frozen=True, slots=True)
class Mismatch:
    """What two runs do not share, with the value that it has in each."""

    fact: str
    first: str
    second: str

    def __str__(self) -> str:
        return f"{self.fact} {self.first} and {self.second}"


@dataclass(frozen=True, slots=True)
class Comparability:
    """What stands against comparing the times of two runs."""

    mismatches: tuple[Mismatch, ...]
    """Empty: times may be compared."""
    unknown: tuple[str, ...]
    """Facts that one of the two manifests does not tell, so that they count as equal."""

    @property
    def why_not(self) -> str:
        """Return all mismatches with both values, or an empty text."""
        return "; ".join(map(str, self.mismatches))

    @property
    def assumed(self) -> str:
        """Return what counts as equal though it is not known, or an empty text."""
        return assumed_equal(self.unknown)


def assumed_equal(unknown: Iterable[str]) -> str:
    """Return facts that count as equal though they are not known, or an empty text."""
    facts = ", ".join(unknown)
    return f"taken as equal, for not every run tells it: {facts}" if facts else ""


def comparability(first: Measured, second: Measured) -> Comparability:
    """Return what stands against comparing the times of two runs.

    What only times on a GPU or of compiled rows depend on counts where either run has such cells.
    """
    cells = (*first.results, *second.results)
    facts = [*MACHINE]
    if any(cell.scenario.on_cuda for cell in cells):
        facts += ON_GPU
    if any(cell.family not in NOT_COMPILED for cell in cells):
        facts += COMPILED
    machines = [run.manifest.get("machine") or {} for run in (first, second)]
    mismatches: list[Mismatch] = []
    unknown: list[str] = []
    for fact in facts:
        values = [_told(machine, fact) for machine in machines]
        is_known = [value is not None for value in values]
        if all(is_known):
            if values[0] != values[1]:
                mismatches.append(Mismatch(_words(fact), *_apart(*map(str, values))))
        elif fact in ESSENTIAL:
            mismatches.append(Mismatch(_words(fact), *(value or "unknown" for value in values)))
        elif any(is_known):
            unknown.append(_words(fact))
    of_variables, unknown_variables = _compare_variables(first.manifest, second.manifest)
    return Comparability((*mismatches, *of_variables), (*unknown, *unknown_variables))


def named_differences(runs: Sequence[Run]) -> list[str]:
    """Return, for each run that is not like the first one, what differs: `folder: facts`."""
    first, *others = runs
    return [f"{other.folder}: {why}" for other in others if (why := _why_not_one_run(first, other))]


def _why_not_one_run(first: Run, other: Run) -> str:
    """Return what keeps two runs from being parts of one, machines and the work of cells."""
    known = {cell.key: cell for cell in first.results}
    others = (
        f"{cell.key}: {why}"
        for cell in other.results
        if cell.key in known and (why := why_other_work(known[cell.key], cell))
    )
    parts = [comparability(first, other).why_not, next(others, "")]
    return "; ".join(filter(None, parts))


def shared_manifest(manifests: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the manifest of several runs that are shown as one.

    What they do not share is told with all of its values ("2.13.0 or 2.12.0") or not at all: one
    run's machine would stand over the numbers of another.
    """
    machines = [manifest.get("machine") or {} for manifest in manifests]
    machine: dict[str, Any] = {}
    for fact in dict.fromkeys(name for each in machines for name in each):
        values = [each.get(fact) for each in machines]
        if all(value == values[0] for value in values):
            machine[fact] = values[0]
        elif fact in NOISE:
            machine[fact] = max(value for value in values if value is not None)
        elif fact in IN_WORDS:
            none = "none" if fact in NONE_IS_KNOWN else "unknown"
            texts = (none if value is None else str(value) for value in values)
            machine[fact] = " or ".join(dict.fromkeys(texts))
    shared = {**manifests[0], "machine": machine}
    for name in ("git_revision", "convgauge_version", "plugins"):
        if any(manifest.get(name) != manifests[0].get(name) for manifest in manifests):
            shared[name] = None
    if remark := mixed_plugins(manifests):
        shared["remarks"] = [*(shared.get("remarks") or []), remark]
    threads = {(manifest.get("settings") or {}).get("threads") for manifest in manifests}
    if len(threads) > 1 and "settings" in shared:
        shared["settings"] = {**shared["settings"], "threads": None}
    return shared


def mixed_plugins(manifests: Sequence[Mapping[str, Any]]) -> str:
    """Return of which revisions the plug-ins of several runs are, if of more than one.

    That is no reason not to compare their times: to compare two revisions is what some want.
    """
    told = [", ".join(r.words for r in plugin_revisions(manifest)) for manifest in manifests]
    different = list(dict.fromkeys(filter(None, told)))
    if len(different) < 2:
        return ""
    return f"Plug-ins of different revisions are shown as one run: {' and '.join(different)}"


def _words(fact: str) -> str:
    return fact.replace("_", " ")


def _told(machine: Mapping[str, Any], fact: str) -> str | None:
    """Return a fact as text; None where the manifest does not tell it."""
    if fact not in machine:
        return None
    value = machine[fact]
    if value is None:
        return "none" if fact in NONE_IS_KNOWN else None
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {part}" for name, part in sorted(value.items())) or None
    if fact == "python":  # bug-fix releases are as fast
        return ".".join(str(value).split(".")[:2])
    return str(value)


def _apart(first: str, second: str) -> tuple[str, str]:
    """Return two values as they are; of long ones only the words that the other has not."""
    if max(len(first), len(second)) <= LONGEST:
        return first, second
    words, others = re.split(r"[\s,]+", first), re.split(r"[\s,]+", second)
    own = [word for word in words if word not in others], [w for w in others if w not in words]
    if not any(own):
        return _short(first), _short(second)
    of_first, of_second = (_short(" ".join([SHARED, *part])) for part in own)
    return of_first, of_second


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}{SHARED}"


# -- the environment -----------------------------------------------------------------------------


def is_kept(variable: str, patterns: Iterable[str] = VARIABLES) -> bool:
    """Return whether a time may depend on an environment variable."""
    return any(fnmatchcase(variable, pattern) for pattern in patterns) and not any(
        fnmatchcase(variable, pattern) for pattern in PLACES
    )


def kept_variables(environment: Mapping[str, str]) -> dict[str, Any]:
    """Return a manifest's entries on the environment: the variables, and which were looked for."""
    return {
        "environment": {name: environment[name] for name in sorted(environment) if is_kept(name)},
        "environment_kept": list(VARIABLES),
    }


def _compare_variables(
    first: Mapping[str, Any], second: Mapping[str, Any]
) -> tuple[list[Mismatch], list[str]]:
    environments = [manifest.get("environment") or {} for manifest in (first, second)]
    patterns = [
        manifest.get("environment_kept", VARIABLES_AT_FIRST if "environment" in manifest else ())
        for manifest in (first, second)
    ]
    mismatches, unknown = [], []
    for name in sorted(environments[0].keys() | environments[1].keys()):
        if not is_kept(name) or environments[0].get(name) == environments[1].get(name):
            continue
        if all(is_kept(name, kept) for kept in patterns):
            values = (environment.get(name, "unset") for environment in environments)
            mismatches.append(Mismatch(name, *_apart(*values)))
        else:
            unknown.append(name)
    return mismatches, unknown


# -- cells ---------------------------------------------------------------------------------------


def conditions(cell: Work) -> str:
    """Return what a cell's scenario is, without what it is called; its threads stand apart."""
    return _conditions(cell.scenario)


@lru_cache(maxsize=4096)
def _conditions(scenario: Scenario) -> str:
    record = scenario.to_dict()
    for name in ("id", "source", "occurrences", "threads", "stored_values"):
        record.pop(name)
    record["cache"] = scenario.cache_state
    if network := network_of(scenario):
        # What is called and with what. Its code is what may differ between two runs of it, and
        # where that lies is nobody's business.
        record["problem"] = {
            "name": network.name,
            "inputs": record["problem"]["inputs"],
            "dtype": network.dtype,
            "train": network.train,
        }
    return json.dumps(record, sort_keys=True)


def why_other_work(first: Work, second: Work) -> str:
    """Return why two cells of one name did not do the same work, or an empty text."""
    if first.scenario is not second.scenario and conditions(first) != conditions(second):
        return "another problem or setting under the same name"
    if None not in (first.threads, second.threads) and first.threads != second.threads:
        return f"{first.threads} and {second.threads} threads"
    return ""


def fingerprint(machine: Mapping[str, Any]) -> str:
    """Return a short hash of the facts that every time depends on, to tell machines by sight."""
    text = json.dumps({fact: _told(machine, fact) for fact in MACHINE}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
