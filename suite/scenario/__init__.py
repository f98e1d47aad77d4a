"""Scenario files: YAML text to checked, expanded scenarios.

    text ─► yamlreader ─► yamltree ─► document ─► building, layer_table ─► Scenario
            PyYAML's      values      checked     combined, drawn
            events        with places sections

`fields` is the one table of what a file may say. Nothing here imports pydantic, pandas or numpy:
`validate` and `list` have to answer at once.
"""

from suite.scenario.files import (
    MOST_SCENARIOS,
    FileHead,
    ScenarioFile,
    file_head,
    find_file,
    load_file,
    load_files,
    shipped_files,
)

__all__ = [
    "MOST_SCENARIOS",
    "FileHead",
    "ScenarioFile",
    "file_head",
    "find_file",
    "load_file",
    "load_files",
    "shipped_files",
]
