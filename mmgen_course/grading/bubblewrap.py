"""The bubblewrap command that starts Python in a sandbox; what can be seen there is listed here, and nothing else.

bubblewrap is started with an empty environment, because it is the first process inside and its environment can be read
there (`--clearenv` clears its child's only); its arguments come through a file for the same reason.
"""

import os
import shutil
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import matplotlib as mpl

import mmgen_course
from mmgen_course import data
from mmgen_course.grading.untrusted.isolation import FOLDER

PACKAGE = Path(mmgen_course.__file__).parent
NOBODY = "65534"
# of the system: programs, libraries, fonts and time zones; not what else a machine keeps in /usr/local
SYSTEM = (
    "/usr/bin",
    "/usr/sbin",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/share/fonts",
    "/usr/share/zoneinfo",
)
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "HOME": FOLDER,
    "TMPDIR": FOLDER,
    "MPLCONFIGDIR": FOLDER,
    "USER": "learner",
    "MPLBACKEND": "agg",
    "OMP_NUM_THREADS": "1",
    "POLARS_MAX_THREADS": "1",
    "MALLOC_ARENA_MAX": "1",  # else each thread reserves addresses, of which only so many may be had
    "PYTHONDONTWRITEBYTECODE": "1",
    "MMGEN_FAST": "1",
    "MMGEN_PROGRESS": "",
}


def contained_command(command: list[str], arguments: IO[bytes]) -> list[str]:
    """A command as it runs in the sandbox; bubblewrap's arguments are written to a file that it must inherit.

    CAP_SYS_ADMIN is that of the sandbox's own user namespace, over its own mounts: the first process inside needs it to
    isolate one learner from the next, who get none of it (`untrusted.isolation`).
    """
    arguments.write(b"\0".join(word.encode() for word in _arguments()) + b"\0")
    arguments.flush()
    arguments.seek(0)
    bubblewrap = shutil.which("bwrap") or "bwrap"
    return [bubblewrap, "--args", str(arguments.fileno()), "--", *command]


def _arguments() -> Iterator[str]:
    yield from [
        "--unshare-user",
        "--unshare-all",
        "--disable-userns",
        "--new-session",
        "--die-with-parent",
        "--clearenv",
    ]
    yield from ["--uid", NOBODY, "--gid", NOBODY, "--cap-drop", "ALL", "--cap-add", "CAP_SYS_ADMIN"]
    yield from ["--hostname", "notebook"]
    for name, value in ENVIRONMENT.items():
        yield from ["--setenv", name, value]
    for folder in visible_folders():
        yield from ["--ro-bind", str(folder), str(folder)]
    for name in ("bin", "sbin", "lib", "lib64"):
        path = Path("/", name)
        if path.is_symlink():
            yield from ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            yield from ["--ro-bind", str(path), str(path)]
    yield from _masked()
    # the right answers are not there, and `check` marks nothing
    yield from [
        "--tmpfs",
        str(PACKAGE / "exercises" / "lessons"),
        "--remount-ro",
        str(PACKAGE / "exercises" / "lessons"),
    ]
    yield from ["--ro-bind", str(PACKAGE / "grading" / "untrusted" / "check.py"), str(PACKAGE / "check.py")]
    yield from ["--proc", "/proc", "--dev", "/dev", "--tmpfs", FOLDER]
    for cache in Path(mpl.get_cachedir()).glob("fontlist-*.json"):
        yield from ["--ro-bind", str(cache), f"{FOLDER}/{cache.name}"]
    yield from ["--remount-ro", "/dev", "--remount-ro", "/"]


def _masked() -> Iterator[str]:
    """What lies beside Python: settings, which may hold passwords, and what programs exchange, such as nbgrader."""
    for prefix in {sys.prefix, sys.base_prefix}:
        for name in ("etc", "share", "var", "srv"):
            if Path(prefix, name).is_dir():
                yield from ["--tmpfs", f"{prefix}/{name}", "--remount-ro", f"{prefix}/{name}"]
        for name in ("pip.conf", ".condarc"):
            if Path(prefix, name).is_file():
                yield from ["--ro-bind", os.devnull, f"{prefix}/{name}"]


def visible_folders() -> list[Path]:
    """The folders that can be read inside: Python, its packages, this package and its data; none inside of another."""
    names = {sys.prefix, sys.base_prefix, sysconfig.get_paths()["purelib"], str(PACKAGE), str(data.ROOT), *SYSTEM}
    names |= {str(Path(sys.executable).resolve().parent.parent)}
    folders = sorted((Path(name) for name in names if Path(name).is_dir()), key=lambda path: len(path.parts))
    kept: list[Path] = []
    for folder in folders:
        if not any(folder.is_relative_to(other) for other in kept):
            kept.append(folder)
    return kept


def empty_environment(folder: str) -> dict[str, str]:
    """What a process without a sandbox gets instead of the environment of whoever grades."""
    return {**ENVIRONMENT, "HOME": folder, "TMPDIR": folder, "MPLCONFIGDIR": folder}
