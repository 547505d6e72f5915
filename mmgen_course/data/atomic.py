"""Writes files whole or not at all: to a temporary name first, which then takes the place of the file."""

import errno
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Write to another name in a block; at its end the file takes the place of `path`.

    Whoever opens `path` finds the old file or the new one, never a part. If the block raises, `path` stays as it was.
    A folder may be written likewise, where there is none of that name yet.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with replacing(Path(folder, "note.txt")) as partial:
        ...         _ = partial.write_text("whole")
        ...     [file.name for file in Path(folder).iterdir()]
        ['note.txt']
    """
    partial = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}.partial")
    try:
        yield partial
        if partial.is_file():
            with partial.open("rb") as stream:
                _sync(stream.fileno())
        partial.replace(path)
        _sync_folder(path.parent)
    finally:
        if partial.is_dir():
            shutil.rmtree(partial)
        partial.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Write a folder's list of names to the disk, so that a power cut does not undo a renaming; not on Windows."""
    if os.name == "posix":
        try:
            descriptor = os.open(folder, os.O_RDONLY)
        except PermissionError:  # its names may not be read, and the file has its own already
            return
        try:
            _sync(descriptor)
        finally:
            os.close(descriptor)


def _sync(descriptor: int) -> None:
    """Write to the disk, where that can be asked for: a folder of another machine (CIFS, some FUSE) says EINVAL."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS):
            raise
