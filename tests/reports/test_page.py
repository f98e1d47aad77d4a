"""report.html without a browser: size, policy, and data that is there once and inert."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import reports
from reports import page
from reports.matrix import Matrix
from reports.page import assets, data, encoding
from suite.errors import Defect
from suite.results.cell import Status
from suite.results.folder import Run
from suite.results.request import AskedFile, RunRequest, Shard
from tests.reports.synthetic import large_run, small_run

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = re.compile(r"<script[^>]*>(.*?)</script>", re.DOTALL)


@pytest.fixture(scope="module")
def text() -> str:
    return page.render(small_run())


def embedded(text: str) -> dict[str, Any]:
    match = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert match
    loaded: dict[str, Any] = json.loads(match[1])
    return loaded


def test_five_hundred_cells_stay_under_six_megabytes() -> None:
    assert len(page.render(large_run(500, blocks=8, samples=40)).encode()) < 6_000_000


def test_every_script_that_runs_is_named_in_the_policy_and_eval_is_not_allowed(text: str) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy
    assert "default-src &#39;none&#39;" in policy[1]
    assert "unsafe-eval" not in policy[1]
    assert "script-src" in policy[1]
    scripts = [script for script in SCRIPT.findall(text) if not script.startswith('{"')]
    assert len(scripts) == 3
    for script in scripts:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"sha256-{digest}" in policy[1]
    assert "unsafe-inline" not in policy[1].split("script-src")[1].split(";")[0]


def test_nothing_is_fetched(text: str) -> None:
    head_and_body = SCRIPT.sub("", text)
    assert not re.search(r'(src|href)="(?!#|data:)', head_and_body)
    assert "@import" not in head_and_body


def test_no_third_partys_file_is_in_the_repository() -> None:
    files = [path for path in (ROOT / "reports").rglob("*") if path.is_file()]
    sources = [path for path in files if "__pycache__" not in path.parts]
    assert max(path.stat().st_size for path in sources) < 40_000


def test_the_data_holds_every_cell_once_with_its_raw_samples(text: str) -> None:
    run = small_run()
    columns = embedded(text)["cells"]
    assert len(columns["scenario"]) == 56
    at = next(i for i, result in enumerate(run.results) if result.implementation == "winograd_4x4")
    at = next(i for i, cell in enumerate(columns["drawn"]) if cell and i > at)
    matrix = Matrix.of(run)
    order = [cell for scenario in matrix.scenarios for cell in matrix.row(scenario)]
    power, blocks = columns["drawn"][at]
    expected = [block.samples_s for block in order[at].result.blocks]
    for multiples, samples in zip(blocks, expected, strict=True):
        assert [value * 10.0**power for value in multiples] == pytest.approx(samples, rel=1e-3)


def test_cells_without_times_have_null_and_a_reason(text: str) -> None:
    data = embedded(text)
    columns = data["cells"]
    for at, status in enumerate(columns["status"]):
        passed = data["statuses"][status] == "passed"
        assert (columns["time"][at] is not None) == passed
        assert (columns["drawn"][at] is not None) == passed
        assert bool(columns["texts"][columns["reason"][at]]) != passed


def test_many_samples_are_thinned_to_ranks_with_both_ends_kept() -> None:
    samples = [float(value) for value in range(1000)]
    thin = encoding.thinned(samples, 5)
    assert list(thin) == [0.0, 250.0, 500.0, 749.0, 999.0]


def test_names_of_markup_stay_inert_in_the_text_of_the_page() -> None:
    evil = "</script><img src=x onerror=alert(1)><!--<script>\u2028"
    run = small_run()
    results = tuple(
        dataclasses.replace(
            result,
            implementation=evil if result.implementation == "fft" else result.implementation,
            scenario=dataclasses.replace(result.scenario, id=evil + result.scenario.id),
            reason=result.reason and evil,
        )
        for result in run.results
    )
    manifest = {**run.manifest, "name": evil, "verdict": {"state": evil, "text": evil}}
    text = page.render(Run(run.folder, manifest, results))
    assert "<img" not in SCRIPT.sub("", text)
    shown = evil.replace("\u2028", "\\u2028")
    assert embedded(text)["scenarios"][0]["id"].startswith(shown)
    assert len(SCRIPT.findall(text)) == 4


def test_a_name_that_no_encoding_holds_does_not_stop_the_report(tmp_path: Path) -> None:
    run = small_run()
    first = run.results[0]
    odd = dataclasses.replace(
        first, scenario=dataclasses.replace(first.scenario, id="lone \ud800 surrogate")
    )
    embedded_data = encoding.embed(
        data.page_data(Run(run.folder, {}, (odd,)), Matrix.of(Run(run.folder, {}, (odd,))))
    )
    assert r"lone \\ud800 surrogate" in embedded_data


def test_a_gates_verdict_comes_first() -> None:
    run = small_run()
    verdict = {"state": "regressed", "text": "2 cells are slower", "exit_code": 1}
    text = page.render(Run(run.folder, {**run.manifest, "verdict": verdict}, run.results))
    assert text.index("2 cells are slower") < text.index("torch is fastest")


def test_a_cells_command_keeps_how_it_was_measured_and_leaves_the_other_cells_out() -> None:
    files = tuple(AskedFile(f"{name}.yaml", f"/there/{name}.yaml") for name in ("other", "quick"))
    request = RunRequest(
        files=files,
        implementations=("a", "b"),
        plugins=(AskedFile("my.py", "/there/my.py"),),
        device="cuda:1",
        threads=2,
        blocks=7,
        timeout_s=9.0,
        memory_limit_gib=1.5,
        energy=True,
        verify=False,
        shard=Shard(1, 2),
        budget_s=9.0,
    )
    listed = [{"name": file.given.removesuffix(".yaml")} for file in files]
    manifest = {"request": request.to_dict(), "scenario_files": listed}
    run = small_run()
    run = Run(run.folder, json.loads(json.dumps(manifest)), run.results)

    again = data.page_data(run, Matrix.of(run))["again"]

    assert shlex.join(again["torch"]["quick"]) == (
        "python run_bench.py run /there/quick.yaml --scenario '{scenario}' "
        "--impl '{implementation}' --plugin /there/my.py --device cuda:1 --threads 2 --timeout 9 "
        "--memory-limit 1.5 --blocks 7 --energy --no-verify"
    )
    assert "--reference" not in again["torch"]["quick"]


def test_a_cell_of_a_run_that_nothing_is_known_of_has_a_command_too() -> None:
    run = small_run()
    run = Run(run.folder, {}, run.results)

    words = data.page_data(run, Matrix.of(run))["again"]["torch"]["quick"]

    assert words[:4] == ["python", "run_bench.py", "run", "quick.yaml"]


def test_the_method_is_ten_sentences_with_the_runs_own_numbers(text: str) -> None:
    match = re.search(r'<ol class="method">(.*?)</ol>', text, re.DOTALL)
    assert match
    assert match[1].count("<li>") == 10
    assert "74.0 %" in match[1]


def test_an_itables_of_another_shape_is_a_clear_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "_package_text", lambda *_: "export{a as b}")
    with pytest.raises(Defect, match="itables"):
        assets.scripts(page.TEMPLATES / "js")


def test_a_report_of_nothing_but_failures_is_drawn(tmp_path: Path) -> None:
    run = small_run()
    failed = tuple(result for result in run.results if result.status is not Status.PASSED)
    path = reports.write("html", Run(run.folder, {}, failed), tmp_path)
    assert "Nothing passed" in path.read_text(encoding="utf-8")


def test_the_writers_load_neither_torch_nor_each_others_libraries() -> None:
    code = (
        "import sys, reports; from reports import csv_table, junit, compare_text\n"
        "heavy = {'torch', 'pandas', 'matplotlib', 'plotly', 'jinja2', 'scipy', 'numpy'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        "from reports import page, plots\n"
        "assert not {'torch', 'scipy', 'pandas'} & set(sys.modules)\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_plotly_keeps_its_licence_and_an_unknown_loader(monkeypatch: pytest.MonkeyPatch) -> None:
    script = assets._plotly()
    assert "MIT license" in script[:300]
    assert "moduleName" not in script[:2000]
    monkeypatch.setattr(assets, "_package_text", lambda *_: "/* MIT */ other loader")
    assert assets._plotly() == "/* MIT */ other loader"
