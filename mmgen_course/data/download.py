"""Downloads one file: in go its addresses, size and hash, out comes the whole, checked file or a named error.

What came is kept in NAME.partial until all bytes are there; the next attempt asks for the rest only.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial as bind
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pooch
import requests
import urllib3
from tqdm.auto import tqdm

from mmgen_course.data.errors import (
    DataError,
    DiskFull,
    HtmlPage,
    Incomplete,
    InsecureConnection,
    Offline,
    ServerFault,
    ServerRefused,
    Stalled,
    WrongHash,
)
from mmgen_course.data.registry import check_hash
from mmgen_course.data.sources import Remote

CONNECT_SECONDS = 10
READ_SECONDS = 30  # without a single byte; a slow download may take hours
CHUNK = 2**18
AGAIN = "Run the same again: it goes on from there."


def download(remote: Remote, folder: Path) -> Path:
    """Fetch one file through pooch, unless it is there with the right hash; its addresses are tried in turn.

    Only one process at a time may do this in a folder; `fetch` sees to that.

    Raises:
        Offline: no address could be reached.
        ServerFault, WrongHash: the fault of the first address that answered.
        DiskFull: no room; what had come is removed.

    Example: a file that is there already is checked, and no server is asked.
        >>> import hashlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "hi.txt")
        ...     size = file.write_bytes(b"hi")
        ...     sha256 = hashlib.sha256(b"hi").hexdigest()
        ...     remote = Remote("hi.txt", ("https://example.org/hi.txt",), size, sha256)
        ...     download(remote, Path(folder)) == file
        True
    """
    for orphan in folder.glob("tmp*"):  # pooch's, left by a process that was killed just before its last step
        orphan.unlink()
    faults: list[DataError] = []
    for url in remote.urls:
        try:
            resume = bind(_resume, remote)
            known_hash = f"sha256:{remote.sha256}"
            return Path(pooch.retrieve(url, known_hash, remote.name, folder, downloader=resume))
        except (ServerFault, WrongHash) as fault:
            faults.append(fault)
    raise next((fault for fault in faults if not isinstance(fault, Offline)), faults[0])


def _resume(remote: Remote, url: str, output: str, _: object) -> None:
    """What pooch calls to download: complete NAME.partial, check it, and move it to where pooch wants it."""
    partial = Path(output).with_name(f"{remote.name}.partial")
    with _Session() as session, tqdm(total=remote.size, unit="B", unit_scale=True, desc=remote.name) as bar:
        while (have := _size(partial)) < remote.size:
            bar.n = have
            try:
                _append(session, url, partial, remote.size, bar)
            except (Stalled, Incomplete):
                if _size(partial) <= have:  # as long as each attempt brings bytes, try again
                    raise
    try:
        check_hash(partial, remote.sha256, f"Not kept. Came from {url}; try again later.")
    except WrongHash:
        partial.unlink()
        raise
    partial.replace(output)


def _append(session: requests.Session, url: str, partial: Path, size: int, bar: tqdm) -> None:
    """One request for the bytes that `partial` lacks.

    Raises:
        ServerFault: in one of its kinds; what came stays in `partial`.
    """
    have = _size(partial)
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with (
        _naming_network_faults(url, partial),
        session.get(url, headers=headers, stream=True, timeout=(CONNECT_SECONDS, READ_SECONDS)) as response,
    ):
        if response.status_code == 416:  # nothing after `have`: what the server has is shorter than promised
            partial.unlink()
            raise Incomplete(url, f"{size:,} bytes", f"a file of {have:,}", "Not kept. Try again later.")
        if not response.ok:
            got = f"{response.status_code} {response.reason}"
            raise ServerRefused(url, "the file", got, "Try again later; the address may have moved.")
        resumed = response.status_code == 206
        with naming_disk_full(partial), partial.open("ab" if resumed else "wb") as file:
            bar.n = file.tell()
            # read1 gives what is there: with read, a stalled server would keep up to CHUNK from the disk
            while chunk := response.raw.read1(CHUNK, decode_content=False):
                if file.tell() == 0 and _is_html(response, chunk):
                    remedy = "Open the address in a browser: it may ask for a login, or have moved."
                    raise HtmlPage(url, "the file", "a web page (HTML)", remedy)
                file.write(chunk)
                bar.update(len(chunk))
                if file.tell() > size:  # no more than promised, lest it fill the disk; its hash will be wrong
                    return
    if _size(partial) < size:
        raise Incomplete(url, f"{size:,} bytes", f"{_size(partial):,} so far", AGAIN)


def _is_html(response: requests.Response, start: bytes) -> bool:
    declared = response.headers.get("Content-Type", "").startswith("text/html")
    return declared or start.lstrip()[:9].lower().startswith((b"<!doctype", b"<html"))


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


class _Session(requests.Session):
    """Follows redirects, but never from https to http, where anybody on the way can change the answer."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        target = super().get_redirect_target(resp)
        if target and resp.url.startswith("https:") and not urljoin(resp.url, target).startswith("https:"):
            resp.close()  # its connection would stay open, as nobody gets to see the response
            got = f"a redirect to {target}"
            raise InsecureConnection(resp.url, "an https address", got, "Tell the course's maintainers.")
        return target


@contextmanager
def _naming_network_faults(url: str, partial: Path) -> Iterator[None]:
    """Turn what the network libraries raise into the fault that a reader can act on."""
    host = urlsplit(url).hostname
    try:
        yield
    except requests.exceptions.SSLError as error:
        remedy = "Check this machine's clock, then its certificates; there is no switch to go on without."
        raise InsecureConnection(url, "a certificate to trust", str(error), remedy) from error
    except (requests.exceptions.ReadTimeout, urllib3.exceptions.ReadTimeoutError) as error:
        got = f"none for {READ_SECONDS} s after {_size(partial):,}"
        raise Stalled(url, "more bytes", got, AGAIN) from error
    except requests.exceptions.ConnectionError as error:
        remedy = "You are offline; shipped_scenes(), digits() and photographs() still work."
        raise Offline(url, f"a connection to {host}", "none", remedy) from error
    except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as error:
        raise Incomplete(url, "the whole file", f"{_size(partial):,} bytes ({error})", AGAIN) from error


@contextmanager
def naming_disk_full(file: Path) -> Iterator[None]:
    """Where a write finds no room, remove `file` and raise `DiskFull`.

    Example:
        >>> with naming_disk_full(Path("words.zip")):  # doctest: +ELLIPSIS
        ...     raise OSError(errno.ENOSPC, "No space left on device")
        Traceback (most recent call last):
        mmgen_course.data.errors.DiskFull: words.zip: expected room on the disk, got No space left...
    """
    try:
        yield
    except OSError as error:
        # no room on the disk, in the user's share of it, or under the limit on a file's size
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        file.unlink(missing_ok=True)
        remedy = "Free some, or name a folder on another disk in the environment variable MMGEN_DATA."
        raise DiskFull(file, "room on the disk", str(error.strerror), remedy) from error
