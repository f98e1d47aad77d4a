"""What the manifest of a new run says of the code that it is about to measure."""

from __future__ import annotations

import subprocess
from pathlib import Path

from reports import markdown, page
from suite.declaration import Declaration
from suite.measuring.new_run import write_run_manifest
from suite.measuring.noise import Noise
from suite.registry.catalogue import Catalogue, Entry
from suite.registry.sources import Source
from suite.results.contention import Probe
from suite.results.folder import Run, read_manifest
from suite.results.request import RunRequest
from tests.conftest import ROOT
from tests.reports.synthetic import small_run
from tests.torch_facts import NO_GPU

NOISE = Noise(
    one_thread_spread=0.01,
    all_threads_spread=0.01,
    probe=Probe(one_thread_s=1e-3, all_threads_s=6e-4),
    threads=2,
    others_share=0.0,
)


def entry(name: str, file: Path) -> Entry:
    declared = Declaration(name=name, family="direct", source=str(file))
    return Entry(declared=declared, source=Source(str(file)), unavailable=None, unsupported={})


def manifest_of(folder: Path, *files: Path) -> dict:
    """Write the manifest of a run with these implementations, and read it back."""
    catalogue = Catalogue(tuple(entry(file.stem, file) for file in files), ())
    write_run_manifest(
        folder,
        name="quick",
        files=[],
        scenarios=[],
        catalogue=catalogue,
        facts=NO_GPU,
        settings={"threads": 2},
        request=RunRequest(),
        noise=NOISE,
        version="0.1.0",
    )
    return read_manifest(folder)


def test_the_repository_of_a_plug_in_stands_in_manifest_and_reports(tmp_path):
    mine = tmp_path / "filters" / "mine.py"
    mine.parent.mkdir()
    mine.write_text("")

    def git(*words: str) -> str:
        identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
        command = ["git", "-C", str(mine.parent), *identity, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    mine.write_text("# changed\n")

    manifest = manifest_of(tmp_path / "run", mine, ROOT / "impls" / "loops.py")

    (recorded,) = manifest["plugins"]
    commit = git("rev-parse", "HEAD")
    assert recorded == {
        "name": str(mine),
        "repository": "filters",
        "path": "mine.py",
        "git_revision": commit,
        "git_dirty": True,
    }
    run = Run(tmp_path / "run", manifest, small_run().results)
    assert f"filters {commit[:10]}+ (mine.py)" in markdown.render(run).replace("\\", "")
    html = page.render(run)
    assert f"filters <code>{commit[:10]}+</code> (mine.py)" in html
    assert commit in html
    assert f"filters's working tree had uncommitted changes: {commit[:10]}" in html.replace(
        "&#39;", "'"
    )


def test_a_run_without_plug_ins_has_none(tmp_path):
    assert manifest_of(tmp_path, ROOT / "impls" / "loops.py")["plugins"] == []
