"""Files inside a run's folder, which may be a stranger's: nothing is read or written beyond it.

A link in such a folder could lead anywhere, a pipe in place of a file would be waited for, and a
file may be longer than memory.
"""

from __future__ import annotations

import contextlib
import shutil
import stat
from pathlib import Path

from suite.errors import UsageError

MOST_BYTES = 2**30
"""Of one file that is read: a hundred times the largest run known."""
JUNCTION = 0xA0000003
"""IO_REPARSE_TAG_MOUNT_POINT, which Python's `stat` knows on Windows alone."""


def read_inside(folder: Path, name: str, most_bytes: int = MOST_BYTES) -> str | None:
    """Return the text of a file that lies in a folder; None where there is none.

    Raises:
        UsageError: a link or no regular file, too long, not to be read, or no UTF-8.
    """
    path = folder / name
    try:
        mode = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(mode.st_mode):
        what = "a link" if stat.S_ISLNK(mode.st_mode) else "no regular file"
        raise UsageError(f"{path}: is {what}; a run's folder holds files, so put a copy there")
    try:
        with path.open("rb") as file:
            content = file.read(most_bytes + 1)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    if len(content) > most_bytes:
        raise UsageError(f"{path}: has more than {most_bytes} bytes, which no run writes there")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{path}:{line}: not UTF-8: {error.reason}") from error


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file so that it is either whole or not there: a full disk leaves no stump.

    A link of that name is replaced, and what it leads to stays as it is.

    Raises:
        UsageError: the folder cannot be written or the disk is full.
    """
    draft = path.with_name(path.name + ".part")
    plain = _encoded(content) if isinstance(content, str) else content
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.unlink(missing_ok=True)
        with draft.open("xb") as file:  # follows no link
            file.write(plain)
        draft.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from error


def _encoded(text: str) -> bytes:
    """Return UTF-8, file names as the bytes that they are where the locale could not read them."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")


def folder_inside(folder: Path, *names: str) -> Path:
    """Return a folder below another one, made where it is not there.

    Raises:
        UsageError: a part of it is a link or a file, or cannot be made.
    """
    path = folder
    for name in names:
        path = path / name
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{path}: cannot be made: {error.strerror}") from error
        if leads_elsewhere(path):
            raise UsageError(
                f"{path}: is a link to another place; take it out, or choose another folder"
            )
    return path


def leads_elsewhere(path: Path) -> bool:
    """Return whether a path's last part is a link or, on Windows, a junction."""
    try:
        facts = path.lstat()
    except OSError:
        return False
    return stat.S_ISLNK(facts.st_mode) or getattr(facts, "st_reparse_tag", 0) == JUNCTION


def copy_inside(source: Path, target: Path, name: str) -> None:
    """Copy a file at a relative path of one folder to the same of another; links stay behind.

    Raises:
        UsageError: it cannot be written.
    """
    *folders, _ = parts = Path(name).parts
    if any(leads_elsewhere(source.joinpath(*parts[:end])) for end in range(1, len(parts) + 1)):
        return
    if not (source / name).is_file():
        return
    path = folder_inside(target, *folders) / parts[-1]
    try:
        path.unlink(missing_ok=True)
        with (source / name).open("rb") as read, path.open("xb") as written:
            shutil.copyfileobj(read, written)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from error
