"""Marking an exercise: run it, examine what came out, and then `check` it on drawn data.

Three processes besides this one: the pupil runs the file, the examiner compares what it gave, and
`check` has workers and a judge of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from suite.lessons.lesson import Lesson, Task
from suite.lessons.shapes import SHAPES, scenarios
from suite.lessons.table import path_of
from suite.measuring.arm import Arm
from suite.measuring.check import check
from suite.measuring.settings import Settings
from suite.messages.lessons import (
    Compute,
    Computed,
    Diagnose,
    Diagnosis,
    Draw,
    Drive,
    Mark,
    Suspicion,
)
from suite.processes.peer import Peer, ProcessFailed
from suite.processes.scratch import scratch_folder
from suite.registry.catalogue import describe
from suite.registry.sources import Source
from suite.results.cell import Status

TIMEOUT_S = 30.0
"""Of all of a file, or of one call: exercises are done in a moment."""
CHECKED = ("integer", "normal", "spiked")
"""Of the kinds of data that `check` draws those that say something about the sum. The others are
about how operands lie in memory, and about NaN."""


class Outcome(StrEnum):
    PASSED = "passed"
    WRONG = "wrong"
    FAILED = "failed"
    """It raised, hung or crashed, or is not finished."""
    BORROWED = "borrowed"
    """It is right because torch's own convolution is."""
    UNREADABLE = "unreadable"
    """It does not import."""


@dataclass(frozen=True)
class Found:
    """What came of one exercise."""

    outcome: Outcome
    sentences: tuple[str, ...] = ()
    """What was found, each a line of its own."""
    suspicions: tuple[Suspicion, ...] = ()
    together: bool = False
    """Whether these explain all that is wrong."""
    apart: tuple[str, ...] = ()
    """For each suspicion the shapes that it explains by itself."""
    right: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    """Names of shapes."""


def mark(lesson: Lesson, task: Task, file: Path, threads: int) -> Found:
    """Return what is right and wrong about an exercise."""
    with scratch_folder() as folder:
        log = folder / "log"
        pupil = Peer(
            "suite.lessons.child.pupil:main",
            str(file.resolve()),
            task.function,
            name=file.name,
            log=log,
        )
        examiner = Peer("suite.lessons.child.examiner:main", name="examiner", log=log)
        try:
            if task.claim:
                return _claim(task.claim, lesson, pupil, examiner, folder)
            found = _examined(task, pupil, examiner, folder)
        except ProcessFailed as failed:
            return _of_process(failed, file)
        finally:
            pupil.close()
            examiner.close()
        if found.outcome is Outcome.PASSED and task.operation == "forward":
            return _checked(task, file, threads, log, found)
        return found


def _of_process(failed: ProcessFailed, file: Path) -> Found:
    if failed.status == Status.TIMEOUT:
        return Found(
            Outcome.FAILED,
            (
                f"it did not answer within {TIMEOUT_S:g} s: is there a loop that never ends? These "
                "shapes are so small that plain Python takes a moment",
            ),
        )
    return Found(Outcome.FAILED, (f"the process that ran {file.name} ended: {failed.reason}",))


def _claim(claim: str, lesson: Lesson, pupil: Peer, examiner: Peer, folder: Path) -> Found:
    """Judge what is no convolution."""
    given, recorded = str(folder / "given.npz"), str(path_of(lesson.name))
    answer = pupil.ask(Drive(claim=claim, recorded=recorded, target=given), timeout_s=TIMEOUT_S)
    if answer.failure:
        return _raised(answer.failure.reason, answer.failure.status)
    marked = examiner.ask(Mark(claim=claim, recorded=recorded, source=given))
    return Found(Outcome.PASSED if marked.passed else Outcome.WRONG, marked.sentences)


def _raised(reason: str, status: Status, where: str = "") -> Found:
    unreadable = any(word in reason for word in ("SyntaxError", "IndentationError"))
    if unreadable or "ImportError" in reason or "ModuleNotFoundError" in reason:
        return Found(Outcome.UNREADABLE, (f"it does not import: {reason}",))
    if status is Status.UNSUPPORTED:
        return Found(Outcome.FAILED, (f"it does not do{where} what was asked: {reason}",))
    return Found(Outcome.FAILED, (f"it ends{where} with {reason}",))


def _examined(task: Task, pupil: Peer, examiner: Peer, folder: Path) -> Found:
    """Call the function on every shape and compare what it gives."""
    problems = tuple(SHAPES[name] for name in task.shapes)
    examiner.ask(Draw(problems=problems, operation=task.operation, folder=str(folder)))
    done: dict[int, Computed] = {}
    raised: Found | None = None
    for number, (name, problem) in enumerate(zip(task.shapes, problems, strict=True)):
        asked = Compute(
            problem=problem,
            operation=task.operation,
            folder=str(folder),
            number=number,
            log_operators=number == 0,  # the smallest: a profile of many calls takes seconds
        )
        answer = pupil.ask(asked, timeout_s=TIMEOUT_S)
        if answer.reply:
            done[number] = answer.reply
        elif answer.failure and raised is None:
            raised = _raised(answer.failure.reason, answer.failure.status, f' on shape "{name}"')
            if raised.outcome is Outcome.UNREADABLE:
                return raised
    if not done and raised:
        return raised
    diagnosis = examiner.ask(Diagnose(folder=str(folder), numbers=tuple(done)))
    found = _diagnosed(task, done, diagnosis)
    if raised:
        more = (*found.sentences, *raised.sentences)
        outcome = Outcome.FAILED if found.outcome is Outcome.PASSED else found.outcome
        return replace(found, outcome=outcome, sentences=more)
    borrowed = next((one.vendor for one in done.values() if one.vendor), None)
    if borrowed and found.outcome is Outcome.PASSED:
        return Found(Outcome.BORROWED, (borrowed,), right=found.right)
    return found


def _diagnosed(task: Task, done: dict[int, Computed], diagnosis: Diagnosis) -> Found:
    sentences = []
    for number, computed in done.items():
        problem = SHAPES[task.shapes[number]]
        forward = task.operation == "forward"
        expected = problem.output_shape if forward else problem.input_shape
        if computed.shape != expected:
            sentences.append(
                f"{task.shapes[number]}: the result has shape {computed.shape}, and should have "
                f"{expected}"
            )
    for element in diagnosis.wrong:
        where = f", {element.where}" if element.where else ""
        which = "its only element" if element.elements == 1 else f"element {list(element.index)}"
        sentences.append(
            f"{task.shapes[element.number]}: {which} is {element.got:.6g}, and should be "
            f"{element.expected:.6g}; {element.wrong} of {element.elements} are wrong{where}"
        )
    wrong = {sentence.partition(":")[0] for sentence in sentences}
    names = [task.shapes[number] for number in done]
    return Found(
        Outcome.WRONG if diagnosis.of else Outcome.PASSED,
        tuple(sentences),
        diagnosis.suspicions,
        diagnosis.together,
        tuple(
            ", ".join(task.shapes[number] for number in suspicion.numbers)
            for suspicion in diagnosis.suspicions
        ),
        tuple(name for name in names if name not in wrong),
        tuple(name for name in names if name in wrong),
    )


def _checked(task: Task, file: Path, threads: int, log: Path, found: Found) -> Found:
    """Hold a function that got whole numbers right against float64 on `check`'s own data."""
    source = Source(str(file.resolve()))
    catalogue = describe([source], log)
    if catalogue.failures:
        return Found(Outcome.FAILED, catalogue.failures)
    if not catalogue.entries:
        return Found(
            Outcome.FAILED,
            (
                'the numbers are right, but nothing is registered: put @register("exercise") back '
                "above the function",
            ),
        )
    arms = [Arm(entry.declared, source) for entry in catalogue.entries]
    settings = Settings(threads=threads, log=log, timeout_s=TIMEOUT_S)
    bad = [
        f"{checked.scenario.id}: {checked.status.value}: {checked.reason}"
        for checked in check(scenarios(task.shapes), arms, settings, CHECKED)
        if checked.status is not Status.PASSED
    ]
    if not bad:
        return found
    first: Sequence[str] = ("whole numbers come out right, and other data does not:", *bad[:3])
    return Found(Outcome.WRONG, tuple(first))
