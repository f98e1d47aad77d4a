"""ConvGauge's command line: arguments in, wiring, exit code out.

    scenario files ─► suite.plan ─► suite.runner ─► results.jsonl ─► reports

Each command is one function here. What a command needs is imported inside it, so that `--help`,
`list --scenarios` and `validate` answer at once.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from suite.arguments import build_parser
from suite.errors import (
    EXIT_DEFECT,
    EXIT_GOOD,
    EXIT_INTERRUPTED,
    EXIT_NOT_COMPARABLE,
    EXIT_USAGE,
    EXIT_WRONG,
    ConvGaugeError,
)

if TYPE_CHECKING:
    from tempfile import TemporaryDirectory

    from suite.catalogue import Catalogue
    from suite.scenario import ScenarioFile
    from suite.settings import Settings

ISSUES = "please report it with this text"


def run(options: argparse.Namespace) -> int:
    import dataclasses  # noqa: PLC0415

    import reports  # noqa: PLC0415
    from reports import terminal  # noqa: PLC0415
    from suite import __version__, plan  # noqa: PLC0415
    from suite.catalogue import read_catalogue  # noqa: PLC0415
    from suite.result import Status  # noqa: PLC0415
    from suite.runfile import finish_manifest, read_run  # noqa: PLC0415
    from suite.runner import Runner  # noqa: PLC0415
    from suite.scenario import load_files  # noqa: PLC0415

    console = terminal.console()
    files = load_files(options.files, **_most(options))
    name = "-".join(file.name for file in files)
    with _scratch_folder() as scratch:
        log = Path(scratch) / "start.log"
        catalogue = read_catalogue(plan.TREE, options.plugin, log)
        for failure in catalogue.failures:
            console.print(failure, style="dim", highlight=False, soft_wrap=True)
        arms = plan.chosen_arms(catalogue, _patterns(options, files, catalogue), options.reference)
        facts = plan.torch_facts(log)
    scenarios = plan.on_device(
        [scenario for file in files for scenario in file.scenarios], options.device, facts
    )
    scenarios = plan.shard_of(scenarios, options.shard)
    plan.refuse_too_many(len(scenarios) * len(arms), options.yes)
    folder = plan.open_folder(options.out, name, options.resume, [s.id for s in scenarios])
    settings = _settings(options, folder / "worker.log")
    if not options.resume:
        plan.write_run_manifest(
            folder,
            name=name,
            files=files,
            scenarios=scenarios,
            catalogue=catalogue,
            facts=facts,
            settings={
                "budget_s": options.budget,
                "shard": options.shard,
                "plugins": [str(plugin) for plugin in options.plugin],
                **{key: _plain(value) for key, value in dataclasses.asdict(settings).items()},
            },
            version=__version__,
        )
    console.print(
        f"{len(scenarios)} scenarios × {len(arms)} implementations into {folder}",
        highlight=False,
        soft_wrap=True,
    )
    with terminal.RunDisplay(console) as display:
        runner = Runner(folder, scenarios, arms, settings, options.budget, display.watch)
        outcome = runner.run()
    finish_manifest(folder, {**outcome.ledger.summary(), "interrupted": outcome.interrupted})
    if not (folder / "results.jsonl").stat().st_size:
        console.print("interrupted before the first cell was finished", style="yellow")
        return EXIT_INTERRUPTED
    finished = read_run([folder])
    written = reports.write_all(finished, folder)
    report = next((path for path in written if path.suffix == ".html"), folder)
    terminal.print_summary(console, finished.results, outcome, report)
    if outcome.interrupted:
        console.print(
            f"interrupted; finish it with: run {' '.join(options.files)} --out {folder} --resume",
            style="yellow",
            highlight=False,
            soft_wrap=True,
        )
        return EXIT_INTERRUPTED
    wrong = any(result.status is Status.INCORRECT for result in finished.results)
    return EXIT_WRONG if wrong else EXIT_GOOD


def check(options: argparse.Namespace) -> int:
    from reports import terminal  # noqa: PLC0415
    from suite import plan  # noqa: PLC0415
    from suite.catalogue import read_catalogue  # noqa: PLC0415
    from suite.check import check as check_arms  # noqa: PLC0415
    from suite.result import Status  # noqa: PLC0415
    from suite.scenario import load_files  # noqa: PLC0415

    console = terminal.console()
    files = load_files(options.files, **_most(options))
    with _scratch_folder() as scratch:
        settings = _settings(options, Path(scratch) / "worker.log")
        catalogue = read_catalogue(plan.TREE, options.plugin, settings.log)
        for failure in catalogue.failures:
            console.print(failure, style="dim", highlight=False, soft_wrap=True)
        arms = plan.chosen_arms(catalogue, options.impl or _names_of_plugins(options, catalogue))
        facts = plan.torch_facts(settings.log)
        scenarios = plan.on_device(
            [scenario for file in files for scenario in file.scenarios], options.device, facts
        )
        found = []
        for checked in check_arms(scenarios, arms, settings):
            found.append(checked)
            if checked.status not in (Status.PASSED, Status.UNSUPPORTED):
                console.print(
                    f"{checked.scenario.id} × {checked.implementation}: "
                    f"{checked.status.value}: {checked.reason}",
                    style="red",
                    highlight=False,
                    soft_wrap=True,
                    markup=False,
                )
    console.print(terminal.checked_table(found, {arm.name: arm.family for arm in arms}))
    failed = any(c.status not in (Status.PASSED, Status.UNSUPPORTED) for c in found)
    return EXIT_WRONG if failed else EXIT_GOOD


def report(options: argparse.Namespace) -> int:
    import reports  # noqa: PLC0415
    from suite.runfile import read_run  # noqa: PLC0415

    finished = read_run(options.folders)
    out = options.out or options.folders[0]
    if options.format:
        written = [reports.write(name, finished, out) for name in options.format]
    else:
        written = reports.write_all(finished, out)
    for path in written:
        print(path)
    return EXIT_GOOD


def compare(options: argparse.Namespace) -> int:
    import reports  # noqa: PLC0415
    from reports import compare_text  # noqa: PLC0415
    from reports.compare import compare_runs  # noqa: PLC0415
    from suite.runfile import read_run  # noqa: PLC0415

    base, head = read_run([options.base]), read_run([options.head])
    comparison = compare_runs(base, head)
    print("\n".join(compare_text.lines(comparison)))
    for path in reports.write_comparison(base, head, options.out or options.head):
        print(path)
    return EXIT_GOOD if comparison.compared else EXIT_NOT_COMPARABLE


def list_(options: argparse.Namespace) -> int:
    from suite.scenario import headline, shipped_files  # noqa: PLC0415

    everything = options.scenarios == options.impls
    if options.impls or everything:
        _list_implementations(options)
    if options.scenarios or everything:
        for path in shipped_files():
            head = headline(path)
            print(f"{head.name:20} {head.description}")
    return EXIT_GOOD


def _list_implementations(options: argparse.Namespace) -> None:
    from reports import terminal  # noqa: PLC0415
    from suite import plan  # noqa: PLC0415
    from suite.catalogue import read_catalogue  # noqa: PLC0415

    console = terminal.console()
    with _scratch_folder() as scratch:
        catalogue = read_catalogue(plan.TREE, options.plugin, Path(scratch) / "log")
    console.print(terminal.catalogue_table(catalogue))


def validate(options: argparse.Namespace) -> int:
    from suite import estimate  # noqa: PLC0415
    from suite.scenario import load_files  # noqa: PLC0415

    for file in load_files(options.files, **_most(options)):
        print(f"{file.path}: {len(file.scenarios)} scenarios, all valid")
        if options.expand:
            total_s = 0.0
            for scenario in file.scenarios:
                cell_s = estimate.scenario_s(scenario, 1)
                total_s += cell_s
                shapes = " ".join(
                    "×".join(str(size) for size in shape)
                    for shape in (scenario.problem.input_shape, scenario.problem.weight_shape)
                )
                print(
                    f"  {scenario.id}  {shapes}  {scenario.problem.direct_flops / 1e9:.3g} GFLOP"
                    f"  {scenario.device} {scenario.dtype} {scenario.direction}"
                )
            print(f"about {total_s:.0f} s for each implementation that covers all of them")
    return EXIT_GOOD


def doctor(options: argparse.Namespace) -> int:  # noqa: ARG001
    from reports import terminal  # noqa: PLC0415
    from suite import machine, plan  # noqa: PLC0415

    with _scratch_folder() as scratch:
        facts = plan.torch_facts(Path(scratch) / "log")
    now = machine.load()
    found = {**machine.facts(), **facts, "threads": machine.usable_cores()}
    noise = machine.spread(machine.noise_samples(1.0))
    terminal.print_doctor(terminal.console(), found, now, noise)
    return EXIT_GOOD


def demo(options: argparse.Namespace) -> int:
    from reports import demo_picture, terminal  # noqa: PLC0415
    from suite import plan  # noqa: PLC0415
    from suite.catalogue import read_catalogue  # noqa: PLC0415
    from suite.demo import FILTERS, filter_with, load_grey  # noqa: PLC0415

    console = terminal.console()
    grey = load_grey(options.image)
    with _scratch_folder() as scratch:
        log = Path(scratch) / "worker.log"
        catalogue = read_catalogue(plan.TREE, options.plugin, log)
        arms = plan.chosen_arms(catalogue, options.impl)
        filtered = list(filter_with(arms, grey, log))
    console.print(terminal.filtered_table(filtered))
    passed = [result for result in filtered if len(result.planes) == len(FILTERS)]
    if passed:
        picture = demo_picture.write(grey, passed[0].planes, FILTERS, options.out)
        console.print(f"picture: {picture}", highlight=False, soft_wrap=True)
    return EXIT_GOOD if passed else EXIT_WRONG


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "run": run,
    "check": check,
    "report": report,
    "compare": compare,
    "list": list_,
    "validate": validate,
    "doctor": doctor,
    "demo": demo,
}


def _most(options: argparse.Namespace) -> dict[str, None]:
    """Return the scenario limit's keyword: lifted with --yes, the loader's own otherwise."""
    return {"most": None} if options.yes else {}


def _scratch_folder() -> TemporaryDirectory[str]:
    from tempfile import TemporaryDirectory  # noqa: PLC0415

    return TemporaryDirectory(prefix="convgauge-")


def _settings(options: argparse.Namespace, log: Path) -> Settings:
    from suite import plan  # noqa: PLC0415
    from suite.settings import Settings  # noqa: PLC0415

    chosen = {
        "blocks": getattr(options, "blocks", None),
        "reference": getattr(options, "reference", None),
    }
    return Settings(
        threads=plan.chosen_threads(options.threads),
        log=log,
        timeout_s=options.timeout,
        memory_limit_bytes=plan.chosen_memory_limit_bytes(options.memory_limit),
        verify=not getattr(options, "no_verify", False),
        **{key: value for key, value in chosen.items() if value is not None},
    )


def _names_of_plugins(options: argparse.Namespace, catalogue: Catalogue) -> list[str]:
    """Return what the plug-in files registered: `check --plugin` is about them alone."""
    files = {str(plugin.resolve()) for plugin in options.plugin}
    return [e.name for e in catalogue.entries if e.file in files]


def _patterns(
    options: argparse.Namespace, files: Sequence[ScenarioFile], catalogue: Catalogue
) -> list[str]:
    """Return which implementations to run: as asked, or as the files say, plug-ins added."""
    if options.impl or not all(file.implementations for file in files):
        return list(options.impl)
    named = [name for file in files for name in file.implementations]
    return [*named, *_names_of_plugins(options, catalogue)]


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Path) else value


def _raise_interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; every deliberate error becomes a message and its exit code."""
    signal.signal(signal.SIGTERM, _raise_interrupt)
    try:
        options = build_parser().parse_args(arguments)
        return COMMANDS[options.command](options)
    except ConvGaugeError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        return EXIT_GOOD
    except ModuleNotFoundError as error:
        install = "pip install -e . -c constraints.txt"
        print(f"the package {error.name} is not installed; run: {install}", file=sys.stderr)
        return EXIT_USAGE
    except Exception as error:
        import traceback  # noqa: PLC0415

        traceback.print_exc()
        print(f"a defect in ConvGauge ({error}); {ISSUES}", file=sys.stderr)
        return EXIT_DEFECT


if __name__ == "__main__":
    sys.exit(main())
