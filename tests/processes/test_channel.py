"""What comes over a channel: replies of their types, and nothing that a hostile process writes."""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import signal
import struct
import sys
import threading
from typing import Any

import pytest

from suite.conditions import Scenario
from suite.messages import judge, worker
from suite.messages.answer import Answer, Failure
from suite.messages.worker import BeginTurn, EndTurn, Sample, Sampled, TimedAnswer, TurnEnded, Warm
from suite.problem import Problem
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
SAMPLE = Sample(starts=((1, 2), (3, 4)), slot=5)
SAMPLED = Sampled(sample_s=0.1 + 0.2, channels_last=(False, True))
TIMES = {"inside_s": 0.25, "quiet": True}


def answer(**changes: Any) -> dict[str, Any]:
    reply = {"sample_s": 1e-3, "channels_last": [False, False]}
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

    def sample(asked: Sample) -> TimedAnswer[Sampled]:
        seen.append(asked)
        return TimedAnswer(reply=SAMPLED, failure=None, **TIMES)

    def end_turn(asked: EndTurn) -> TimedAnswer[TurnEnded]:
        seen.append(asked)
        return TimedAnswer(reply=TurnEnded(card=card), failure=None, **TIMES)

    table = handlers(Sample.handled_by(sample), EndTurn.handled_by(end_turn))
    serving = threading.Thread(target=serve, args=(theirs, table))
    serving.start()
    requester.send(SAMPLE)
    sampled = requester.receive(SAMPLE, 5.0)
    requester.send(EndTurn(last=True))
    ended = requester.receive(EndTurn(last=True), 5.0)
    requester.close()
    serving.join()

    assert seen == [SAMPLE, EndTurn(last=True)]
    assert sampled.reply == SAMPLED
    assert ended.reply == TurnEnded(card=card)


def test_a_request_reaches_the_member_that_it_is_sent_to(ends):
    requester, theirs = ends
    members = {
        name: handlers(BeginTurn.handled_by(lambda _, name=name: seen.append(name) or DONE))
        for name in ("first", "second")
    }
    seen: list[str] = []
    serving = threading.Thread(target=serve, args=(theirs, {}, members))
    serving.start()
    for name in ("second", "first"):
        requester.send(BEGIN, to=name)
        requester.receive(BEGIN, 5.0)
    requester.close()
    serving.join()

    assert seen == ["second", "first"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks itself")
def test_a_fork_of_the_implementations_that_comes_back_ends_without_a_word(ends):
    requester, theirs = ends
    forks: list[int] = []

    def forking(_: BeginTurn) -> TimedAnswer[Done]:
        if fork := os.fork():
            forks.append(fork)
        return DONE

    serving = threading.Thread(target=serve, args=(theirs, handlers(BeginTurn.handled_by(forking))))
    serving.start()
    requester.send(BEGIN)
    try:
        requester.receive(BEGIN, 5.0)
        with pytest.raises(NoReplyInTime):
            requester.receive(BEGIN, 0.5)
        requester.close()
        serving.join()
    finally:
        os.kill(forks[0], signal.SIGKILL)
        _, status = os.waitpid(forks[0], 0)

    assert os.waitstatus_to_exitcode(status) == 1


BEGIN = BeginTurn(batch=1, lead=0)
DONE = TimedAnswer(reply=Done(), failure=None, **TIMES)


def test_every_request_has_a_name_of_its_own_within_its_dialogue():
    for dialogue in (worker, judge):
        requests = [kind for kind in vars(dialogue).values() if hasattr(kind, "answered_with")]
        names = [kind.do for kind in requests]
        assert len(names) > 5
        assert len(names) == len(set(names))


HOSTILE_ANSWERS = {
    "a missing field": {name: value for name, value in answer().items() if name != "inside_s"},
    "an extra field": answer(status="passed"),
    "a missing reply": answer(reply=None),
    "reply and failure": answer(failure={"status": "error", "reason": ""}),
    "a failure that passed": answer(reply=None, failure={"status": "passed", "reason": ""}),
    "an unknown status": answer(reply=None, failure={"status": "fine", "reason": ""}),
    "a reason that is no text": answer(reply=None, failure={"status": "error", "reason": 5}),
    "seconds that are NaN": answer(inside_s=math.nan),
    "seconds without end": answer(inside_s=math.inf),
    "negative seconds": answer(inside_s=-1.0),
    "more seconds than the world has": answer(inside_s=1e300),
    "a huge integer": answer(inside_s=10**400),
    "a list for a number": answer(inside_s=[1.0]),
    "a number for a flag": answer(quiet=1),
    "a sample that is zero": answer(reply={"sample_s": 0.0, "channels_last": []}),
    "a negative sample": answer(reply={"sample_s": -1e-3, "channels_last": []}),
    "a sample that is NaN": answer(reply={"sample_s": math.nan, "channels_last": []}),
    "a sample without end": answer(reply={"sample_s": math.inf, "channels_last": []}),
    "a number for an order": answer(reply={"sample_s": 1e-3, "channels_last": [1]}),
    "a sample that is a text": answer(reply={"sample_s": "1e-3", "channels_last": []}),
    "a list for a sample": answer(reply={"sample_s": [1e-3], "channels_last": []}),
    "a reply to another request": answer(reply={"prepare_s": None}),
    "an extra field inside": answer(reply={"sample_s": None, "channels_last": [], "more": 1}),
    "a list": [],
    "nothing": None,
}


@pytest.mark.parametrize("clock", ["fast", 10**30])
def test_a_card_with_a_clock_that_no_card_has_is_foreign(ends, clock):
    ended = {"card": {"sm_clock_mhz": clock}}
    frame = json.dumps({"number": 1, "reply": answer(reply=ended)}).encode()
    with pytest.raises(ForeignFrame):
        told(ends, EndTurn(last=True), frame)


@pytest.mark.parametrize("hostile", HOSTILE_ANSWERS.values(), ids=HOSTILE_ANSWERS)
def test_an_answer_that_does_not_fit_its_type_is_foreign(ends, hostile):
    frame = json.dumps({"number": 1, "reply": hostile}).encode()

    with pytest.raises(ForeignFrame, match="no reply to sample: "):
        told(ends, SAMPLE, frame)


def test_the_answers_above_are_refused_for_what_is_wrong_with_them(ends):
    frame = json.dumps({"number": 1, "reply": answer()}).encode()

    assert told(ends, SAMPLE, frame).reply.sample_s == 1e-3


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
        told(ends, SAMPLE, frame)


UNENDING = {
    "half a header": b"\0\0",
    "a header": struct.pack("!i", 100),
    "half a frame": struct.pack("!i", 100) + b"{" * 50,
    "half a long header": struct.pack("!i", -1) + b"\0" * 3,
    "half a long frame": struct.pack("!iQ", -1, 100) + b"{" * 50,
}


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of whole messages")
@pytest.mark.parametrize("bytes_written", UNENDING.values(), ids=UNENDING)
def test_half_a_frame_holds_nobody_up_beyond_the_time_out(ends, bytes_written):
    requester, theirs = ends
    requester.send(SAMPLE)
    os.write(theirs.fileno(), bytes_written)

    with pytest.raises(NoReplyInTime):
        requester.receive(SAMPLE, 0.1)


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of whole messages")
def test_a_frame_that_comes_byte_by_byte_has_no_more_time_than_another(ends):
    requester, theirs = ends
    frame = json.dumps({"number": 1, "reply": answer()}).encode()
    frame = struct.pack("!i", len(frame)) + frame
    written = threading.Event()

    def trickle(count, pause_s):
        for byte in frame[:count]:
            os.write(theirs.fileno(), bytes([byte]))
            if written.wait(pause_s):
                return

    requester.send(SAMPLE)
    slow = threading.Thread(target=trickle, args=(10, 0.03))
    slow.start()
    with pytest.raises(NoReplyInTime):
        requester.receive(SAMPLE, 0.1)
    written.set()
    slow.join()


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of whole messages")
@pytest.mark.parametrize(
    "header", [struct.pack("!i", 2**31 - 1), struct.pack("!i", -2), struct.pack("!iQ", -1, 2**63)]
)
def test_a_length_that_no_frame_has_is_foreign(ends, header):
    requester, theirs = ends
    requester.send(SAMPLE)
    os.write(theirs.fileno(), header)

    with pytest.raises(ForeignFrame):
        requester.receive(SAMPLE, 5.0)


@pytest.mark.parametrize("batch", [0, -1, 1.5, 2**80])
def test_a_batch_that_nothing_can_be_divided_by_is_foreign(ends, batch):
    reply = {"call_s": 1e-3, "peak_bytes": None, "batch": batch, "note": None}
    frame = json.dumps({"number": 1, "reply": answer(reply=reply)}).encode()

    with pytest.raises(ForeignFrame, match=r"reply\.batch: found"):
        told(ends, Warm(seconds=0.05, peak=True), frame)


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
        reply = {"of_sources": [{"implementations": [described], "failure": None}]}
        theirs.send_bytes(json.dumps({"number": number, "reply": reply}).encode())
        if number == 1:
            (of_source,) = requester.receive(asking, 1.0).of_sources
            (implementation,) = of_source.implementations
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
    requester.send(BEGIN)
    with pytest.raises(NoReplyInTime):
        requester.receive(BEGIN, 0.01)
    theirs.close()
    with pytest.raises(ChannelClosed):
        requester.receive(BEGIN, 1.0)


def test_a_failure_travels_with_its_status_and_its_reason(ends):
    failure = {"status": "out_of_memory", "reason": "no more"}
    frame = json.dumps({"number": 1, "reply": answer(reply=None, failure=failure)}).encode()

    assert told(ends, SAMPLE, frame).failure == Failure(
        status=Status.OUT_OF_MEMORY, reason="no more"
    )


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
    client.ask(Gate(slot=0, kind="normal", log_operators=True, last=True))  # wrong
    client.ask(Gate(slot=0, kind="normal", log_operatorz=True))  # wrong
    client.ask(Warm(seconds=0.05, peak=True)).callz_s  # wrong
    batch: str = client.ask(Warm(seconds=0.05, peak=True)).batch  # wrong
    fine: int = client.ask(Warm(seconds=0.05, peak=True)).batch

def warm(asked: Warm) -> TimedAnswer[Warmed]:
    reply = Warmed(call_s=1.0, peak_bytes=None, batch=1)  # wrong
    asked.kind  # wrong
    return TimedAnswer(reply=reply, failure=None, inside_s=0.0, quiet=True)

handlers(Warm.handled_by(warm))
handlers(Gate.handled_by(warm))  # wrong
"""
