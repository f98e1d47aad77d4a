"""Shared by the tests of scenario files: write one, load it, or catch what is wrong with it."""

from textwrap import dedent

import pytest

from suite.errors import UsageError
from suite.scenario import load_file


def write(folder, text, name="x.yaml"):
    path = folder / name
    path.write_text(dedent(text).lstrip("\n"), encoding="utf-8")
    return path


def load(folder, text, **options):
    """Return the scenarios of a file with this text, by id without the file's name."""
    file = load_file(write(folder, text), **options)
    return {scenario.id.removeprefix(f"{file.name}/"): scenario for scenario in file.scenarios}


def problems_of(folder, text, **options):
    """Return the lines of the error that a file with this text gives, without the folder."""
    with pytest.raises(UsageError) as caught:
        load_file(write(folder, text), **options)
    return str(caught.value).replace(f"{folder}/", "").splitlines()
