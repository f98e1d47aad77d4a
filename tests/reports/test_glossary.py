"""Words that newcomers do not know: one meaning each, wherever they stand."""

from __future__ import annotations

import dataclasses
import io
import json
import re

import pytest
from rich.console import Console

from reports import glossary, markdown, page, run_summary, units
from reports.gate import text as gate_text
from reports.page.words import explained
from suite.results.folder import Run
from tests.gate.test_outcome import EVERYTHING
from tests.reports.synthetic import small_run


@pytest.mark.parametrize(
    "word", ["√K·u·S", "×÷", "smallest visible", "never pays", "null arm", "allowed error"]
)
def test_the_words_that_newcomers_asked_about_have_a_meaning(word: str) -> None:
    assert glossary.words_in(f"x {word}, y") == [word.lower()]
    ((listed, meaning),) = glossary.explained(word)
    assert listed == word
    assert len(meaning) > 20
    assert meaning.endswith(".")


def test_a_word_is_found_in_any_case_and_not_within_another() -> None:
    assert glossary.words_in("Smallest Visible") == ["smallest visible"]
    assert glossary.words_in("loops_blocks", "undisturbed", "marginal") == []


def test_a_word_within_a_longer_one_is_explained_as_the_longer() -> None:
    assert glossary.words_in("Of the machine's ceiling") == ["of the machine's ceiling"]


def test_a_text_keeps_its_letters_and_nothing_in_it_becomes_markup() -> None:
    shown = explained("<b>smallest visible</b> ×÷ 3")
    assert "<b>" not in shown
    assert shown.count('class="term"') == 2
    plain = re.sub(r'<span class="hint".*?</span>', "", shown)
    plain = re.sub(r"<[^>]*>", "", plain)
    assert plain == "&lt;b&gt;smallest visible&lt;/b&gt; ×÷ 3"


def wide_run() -> Run:
    """Return a run one cell of which is known to a factor only."""
    run = small_run()
    first = run.results[0]
    blocks = tuple(
        dataclasses.replace(block, samples_s=tuple(s * factor for s in block.samples_s))
        for block, factor in zip(first.blocks, (1, 9) * 4, strict=True)
    )
    return dataclasses.replace(
        run, results=(dataclasses.replace(first, blocks=blocks), *run.results[1:])
    )


def test_comments_explain_below_what_stands_in_them_and_nothing_else() -> None:
    assert "×÷" in units.spread(1.1)
    wide, narrow = markdown.render(wide_run()), markdown.render(small_run())
    assert "- ×÷: times, or divided by" in wide
    assert "×÷" not in narrow
    assert "- smallest visible: " in gate_text.markdown(EVERYTHING)
    assert "- null arm: " in gate_text.markdown(EVERYTHING)
    assert gate_text.lines(EVERYTHING)[-1].partition(": ")[0] in glossary.MEANINGS


def test_the_page_holds_the_same_meanings() -> None:
    text = page.render(small_run())
    data = re.search(r'id="data">(.*?)</script>', text, re.DOTALL)
    assert data
    assert json.loads(data[1])["glossary"] == glossary.MEANINGS


def test_the_terminal_explains_an_interval_that_is_told_as_a_factor_and_no_other() -> None:
    assert "\n×÷: times, or divided by" in printed(wide_run())
    assert "×÷" not in printed(small_run())


def printed(run: Run) -> str:
    file = io.StringIO()
    run_summary.print_summary(
        Console(file=file, width=200),
        run,
        spent={"inside_share": None},
        not_measured=(),
        again="",
    )
    return file.getvalue()
