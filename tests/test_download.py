"""Downloads from a real server on this machine, one that fails in every way that servers fail."""

import errno
import gzip
import hashlib
import io
import os
import random
import re
import resource
import signal
import ssl
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import zipfile
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from mmgen_course import data
from mmgen_course.data import download, errors, sources
from mmgen_course.data.sources import Member, Remote, Source

BODY = random.Random(0).randbytes(600_000)
HTML = b"<!DOCTYPE html><title>log in</title>"
SLOW = 64_000  # bytes at a time, then a short sleep


class Server(ThreadingHTTPServer):
    """Serves `bodies`; the first part of a path says how: /cut/file, /stall/file and so on."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.bodies = {"file": BODY}
        self.asked = []  # (way, first byte asked for, bytes sent) of every request
        self.released = threading.Event()

    def url(self, way, name="file", scheme="http"):
        return f"{scheme}://127.0.0.1:{self.server_port}/{way}/{name}"

    def handle_error(self, request, client_address):
        """Clients are killed and hang up here: that is the test."""


class SecureServer(Server):
    """The same over TLS; the handshake is made, and a failed one closed, in the thread that answers."""

    def __init__(self, context):
        super().__init__()
        self.context = context

    def finish_request(self, request, client_address):
        with self.context.wrap_socket(request, server_side=True) as secure:
            super().finish_request(secure, client_address)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        way, name = self.path.strip("/").split("/")
        body = self.server.bodies[name]
        match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(match[1]) if match and way != "no-range" else 0
        self.record = [way, start, 0]
        self.server.asked.append(self.record)
        first = sum(asked[0] == way for asked in self.server.asked) == 1
        match way:
            case "404":
                self.send_error(404)
            case "to-http":
                self.redirect(f"http://127.0.0.1:1/{name}")
            case "to-ok":
                self.redirect(f"/ok/{name}")
            case "html":
                self.answer(HTML, {"Content-Type": "text/html; charset=utf-8"})
            case "html-undeclared":
                self.answer(HTML, {"Content-Type": "application/zip"})
            case "flipped":
                self.answer(body[:1000] + bytes([body[1000] ^ 1]) + body[1001:], start=start)
            case "short":
                self.answer(body[:-10], start=start)
            case "long":
                self.answer(body + bytes(10_000_000), start=start)
            case "gzip-claimed":
                self.answer(body, {"Content-Encoding": "gzip"}, start)
            case "cut" | "no-range":  # a third of the file a request, then the line is dead
                self.answer(body, start=start, stop=start + len(body) // 3)
            case "cut-at-once":
                self.answer(body, start=start, stop=start)
            case "stall" | "stall-once":
                stop = start + 200_000 if first or way == "stall" else None
                self.answer(body, start=start, stop=stop if not start or way != "stall" else start)
                if stop:
                    self.server.released.wait(20)
            case "slow":
                self.answer(body, start=start, pause=0.25)
            case "ok":
                self.answer(body, start=start)

    def redirect(self, target):
        self.send_response(302)
        self.send_header("Location", target)
        self.end_headers()

    def answer(self, body, headers=None, start=0, stop=None, pause=0.0):
        """Promise all of `body` from `start`, and send it up to `stop`."""
        if start >= len(body):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        for key, value in {"Content-Length": str(len(body) - start), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        part = body[start:stop]
        for n in range(0, len(part), SLOW):
            # counted before it leaves: the reader may be done before the line behind the write runs
            self.record[2] += len(part[n : n + SLOW])
            self.wfile.write(part[n : n + SLOW])
            time.sleep(pause)

    def log_message(self, *_):
        """Keep the test's output clean."""


@contextmanager
def running(server):
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def server():
    with running(Server()) as server:
        yield server


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MMGEN_DATA", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(download, "READ_SECONDS", 1)
    return tmp_path / "cache"


@pytest.fixture
def offer(monkeypatch):
    """Make `fetch("test")` fetch these files."""

    def offer(*files):
        monkeypatch.setitem(sources.SOURCES, "test", Source("a test", "MIT", files))

    return offer


def remote(*urls, body=BODY, name="file", members=()):
    return Remote(name, urls, len(body), hashlib.sha256(body).hexdigest(), members)


def left_in(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


# ---- what works


@pytest.mark.parametrize("way", ["ok", "to-ok"])
def test_a_file_is_fetched_with_a_progress_bar_and_nothing_else_is_left(server, offer, cache, capsys, way):
    offer(remote(server.url(way)))
    folder = data.fetch("test")
    assert folder == cache / "test"
    assert (folder / "file").read_bytes() == BODY
    assert left_in(folder) == ["file"]
    assert re.search(r"file: 100%.*600k/600k", capsys.readouterr().err)


def test_a_file_that_is_there_costs_no_request(server, offer):
    offer(remote(server.url("ok")))
    data.fetch("test")
    data.fetch("test")
    assert len(server.asked) == 1


def test_a_cached_file_that_rotted_is_noticed_and_replaced(server, offer):
    offer(remote(server.url("ok")))
    file = data.fetch("test") / "file"
    file.write_bytes(BODY[:5] + b"x" + BODY[6:])
    data.fetch("test")
    assert file.read_bytes() == BODY
    assert len(server.asked) == 2


def test_bytes_are_kept_as_sent_where_a_server_calls_a_gz_file_compressed(server, offer):
    server.bodies["file"] = body = gzip.compress(b"words")
    offer(remote(server.url("gzip-claimed"), body=body))
    assert (data.fetch("test") / "file").read_bytes() == body


@pytest.mark.parametrize("way", ["cut", "stall-once"])
def test_a_broken_line_is_taken_up_where_it_broke(server, offer, way):
    offer(remote(server.url(way)))
    assert (data.fetch("test") / "file").read_bytes() == BODY
    starts = [start for _, start, _ in server.asked]
    assert starts == ([0, 200_000, 400_000] if way == "cut" else [0, 200_000])
    assert sum(sent for _, _, sent in server.asked) == len(BODY)


def test_when_one_address_fails_the_next_one_goes_on(server, offer):
    offer(remote("http://127.0.0.1:1/", server.url("404"), server.url("flipped"), server.url("ok")))
    assert (data.fetch("test") / "file").read_bytes() == BODY
    assert [way for way, _, _ in server.asked] == ["404", "flipped", "ok"]


# ---- what fails


@pytest.mark.parametrize(
    ("way", "fault", "came", "kept"),
    [
        ("404", errors.ServerRefused, "404 Not Found", []),
        ("html", errors.HtmlPage, "HTML", ["file.partial"]),
        ("html-undeclared", errors.HtmlPage, "HTML", ["file.partial"]),
        ("flipped", errors.WrongHash, "[0-9a-f]{64}", []),
        ("long", errors.WrongHash, "[0-9a-f]{64}", []),
        ("short", errors.Incomplete, "a file of 599,990", []),
        ("cut-at-once", errors.Incomplete, "0 bytes", ["file.partial"]),
        ("no-range", errors.Incomplete, "200,000 bytes", ["file.partial"]),
        ("stall", errors.Stalled, "none for 1 s after 200,000", ["file.partial"]),
    ],
)
def test_what_a_server_does_wrong_has_a_name_and_never_becomes_the_file(server, offer, cache, way, fault, came, kept):
    offer(remote(server.url(way)))
    with pytest.raises(fault, match=came) as caught:
        data.fetch("test")
    assert type(caught.value) is fault
    assert "\n" not in str(caught.value)
    assert left_in(cache / "test") == kept
    # and the next attempt, with the server mended, is none the worse for it
    offer(remote(server.url("ok")))
    assert (data.fetch("test") / "file").read_bytes() == BODY


def test_a_wrong_hash_shows_both(server, offer):
    offer(remote(server.url("flipped")))
    flipped = BODY[:1000] + bytes([BODY[1000] ^ 1]) + BODY[1001:]
    good, bad = (hashlib.sha256(body).hexdigest() for body in (BODY, flipped))
    with pytest.raises(errors.WrongHash, match=f"expected sha256 {good}, came {bad}"):
        data.fetch("test")


def test_a_server_that_sends_too_much_is_cut_off(server, offer):
    offer(remote(server.url("long")))
    with pytest.raises(errors.WrongHash):
        data.fetch("test")
    assert server.asked[0][2] < 9_000_000


def test_offline_is_said_in_one_line_with_what_still_works(offer):
    offer(remote("http://127.0.0.1:1/file", "http://127.0.0.1:2/file"))
    with pytest.raises(data.Offline) as caught:
        data.fetch("test")
    message = str(caught.value)
    assert "\n" not in message
    assert "offline" in message
    for name in re.findall(r"(\w+)\(\)", message):
        assert getattr(data, name)()
    assert {"shipped_scenes", "digits", "photographs"} == set(re.findall(r"(\w+)\(\)", message))


def test_an_unknown_name_lists_the_known_ones_and_a_shipped_one_needs_no_fetch():
    with pytest.raises(errors.UnknownDataset, match="fashion-mnist, cifar-10, glove-6b"):
        data.fetch("mnist")
    with pytest.raises(errors.UnknownDataset, match=r"digits, .* need no download"):
        data.fetch("digits")


# ---- https

# made for this test by openssl, valid for 127.0.0.1 alone, until 2126; it guards nothing
TEST_KEY = """
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgbnp1eUNBcnfrQciM
iyvYM5FNFuNVOrh88tyz2GmQB4ShRANCAAQI36FiF6x0DngEkxabDFgwlQHif3D9
ZCEuIN81ata36fpP37g3Qdi6oYQOKZlLnMGue3mBCfnA40cG+hb5qnoI
"""
TEST_CERTIFICATE = """
MIIBkTCCATagAwIBAgIUV61JbdlHcBpYxPjlXUgsvjBzxYcwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJMTI3LjAuMC4xMCAXDTI2MTEyMzA4NDg0NVoYDzIxMjYxMDMw
MDg0ODQ1WjAUMRIwEAYDVQQDDAkxMjcuMC4wLjEwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAQI36FiF6x0DngEkxabDFgwlQHif3D9ZCEuIN81ata36fpP37g3Qdi6
oYQOKZlLnMGue3mBCfnA40cG+hb5qnoIo2QwYjAdBgNVHQ4EFgQUVEKdXQ/PG9sX
EH3cPz1dAxL6sHkwHwYDVR0jBBgwFoAUVEKdXQ/PG9sXEH3cPz1dAxL6sHkwDwYD
VR0TAQH/BAUwAwEB/zAPBgNVHREECDAGhwR/AAABMAoGCCqGSM49BAMCA0kAMEYC
IQDffJ00uQwC8fazcYKb/DdUq7rb942LdtSzFrliC83dOQIhAIkfJSFSSndW11Ht
Xa1ro0scC4E7xOISjJ8KrEFP8tYm
"""


@pytest.fixture
def https_server(tmp_path):
    pem = "".join(
        f"-----BEGIN {kind}-----{text}-----END {kind}-----\n"
        for kind, text in [("PRIVATE KEY", TEST_KEY), ("CERTIFICATE", TEST_CERTIFICATE)]
    )
    (tmp_path / "server.pem").write_text(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    with running(SecureServer(context)) as server:
        yield server


def test_a_certificate_that_nobody_vouches_for_is_refused(https_server, offer):
    offer(remote(https_server.url("ok", scheme="https")))
    with pytest.raises(errors.InsecureConnection, match="certificate"):
        data.fetch("test")
    assert https_server.asked == []


def test_https_may_redirect_to_https_but_not_to_http(https_server, offer, tmp_path, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "server.pem"))
    offer(remote(https_server.url("to-http", scheme="https")))
    with pytest.raises(errors.InsecureConnection, match="a redirect to http://127"):
        data.fetch("test")
    offer(remote(https_server.url("to-ok", scheme="https")))
    assert (data.fetch("test") / "file").read_bytes() == BODY


# ---- the disk


def test_a_full_disk_is_named_and_cleaned_up(server, offer, cache):
    (cache / "test").mkdir(parents=True)
    (cache / "test" / "file.partial").symlink_to("/dev/full")  # every write there finds no room
    offer(remote(server.url("ok")))
    with pytest.raises(errors.DiskFull, match=r"No space left .*MMGEN_DATA"):
        data.fetch("test")
    assert left_in(cache / "test") == []


@contextmanager
def largest_file(size):
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)


def test_a_disk_that_fills_up_half_way_is_cleaned_up(server, offer, cache):
    offer(remote(server.url("ok")))
    with largest_file(300_000), pytest.raises(errors.DiskFull):
        data.fetch("test")
    assert left_in(cache / "test") == []


@contextmanager
def nobody():
    """Root may write anywhere; be somebody else for a moment."""
    me = os.geteuid()
    if me == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(me)


@pytest.fixture
def read_only(monkeypatch):
    with tempfile.TemporaryDirectory() as folder:  # tmp_path is closed to others
        monkeypatch.setenv("MMGEN_DATA", f"{folder}/cache")
        yield lambda: Path(folder).chmod(0o555)


def test_a_read_only_cache_names_the_variable_that_moves_it(server, offer, read_only):
    offer(remote(server.url("ok")))
    read_only()
    with nobody(), pytest.raises(errors.ReadOnlyCache, match=r"Permission denied.*MMGEN_DATA"):
        data.fetch("test")


@pytest.mark.parametrize("taken", [".", "test"])
def test_a_file_where_the_cache_should_be_names_the_variable_too(server, offer, cache, taken):
    (cache / taken).parent.mkdir(exist_ok=True)
    (cache / taken).write_text("")
    offer(remote(server.url("ok")))
    with pytest.raises(errors.ReadOnlyCache, match="MMGEN_DATA"):
        data.fetch("test")


def test_a_read_only_cache_that_holds_the_file_serves_it(server, offer, read_only):
    offer(remote(server.url("ok")))
    folder = data.fetch("test")
    folder.chmod(0o555)
    folder.parent.chmod(0o555)
    read_only()
    with nobody():
        assert (data.fetch("test") / "file").read_bytes() == BODY


# ---- several processes

FETCH = """
import os, shutil, signal, sys
from mmgen_course import data
from mmgen_course.data import sources
url, size, sha256, member = sys.argv[1:]
members = (sources.Member("words.txt", 200_000, member),) if member else ()
files = (sources.Remote("file", (url,), int(size), sha256, members),)
sources.SOURCES["test"] = sources.Source("a test", "MIT", files)

def copy_half_and_die(source, target, _):
    target.write(source.read(100_000))
    target.flush()
    os.kill(os.getpid(), signal.SIGKILL)

if member:
    shutil.copyfileobj = copy_half_and_die
print(data.fetch("test"))
"""


def fetching(url, body=BODY, member=""):
    """Another process that fetches."""
    sha256 = hashlib.sha256(body).hexdigest()
    arguments = [sys.executable, "-c", FETCH, url, str(len(body)), sha256, member]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def wait_for(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.01)


def test_after_kill_9_the_next_fetch_asks_for_the_rest_only(server, offer, cache):
    partial = cache / "test" / "file.partial"
    with fetching(server.url("slow")) as process:
        wait_for(lambda: partial.exists() and partial.stat().st_size > 100_000)
        process.send_signal(signal.SIGKILL)
    (cache / "test" / "tmp_orphan").write_bytes(b"pooch's, of a process killed later")
    have = partial.stat().st_size
    assert 100_000 < have < len(BODY)

    offer(remote(server.url("ok")))
    assert (data.fetch("test") / "file").read_bytes() == BODY
    assert server.asked[1:] == [["ok", have, len(BODY) - have]]
    assert left_in(cache / "test") == ["file"]


def test_two_processes_at_once_both_get_the_file_and_one_downloads_it(server, cache):
    with fetching(server.url("slow")) as one, fetching(server.url("slow")) as two:
        told = [process.communicate()[0].strip() for process in (one, two)]
    assert told == [str(cache / "test")] * 2
    assert (cache / "test" / "file").read_bytes() == BODY
    assert server.asked == [["slow", 0, len(BODY)]]


# ---- archives

WORDS = random.Random(1).randbytes(200_000)
WORDS_SHA256 = hashlib.sha256(WORDS).hexdigest()
MEMBERS = (Member("words.txt", len(WORDS), WORDS_SHA256),)


def zipped(**members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.txt", content)
    return stream.getvalue()


def test_only_the_named_member_is_unpacked(server, offer):
    server.bodies["file"] = body = zipped(words=WORDS, other=b"x")
    offer(remote(server.url("ok"), body=body, members=MEMBERS))
    folder = data.fetch("test")
    assert (folder / "words.txt").read_bytes() == WORDS
    assert left_in(folder) == ["file", "words.txt"]


@pytest.mark.parametrize("content", [WORDS[:-1], WORDS + b"x", bytes(50_000_000)])
def test_a_member_of_another_size_is_refused_before_a_byte_is_written(server, offer, cache, content):
    server.bodies["file"] = body = zipped(words=content)
    offer(remote(server.url("ok"), body=body, members=MEMBERS))
    with pytest.raises(errors.BadArchive, match=f"200,000 bytes, came {len(content):,}"):
        data.fetch("test")
    assert left_in(cache / "test") == ["file"]


def test_a_zip_bomb_that_lies_about_its_size_writes_no_more_than_it_claims(server, offer, cache):
    body = zipped(words=bytes(50_000_000))
    true, claimed = (size.to_bytes(4, "little") for size in (50_000_000, len(WORDS)))
    server.bodies["file"] = body = body.replace(true, claimed)
    offer(remote(server.url("ok"), body=body, members=MEMBERS))
    with largest_file(200_000), pytest.raises(errors.BadArchive):
        data.fetch("test")
    assert left_in(cache / "test") == ["file"]


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (zipped(other=WORDS), errors.BadArchive),
        (b"no zip at all", errors.BadArchive),
        (zipped(words=WORDS[::-1]), errors.WrongHash),
    ],
    ids=["no-member", "no-zip", "other-bytes"],
)
def test_a_bad_archive_is_named_and_leaves_no_member(server, offer, cache, body, fault):
    server.bodies["file"] = body
    offer(remote(server.url("ok"), body=body, members=MEMBERS))
    with pytest.raises(fault):
        data.fetch("test")
    assert left_in(cache / "test") == ["file"]


def test_unpacking_killed_half_way_is_noticed_and_done_again_without_a_download(server, offer, cache):
    server.bodies["file"] = body = zipped(words=WORDS)
    with fetching(server.url("ok"), body, WORDS_SHA256) as process:
        assert process.wait() == -signal.SIGKILL
    archive, half = left_in(cache / "test")
    assert archive == "file"
    assert re.fullmatch(r"words\.txt\.\d+\.\d+\.partial", half)
    offer(remote(server.url("404"), body=body, members=MEMBERS))
    assert (data.fetch("test") / "words.txt").read_bytes() == WORDS
    assert left_in(cache / "test") == ["file", "words.txt"]


def test_a_member_that_rotted_is_unpacked_again(server, offer):
    server.bodies["file"] = body = zipped(words=WORDS)
    offer(remote(server.url("ok"), body=body, members=MEMBERS))
    words = data.fetch("test") / "words.txt"
    words.write_bytes(WORDS[:1000])
    data.fetch("test")
    assert words.read_bytes() == WORDS
    assert len(server.asked) == 1


def test_a_disk_that_fills_up_while_unpacking_is_cleaned_up(server, offer, cache):
    server.bodies["file"] = body = zipped(words=bytes(len(WORDS)))
    member = Member("words.txt", len(WORDS), hashlib.sha256(bytes(len(WORDS))).hexdigest())
    offer(remote(server.url("ok"), body=body, members=(member,)))
    with largest_file(100_000), pytest.raises(errors.DiskFull) as caught:
        data.fetch("test")
    assert caught.value.__cause__.errno == errno.EFBIG
    assert left_in(cache / "test") == ["file"]


# ---- the readers of what is fetched


def offer_real(monkeypatch, server, name, bodies):
    """The real data set's file names, with small files of the same formats."""
    server.bodies |= bodies
    files = tuple(remote(server.url("ok", file), body=body, name=file) for file, body in bodies.items())
    monkeypatch.setitem(sources.SOURCES, name, Source("small", "MIT", files))


def idx(array):
    """The idx format: two zeros, type 8 (bytes), the number of axes, each axis' length in 4 bytes."""
    lengths = b"".join(length.to_bytes(4, "big") for length in array.shape)
    return gzip.compress(bytes([0, 0, 8, array.ndim]) + lengths + array.tobytes())


@pytest.mark.parametrize(("train", "prefix"), [(True, "train"), (False, "t10k")])
def test_fashion_mnist_is_read_by_torchvision_with_captions(server, monkeypatch, train, prefix):
    images = {
        p: np.random.default_rng(n).integers(0, 256, (10, 28, 28), np.uint8) for n, p in enumerate(["train", "t10k"])
    }
    labels = {"train": np.arange(10, dtype=np.uint8), "t10k": np.arange(10, dtype=np.uint8)[::-1]}
    bodies = {f"{p}-images-idx3-ubyte.gz": idx(images[p]) for p in images}
    bodies |= {f"{p}-labels-idx1-ubyte.gz": idx(labels[p]) for p in labels}
    assert bodies.keys() == {file.name for file in sources.FASHION_MNIST}
    offer_real(monkeypatch, server, "fashion-mnist", bodies)
    samples = data.fashion_mnist(train=train)
    pixels = np.stack([np.asarray(sample.image) for sample in samples])
    np.testing.assert_array_equal(pixels, np.repeat(images[prefix][..., None], 3, axis=3))
    captions = [sample.caption for sample in samples]
    assert (captions if train else captions[::-1])[5:8] == [
        "a photo of a sandal",
        "a photo of a shirt",
        "a photo of a sneaker",
    ]
    assert captions[0 if train else 9] == "a photo of a T-shirt or top"


@pytest.mark.parametrize("train", [True, False])
def test_cifar_10_is_read_from_plain_bytes_with_captions(server, monkeypatch, train):
    names = [*(f"data_batch_{n}.bin" for n in range(1, 6)), "test_batch.bin"]
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for n, name in enumerate(names):
            red, green, blue = (bytes([10 * n + c]) * 1024 for c in range(3))
            record = bytes([n]) + b"\xff" + red[1:] + green + blue  # its first pixel alone has red 255
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            info.size = 2 * len(record)
            archive.addfile(info, io.BytesIO(2 * record))
    offer_real(monkeypatch, server, "cifar-10", {sources.CIFAR_10.name: stream.getvalue()})
    samples = data.cifar_10(train=train)
    words = ["an airplane", "an automobile", "a bird", "a cat", "a deer"] if train else ["a dog"]
    assert [sample.caption for sample in samples] == [f"a photo of {word}" for word in words for _ in "12"]
    last = samples[-1].image
    tens = 40 if train else 50
    assert (last.size, last.getpixel((0, 0)), last.getpixel((1, 0)), last.getpixel((31, 31))) == (
        (32, 32),
        (255, tens + 1, tens + 2),
        (tens, tens + 1, tens + 2),
        (tens, tens + 1, tens + 2),
    )


def test_every_source_has_a_sha256_a_size_and_an_encrypted_address():
    files = [file for source in sources.SOURCES.values() for file in source.files]
    assert len(files) == 7
    for file in files:
        assert file.urls[0].startswith("https://")
        assert all(re.fullmatch("[0-9a-f]{64}", x.sha256) and x.size > 0 for x in (file, *file.members))
