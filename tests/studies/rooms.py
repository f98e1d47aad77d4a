"""How many rooms, arrows and floors a folder of this project has, counted from its imports.

    python -m tests.studies.rooms [FOLDER ...]      # suite and suite/gate, unless told otherwise

A room is a file or a folder that lies directly in FOLDER, apart from `__init__.py`. An arrow is a
pair of rooms of which one imports the other, however often. A floor is a row of rooms that import
only from floors below. Names of modules in strings, by which parents start their children, are no
imports.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable
from pathlib import Path


def rooms_of(folder: Path) -> dict[str, list[Path]]:
    """Return the modules of each room of a folder, by the room's name."""
    rooms = {}
    for path in sorted(folder.iterdir()):
        if path.is_dir() and (modules := sorted(path.rglob("*.py"))):
            rooms[path.name] = modules
        elif path.suffix == ".py" and path.stem != "__init__":
            rooms[path.stem] = [path]
    return rooms


def imported(path: Path) -> Iterable[str]:
    """Yield the dotted names that a module's import statements may mean."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def arrows_of(folder: Path, tree: Path) -> set[tuple[str, str]]:
    """Return the (importing, imported) pairs of rooms in `folder`, which lies in `tree`."""
    prefix = ".".join(folder.relative_to(tree).parts) + "."
    rooms = rooms_of(folder)
    return {
        (room, target)
        for room, modules in rooms.items()
        for module in modules
        for name in imported(module)
        if name.startswith(prefix)
        and (target := name.removeprefix(prefix).partition(".")[0]) in rooms
        and target != room
    }


def floors_of(rooms: Iterable[str], arrows: set[tuple[str, str]]) -> list[list[str]]:
    """Return the rooms floor by floor, the lowest first.

    Raises:
        ValueError: rooms import each other in a circle; it names those that are left over.
    """
    left, floors = set(rooms), []
    while left:
        free = {room for room in left if not any(a == room and b in left for a, b in arrows)}
        if not free:
            raise ValueError(f"a circle among {', '.join(sorted(left))}")
        floors.append(sorted(free))
        left -= free
    return floors


def main(words: list[str]) -> None:
    tree = Path(__file__).resolve().parents[2]
    for word in words or ["suite", "suite/gate"]:
        folder = (tree / word).resolve()
        root = folder if not words else next(p for p in folder.parents if (p / "suite").is_dir())
        arrows = arrows_of(folder, tree if not words else root)
        floors = floors_of(rooms_of(folder), arrows)
        rooms = sum(map(len, floors))
        print(f"{word}: {rooms} rooms, {len(arrows)} arrows, {len(floors)} floors")
        for number, floor in reversed(list(enumerate(floors, start=1))):
            print(f"  {number}  {', '.join(floor)}")


if __name__ == "__main__":
    main(sys.argv[1:])
