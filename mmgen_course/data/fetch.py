"""Puts a data set on this machine: in goes its name, out comes the folder that holds its checked files.

Files stand in the folder that the variable MMGEN_DATA names, or else in the system's place for caches.
"""

import errno
import os
import shutil
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from mmgen_course.data.atomic import replacing
from mmgen_course.data.errors import BadArchive, DataError, ReadOnlyCache, UnknownDataset
from mmgen_course.data.registry import check_hash
from mmgen_course.data.sources import SOURCES, Member, Remote

# pooch, requests and filelock are imported where they are used: together they take half a second

SHIPPED = {
    "scenes": "drawn scenes with captions, 64x64: shipped_scenes()",
    "digits": "1,797 handwritten digits, 8x8: digits()",
    "photographs": "2 photographs, 640x427: photographs()",
}


def datasets() -> dict[str, str]:
    """Every data set: name -> what it is, and whether it is here or must be fetched first.

    Example:
        >>> datasets()["digits"]
        '1,797 handwritten digits, 8x8: digits(); no download'
    """
    here = {name: f"{text}; no download" for name, text in SHIPPED.items()}
    remote = {
        name: f"{source.description}; fetch({name!r}) downloads {source.size / 1e6:,.0f} MB"
        for name, source in SOURCES.items()
    }
    return here | remote


def cache_folder() -> Path:
    """Where downloads are kept: the folder named by MMGEN_DATA, or else the system's place for caches.

    Example:
        >>> cache_folder().is_absolute()
        True
    """
    import pooch

    return Path(os.environ.get("MMGEN_DATA") or pooch.os_cache("mmgen_course")).absolute()


def fetch(name: str) -> Path:
    """Make sure that a data set is on this machine, each file with the promised sha256, and give its folder.

    What is there is checked; what is missing or damaged is downloaded, from where the last attempt stopped.
    Several processes may call it at once: one works, the others wait for it.

    Args:
        name: "fashion-mnist", "cifar-10", "glove-6b" or "resnet-18".

    Returns:
        The folder; for "glove-6b" it holds glove.6B.100d.txt.

    Raises:
        UnknownDataset: no such name.
        Offline: no connection; the message names what works without one.
        ReadOnlyCache, DiskFull: the files cannot be written; the message names the variable MMGEN_DATA.
        DataError: the server sent something else than the file; `mmgen_course.data.errors` names each case.

    Example:
        >>> fetch("imagenet")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        mmgen_course.data.errors.UnknownDataset: 'imagenet': expected one of fashion-mnist, cifar-10, ...
    """
    if name not in SOURCES:
        remedy = f"{', '.join(SHIPPED)} need no download." if name in SHIPPED else "See datasets()."
        raise UnknownDataset(repr(name), f"one of {', '.join(SOURCES)}", "another name", remedy)
    files = SOURCES[name].files
    folder = cache_folder() / name
    if not _complete(files, folder):
        try:
            _download_all(files, folder)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
                raise
            remedy = "Name another folder in the environment variable MMGEN_DATA."
            raise ReadOnlyCache(folder, "a folder to write to", str(error.strerror), remedy) from error
    return folder


def _complete(files: tuple[Remote, ...], folder: Path) -> bool:
    """Whether every file is there with its hash; of an archive, the members that are needed."""
    try:
        for file in files:
            for wanted in file.members or [file]:
                check_hash(folder / wanted.name, wanted.sha256, "")
    except DataError:
        return False
    return True


def _download_all(files: tuple[Remote, ...], folder: Path) -> None:
    from filelock import FileLock

    from mmgen_course.data.download import download

    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):  # the system frees it when its holder is killed
        if _complete(files, folder):  # another process has done it meanwhile
            return
        for file in files:
            archive = download(file, folder)
            for member in file.members:
                _unpack(archive, member, folder)


def _unpack(archive: Path, member: Member, folder: Path) -> None:
    """Unpack one named member of a zip; it gets its name only when whole, so no reader meets half a file.

    Raises:
        BadArchive: no zip, no such member, or one of another size.
        WrongHash: the member's bytes are not the promised ones.
        DiskFull: no room; what was written is removed.
    """
    from mmgen_course.data.download import naming_disk_full

    remedy = f"Delete {archive} and fetch again."
    for left in folder.glob(f"{member.name}.*.partial"):  # of an unpacking that was killed: we hold the folder's lock
        left.unlink()
    try:
        with replacing(folder / member.name) as partial:
            with ZipFile(archive) as zipped, zipped.open(member.name) as packed:
                size = zipped.getinfo(member.name).file_size  # never more than this is read, whatever is packed
                if size != member.size:
                    raise BadArchive(archive, f"{member.name} of {member.size:,} bytes", f"{size:,}", remedy)
                with naming_disk_full(partial), partial.open("wb") as target:
                    shutil.copyfileobj(packed, target, 2**20)
            check_hash(partial, member.sha256, remedy)
    except (BadZipFile, KeyError) as error:
        raise BadArchive(archive, f"a zip with {member.name}", str(error), remedy) from error
