"""What comes over a channel: replies of their types, and nothing that a hostile process writes."""

from __future__ import annotations

import json
import math
import multiprocessing
import threading
from typing import Any

import pytest

from suite.messages import judge, worker
from suite.messages.answer import Answer, Failure
from suite.messages.worker import HandBack, TimedAnswer, Turn, Turned, Warm
from suite.problem import Problem, Scenario
from suite.processes.channel import (
    ChannelClosed,
    Done,
    ForeignFrame,
    NoReplyInTime,
    Requester,
    handlers,
    serve,
)
from suite.registry.description import Describe
from suite.results.card_state import CardState
from suite.results.cell import Residuals, Status, WorstElement

SCENARIO = Scenario(id="s/1", problem=Problem.of_call((1, 1, 3, 3), (1, 1, 3, 3)))
ALLOWANCE = judge.Allowance(
    family="direct", error_factor=1, precision=None, nan_policy="receptive_field"
)
TURN = Turn(starts=((1, 2), (3, 4)), batch=1, lead=True, last=False)
SAMPLES = (0.1 + 0.2, 1e-7)
TIMES = {"inside_s": 0.25, "held_s": 0.5, "quiet": True}


def answer(**changes: Any) -> dict[str, Any]:
    reply = {"samples_s": [1e-3, 2e-3], "card": None}
    return {"reply": reply, "failure": None, **TIMES, **changes}


@pytest.fixture
def ends():
    ours, theirs = multiprocessing.Pipe()
    requester = Requester(ours)
    yield requester, theirs
    requester.close()
    theirs.close()


def told(ends, request, frame: bytes):
    """Return what the parent makes of a frame that answers its first request."""
    requester, theirs = ends
    requester.send(request)
    theirs.send_bytes(frame)
    return requester.receive(request, 1.0)


def test_requests_and_replies_arrive_as_they_were_sent(ends):
    requester, theirs = ends
    seen = []
    card = CardState(sm_clock_mhz=1980, power_w=612.5, reasons=("power cap",))

    def turn(asked: Turn) -> TimedAnswer[Turned]:
        seen.append(asked)
        return TimedAnswer(reply=Turned(samples_s=SAMPLES, card=card), failure=None, **TIMES)

    serving = threading.Thread(target=serve, args=(theirs, handlers(Turn.handled_by(turn))))
    serving.start()
    requester.send(TURN)
    reply = requester.receive(TURN, 5.0)
    requester.close()
    serving.join()

    assert seen == [TURN]
    assert reply.reply == Turned(samples_s=SAMPLES, card=card)


def test_a_request_reaches_the_member_that_it_is_sent_to(ends):
    requester, theirs = ends
    members = {
        name: handlers(HandBack.handled_by(lambda _, name=name: seen.append(name) or DONE))
        for name in ("first", "second")
    }
    seen: list[str] = []
    serving = threading.Thread(target=serve, args=(theirs, {}, members))
    serving.start()
    for name in ("second", "first"):
        requester.send(HandBack(), to=name)
        requester.receive(HandBack(), 5.0)
    requester.close()
    serving.join()

    assert seen == ["second", "first"]


DONE = TimedAnswer(reply=Done(), failure=None, **TIMES)


def test_every_request_has_a_name_of_its_own_within_its_dialogue():
    for dialogue in (worker, judge):
        requests = [kind for kind in vars(dialogue).values() if hasattr(kind, "answered_with")]
        names = [kind.do for kind in requests]
        assert len(names) > 5
        assert len(names) == len(set(names))


HOSTILE_ANSWERS = {
    "a missing field": {name: value for name, value in answer().items() if name != "held_s"},
    "an extra field": answer(status="passed"),
    "a missing reply": answer(reply=None),
    "reply and failure": answer(failure={"status": "error", "reason": ""}),
    "a failure that passed": answer(reply=None, failure={"status": "passed", "reason": ""}),
    "an unknown status": answer(reply=None, failure={"status": "fine", "reason": ""}),
    "a reason that is no text": answer(reply=None, failure={"status": "error", "reason": 5}),
    "seconds that are NaN": answer(held_s=math.nan),
    "seconds without end": answer(inside_s=math.inf),
    "negative seconds": answer(inside_s=-1.0),
    "more seconds than the world has": answer(held_s=1e300),
    "a huge integer": answer(held_s=10**400),
    "a list for a number": answer(held_s=[1.0]),
    "a number for a flag": answer(quiet=1),
    "a sample that is zero": answer(reply={"samples_s": [0.0], "card": None}),
    "a negative sample": answer(reply={"samples_s": [1e-3, -1e-3], "card": None}),
    "a sample that is NaN": answer(reply={"samples_s": [math.nan], "card": None}),
    "samples that sum to no number": answer(
        reply={"samples_s": [math.inf, -math.inf], "card": None}
    ),
    "a sample that is a text": answer(reply={"samples_s": ["1e-3"], "card": None}),
    "a number for samples": answer(reply={"samples_s": 1e-3, "card": None}),
    "a reply to another request": answer(reply={"prepare_s": None}),
    "an extra field inside": answer(reply={"samples_s": [], "card": None, "more": 1}),
    "a clock that is a word": answer(reply={"samples_s": [], "card": {"sm_clock_mhz": "fast"}}),
    "a clock of the judge's": answer(reply={"samples_s": [], "card": {"sm_clock_mhz": 10**30}}),
    "a list": [],
    "nothing": None,
}


@pytest.mark.parametrize("hostile", HOSTILE_ANSWERS.values(), ids=HOSTILE_ANSWERS)
def test_an_answer_that_does_not_fit_its_type_is_foreign(ends, hostile):
    frame = json.dumps({"number": 1, "reply": hostile}).encode()

    with pytest.raises(ForeignFrame, match="no reply to turn: "):
        told(ends, TURN, frame)


def test_the_answers_above_are_refused_for_what_is_wrong_with_them(ends):
    frame = json.dumps({"number": 1, "reply": answer()}).encode()

    assert told(ends, TURN, frame).reply.samples_s == (1e-3, 2e-3)


HOSTILE_FRAMES = {
    "no JSON": b"\x80\x04pickled",
    "no UTF-8": b"\xff\xfe",
    "empty": b"",
    "nested too deeply": b"[" * 200_000,
    "an integer of more digits than Python reads": b'{"number": ' + b"1" * 10_000 + b"}",
    "no number": json.dumps({"reply": answer()}).encode(),
    "no reply": b'{"number": 1}',
    "more than both": json.dumps({"number": 1, "reply": answer(), "do": "turn"}).encode(),
    "a list": b"[1]",
    "a number that is true": json.dumps({"number": True, "reply": answer()}).encode(),
    "the number of another request": json.dumps({"number": 2, "reply": answer()}).encode(),
    "a number that is a list": json.dumps({"number": [1], "reply": answer()}).encode(),
}


@pytest.mark.parametrize("frame", HOSTILE_FRAMES.values(), ids=HOSTILE_FRAMES)
def test_a_frame_that_is_not_the_suites_is_foreign(ends, frame):
    with pytest.raises(ForeignFrame):
        told(ends, TURN, frame)


@pytest.mark.parametrize("batch", [0, -1, 1.5, 2**80])
def test_a_batch_that_nothing_can_be_divided_by_is_foreign(ends, batch):
    reply = {"call_s": 1e-3, "peak_bytes": None, "batch": batch, "note": None}
    frame = json.dumps({"number": 1, "reply": answer(reply=reply)}).encode()

    with pytest.raises(ForeignFrame, match=r"reply\.batch: found"):
        told(ends, Warm(), frame)


@pytest.mark.parametrize(
    "change",
    [
        {"family": "fastest"},
        {"error_factor": 1e9},
        {"error_factor": math.nan},
        {"precision": "sloppy"},
        {"nan_policy": "anything"},
        {"devices": "cpu"},
        {"dtypes": ["float8"]},
    ],
)
def test_what_imports_a_source_cannot_declare_what_a_plug_in_may_not(ends, change):
    declared = {"name": "x", "family": "direct", "source": "x.py"}
    asking = Describe(scenarios=())
    requester, theirs = ends
    for number, told_of in enumerate((declared, declared | change), start=1):
        requester.send(asking)
        described = {"declared": told_of, "unavailable": None, "unsupported": {}}
        reply = {"implementations": [described], "failure": None}
        theirs.send_bytes(json.dumps({"number": number, "reply": reply}).encode())
        if number == 1:
            (implementation,) = requester.receive(asking, 1.0).implementations
            assert implementation.declared.family == "direct"

    with pytest.raises(ForeignFrame, match=r"implementations\[0\]\.declared"):
        requester.receive(asking, 1.0)


def test_a_worker_declares_nothing_at_all(ends):
    """It is judged by what the catalogue has, and every table shows."""
    declared = {"name": "x", "family": "fft", "source": "x.py", "error_factor": 2.0}
    reply = {"workspace_bytes": None, "executed_flops": None, "note": None, "declared": declared}
    opening = worker.Open(scenario=SCENARIO, operands="", results="")
    frame = json.dumps({"number": 1, "reply": answer(reply=reply)}).encode()

    with pytest.raises(ForeignFrame, match="'declared' is left over"):
        told(ends, opening, frame)


@pytest.mark.parametrize(
    "change",
    [{"workspace_bytes": 10**400}, {"workspace_bytes": -1}, {"executed_flops": math.inf}],
)
def test_a_worker_cannot_tell_of_impossible_costs(ends, change):
    reply = {"workspace_bytes": None, "executed_flops": None, "note": None}
    opening = worker.Open(scenario=SCENARIO, operands="", results="")
    frame = json.dumps({"number": 1, "reply": answer(reply=reply | change)}).encode()

    with pytest.raises(ForeignFrame, match=f"reply.{next(iter(change))}: found"):
        told(ends, opening, frame)


def test_the_judge_may_tell_of_elements_that_are_no_numbers(ends):
    worst = WorstElement(index=(0, 1, 2, 3), got=math.inf, expected=1.0, bound=0.0)
    residuals = Residuals(rel_l2_error=math.nan, worst_error_ratio=math.inf, worst=worst)
    requester, theirs = ends
    judgement = judge.Judgement(residuals=residuals, fault="wrong")
    judged = Answer(reply=judgement, failure=None)
    asked = judge.JudgeGate(
        results="/path",
        slot=0,
        allowance=ALLOWANCE,
    )
    serving = threading.Thread(
        target=serve, args=(theirs, handlers(judge.JudgeGate.handled_by(lambda _: judged)))
    )
    serving.start()
    requester.send(asked)
    reply = requester.receive(asked, 5.0).reply
    requester.close()
    serving.join()

    assert reply is not None
    assert math.isnan(reply.residuals.rel_l2_error)
    assert reply.residuals.worst == worst


def test_a_process_that_is_gone_or_silent_is_told_apart(ends):
    requester, theirs = ends
    requester.send(HandBack())
    with pytest.raises(NoReplyInTime):
        requester.receive(HandBack(), 0.01)
    theirs.close()
    with pytest.raises(ChannelClosed):
        requester.receive(HandBack(), 1.0)


def test_a_failure_travels_with_its_status_and_its_reason(ends):
    failure = {"status": "out_of_memory", "reason": "no more"}
    frame = json.dumps({"number": 1, "reply": answer(reply=None, failure=failure)}).encode()

    assert told(ends, TURN, frame).failure == Failure(status=Status.OUT_OF_MEMORY, reason="no more")


def test_mypy_sees_a_missing_and_a_misspelt_field_at_both_ends(tmp_path):
    """The ends are held together by types alone: what mypy lets pass, nobody would see."""
    api = pytest.importorskip("mypy.api")
    module = tmp_path / "ends.py"
    module.write_text(MISTAKEN)
    said, _, _ = api.run(["--strict", "--no-error-summary", str(module)])

    lines = MISTAKEN.splitlines()
    wrong = {number for number, line in enumerate(lines, start=1) if line.endswith("# wrong")}
    seen = {int(line.split(":")[1]) for line in said.splitlines() if ": error:" in line}
    assert len(wrong) == 7
    assert seen == wrong, said


MISTAKEN = """\
from suite.measuring.worker_client import WorkerClient
from suite.messages.worker import Gate, Gated, Warm, Warmed, TimedAnswer
from suite.processes.channel import handlers

def ask(client: WorkerClient) -> None:
    client.ask(Gate(slot=0, kind="normal"))  # wrong
    client.ask(Gate(slot=0, kind="normal", log_operatorz=True))  # wrong
    client.ask(Warm()).callz_s  # wrong
    batch: str = client.ask(Warm()).batch  # wrong
    fine: int = client.ask(Warm()).batch

def warm(asked: Warm) -> TimedAnswer[Warmed]:
    reply = Warmed(call_s=1.0, peak_bytes=None, batch=1)  # wrong
    asked.kind  # wrong
    return TimedAnswer(reply=reply, failure=None, inside_s=0.0, held_s=0.0, quiet=True)

handlers(Warm.handled_by(warm))
handlers(Gate.handled_by(warm))  # wrong
"""
