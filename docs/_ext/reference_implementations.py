"""The reference of what comes along, as Markdown, from what the rows say of themselves."""

from __future__ import annotations

from pathlib import Path

from as_markdown import escaped, table

from suite.declaration import ERROR_FACTORS
from suite.measuring import new_run
from suite.processes.scratch import scratch_folder
from suite.registry.catalogue import Entry, read_catalogue


def families() -> str:
    """Return the table of families: the α of their error bound, usual and largest."""
    rows = (
        [f"`{name}`", f"{usual:g}", f"{most:g}"] for name, (usual, most) in ERROR_FACTORS.items()
    )
    return table(("family", "α", "at most, by `error_factor=`"), rows)


def implementations() -> str:
    """Return the table of implementations; a process of its own loads them."""
    with scratch_folder() as scratch:
        listed = read_catalogue(new_run.TREE, [], scratch / "log").listed()
    return table(("name", "family", "file", "what it is"), (_row(*of) for of in listed.items()))


def _row(name: str, entry: Entry) -> list[str]:
    about = escaped(entry.declared.summary)
    if entry.declared.on_request:
        about += " Runs on request: `--impl`."
    return [f"`{name}`", entry.family, f"`impls/{Path(entry.file).name}`", about]
