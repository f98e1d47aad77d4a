"""What optimising a network came to, as text in 80 columns and as rows."""

from __future__ import annotations

import pytest

from reports.optimised_text import WIDTH, Explanation, summary_lines
from suite.results.network import LayerOutcome, NetworkOutcome, WholePass
from suite.stats.intervals import Interval

LAYERS = tuple(
    LayerOutcome(
        layer=f"features.denseblock{block}.denselayer{number}.conv{1 + number % 2}",
        row=("onednn_prepacked", "winograd_tile6")[number % 2],
        before_s=1e-3 * number,
        after_s=6e-4 * number,
        speedup=Interval(1.67, 1.6, 1.74),
        error=1.5e-7,
        torch_error=2e-7,
        pack_bytes=2**18,
        weight_bytes=2**17,
    )
    for block in (1, 2)
    for number in range(1, 40)
)
WHOLE = WholePass(
    before_s=0.0628, after_s=0.05, speedup=Interval(1.256, 1.24, 1.27), blocks=6, is_fresh=True
)


def outcome(*layers: LayerOutcome, **known: object) -> NetworkOutcome:
    return NetworkOutcome(layers=layers, **{"threads": 2, "torch": "2.13.0", **known})


@pytest.mark.parametrize("width", [60, WIDTH, 120])
def test_no_line_is_wider_than_asked_and_layers_stay_distinct(width):
    text = Explanation(outcome(*LAYERS, whole=WHOLE)).text(width)
    lines = text.splitlines()

    assert max(map(len, lines)) <= width
    table = [line for line in lines if "1.67×" in line]
    assert len(table) == len({line.split()[0] for line in table}) == len(LAYERS)


def test_a_layer_shows_its_row_times_gain_errors_and_pack():
    text = str(Explanation(outcome(LAYERS[0], whole=WHOLE)))
    (line,) = (line for line in text.splitlines() if "winograd_tile6" in line)

    assert line.split()[1:] == [
        "winograd_tile6", "1.00ms", "600µs", "1.67×±4%", "1e-7", "2e-7", "0.2",
    ]  # fmt: skip


def test_layers_left_to_torch_stand_together_by_their_reason():
    left = [LayerOutcome(layer=f"block.{n}", reason="no row covers it") for n in range(8)]
    text = str(Explanation(outcome(*left, verdict="nothing known")))

    listed = "block.0, block.1, block.2, block.3, block.4, block.5 and 2 more"
    assert f"left to torch: {listed}: no row covers it" in text.replace("\n", " ")
    assert "left as it was: nothing known" in text


def test_the_summary_says_what_was_gained_under_which_settings():
    known = outcome(
        *LAYERS[:2],
        LayerOutcome(layer="stem", reason="no row covers it"),
        whole=WHOLE,
        error=3e-7,
        torch_error=2e-7,
        memory_format="channels_last",
        took_s=58.0,
        remarks=("timed in this process",),
    )
    text = " ".join(line.plain for line in summary_lines(known, 1000))

    assert "62.8 ms before, 50.0 ms after: 1.26× ±1.2 % (6 blocks in fresh processes)" in text
    assert "2 of 3 convolutions replaced" in text
    assert "512 KiB besides 256 KiB of weights" in text
    assert "error 3.0e-07 against float64, torch's own 2.0e-07" in text
    assert "threads=2, torch 2.13.0, taken to channels_last; took 58.0 s" in text
    assert text.endswith("timed in this process")


def test_what_was_not_timed_is_said_to_be():
    text = str(Explanation(outcome(LAYERS[0], verdict="budget_s=0 measures nothing")))
    assert "not timed: budget_s=0 measures nothing" in text


def test_names_cannot_steer_the_terminal():
    left = LayerOutcome(layer="a\x1b[2Jb", reason="x\ny")
    assert "\x1b" not in str(Explanation(outcome(left, verdict="none")))


def test_rows_and_frame_have_what_the_table_has():
    explanation = Explanation(outcome(LAYERS[0], LayerOutcome(layer="stem", reason="left")))
    first, second = explanation.rows

    assert (first["speedup_low"], first["speedup"], first["speedup_high"]) == (1.6, 1.67, 1.74)
    assert second["speedup"] is None
    frame = explanation.to_frame()
    assert list(frame.index) == [LAYERS[0].layer, "stem"]
    assert frame.loc["stem", "reason"] == "left"
    assert Explanation(outcome()).to_frame().empty
