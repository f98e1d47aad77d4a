"""Files of stored values come from anyone: bounded, never unpickled, held against the problem."""

from __future__ import annotations

import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from writing import load, problems_of

from suite import stored_values
from suite.stored_values import read_arrays

LAYER = "id: a, in_channels: 4, out_channels: 6, input_size: 8, kernel_size: 3"
WEIGHT, INPUT = np.ones((6, 4, 3, 3), "float32"), np.ones(256, "float32")


def layer(more: str) -> str:
    return f"layers:\n  - {{{LAYER}, {more}}}\n"


TRAINED = "values: trained, weight_values: trained, stored_values: v/a.npz"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "v").mkdir()
    return tmp_path / "v" / "a.npz"


def test_a_layers_own_values_are_found_beside_the_file(tmp_path, file):
    np.savez(file, weight=WEIGHT, input=INPUT)

    scenario = load(tmp_path, layer(TRAINED))["a"]

    assert scenario.stored_values == str(file)
    arrays = read_arrays(file)
    assert arrays["weight"].shape == (6, 4, 3, 3)
    assert np.array_equal(np.frombuffer(arrays["input"].data, "float32"), INPUT)
    assert read_arrays(file, data=False)["input"].data == b""


def test_a_table_of_layers_names_them_too(tmp_path, file):
    np.savez(file, weight=WEIGHT, input=INPUT)
    table = "id,in_channels,out_channels,input_size,kernel_size,values,stored_values\n"
    (tmp_path / "layers.csv").write_text(f"{table}a,4,6,8,3,trained,v/a.npz\n")

    scenario = load(tmp_path, "layers_from: {file: layers.csv}\n")["a"]

    assert scenario.stored_values == str(file)


@pytest.mark.parametrize(
    ("asked", "arrays", "said"),
    [
        (TRAINED, {"input": INPUT}, "weight_values trained needs weight [6, 4, 3, 3]"),
        (TRAINED, {"weight": WEIGHT[:5], "input": INPUT}, "holds weight [5, 4, 3, 3], input"),
        (TRAINED, {"weight": WEIGHT}, "values trained needs some of the input"),
        (f"bias: true, {TRAINED}", {"weight": WEIGHT, "input": INPUT}, "needs bias [6]"),
        (TRAINED.replace("v/a", "v/b"), {"weight": WEIGHT}, 'Did you mean "v/a.npz"?'),
        (TRAINED.replace("v/a", "../a"), {"weight": WEIGHT}, "in its folder or below"),
        (TRAINED.replace("a.npz", "a.pt"), {"weight": WEIGHT}, "accepted: the path of an .npz"),
    ],
)
def test_values_that_are_not_there_are_one_message_with_its_place(
    tmp_path, file, asked, arrays, said
):
    np.savez(file, **arrays)

    (problem,) = problems_of(tmp_path, layer(asked))

    line = layer(asked).splitlines()[1]
    column = line.index("stored_values: ") + len("stored_values: ") + 1
    assert problem.startswith(f"x.yaml:2:{column}: ")
    assert said in problem


def test_a_file_is_not_needed_for_what_takes_nothing_from_it(tmp_path, file):
    np.savez(file, input=INPUT)
    assert load(tmp_path, layer("values: trained, stored_values: v/a.npz"))
    assert load(tmp_path, layer("values: trained, weight_values: trained"))


def member(path: Path, data: bytes, name: str = "weight.npy", how: int = zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", how) as archive:
        archive.writestr(name, data)


def npy(header: str, data: bytes = b"") -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data


HEADER = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n"
HOSTILE = {
    "a pickle": lambda path: path.write_bytes(pickle.dumps({"weight": [1.0]})),
    "an array of objects": lambda path: np.savez(path, weight=np.array([{}, {}], dtype=object)),
    "an empty file": lambda path: path.write_bytes(b""),
    "compressed": lambda path: np.savez_compressed(path, weight=np.zeros(2**20)),
    "another array": lambda path: np.savez(path, weights=WEIGHT),
    "integers": lambda path: np.savez(path, weight=np.ones(4, "int64")),
    "Fortran's order": lambda path: np.savez(path, weight=np.asfortranarray(np.ones((2, 3)))),
    "a lie about its length": lambda path: member(path, npy(HEADER, b"1234")),
    "an endless shape": lambda path: member(path, npy(HEADER.replace("(2,)", f"({2**62},)"))),
    "a shape below zero": lambda path: member(path, npy(HEADER.replace("(2,)", "(-2,)"))),
    "many axes": lambda path: member(path, npy(HEADER.replace("(2,)", f"({'1,' * 60})"))),
    "no header": lambda path: member(path, npy("__import__('os').getcwd()")),
    "a deep header": lambda path: member(path, npy("(" * 4000)),
    "a folder's name": lambda path: member(path, npy(HEADER, b"12345678"), "../weight.npy"),
    "text": lambda path: member(path, b"hello"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_file_of_values_is_refused_in_a_sentence(tmp_path, file, name):
    HOSTILE[name](file)

    (problem,) = problems_of(tmp_path, layer("stored_values: v/a.npz"))

    assert 'stored_values "v/a.npz" ' in problem


def test_a_file_beyond_the_bound_is_not_opened(tmp_path, file, monkeypatch):
    np.savez(file, weight=WEIGHT)
    monkeypatch.setattr(stored_values, "MOST_BYTES", 100)

    (problem,) = problems_of(tmp_path, layer("stored_values: v/a.npz"))

    assert "more than the 100 bytes" in problem


@pytest.mark.skipif(not hasattr(Path, "symlink_to"), reason="no links")
def test_a_link_out_of_the_folder_is_refused(tmp_path, file):
    outside = tmp_path.parent / "outside.npz"
    np.savez(outside, weight=WEIGHT)
    file.symlink_to(outside)

    (problem,) = problems_of(tmp_path, layer("stored_values: v/a.npz"))

    assert "in its folder or below" in problem
