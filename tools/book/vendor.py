"""Scripts that the pages of the book load: npm packages by exact version and sha256 go in, local files come out.

The book opens without a network, so they lie beside its pages. Each package is fetched once, into build/vendor.
"""

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from mmgen_course.notebooks.run import ROOT


@dataclass(frozen=True)
class Package:
    """Some files of an npm package.

    Attributes:
        name: of the package on npm.
        version: exact.
        sha256: of the archive that `npm pack` fetches.
        files: inside the archive, without their common folder "package".
    """

    name: str
    version: str
    sha256: str
    files: tuple[str, ...]


# tex-svg draws formulas as SVG: its letters are in the script, there is no font to fetch
MATHJAX = Package(
    "mathjax", "3.2.2", "1b9c0a1c44df864e915690558e72adb9cc5203360daefd385084ced3b6c64c09", ("es5/tex-svg.js",)
)
# runs the painter in the reader's browser; MIT licence
ONNX_RUNTIME = Package(
    "onnxruntime-web",
    "1.30.0",
    "d2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71",
    ("dist/ort.wasm.bundle.min.mjs", "dist/ort-wasm-simd-threaded.wasm"),
)
# judges the pages in the tests, and is no part of the book; MPL 2.0
AXE = Package("axe-core", "4.14.1", "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745", ("axe.min.js",))
VENDORED = ROOT / "build" / "vendor"


class VendorError(Exception):
    """A package cannot be had, or is not the one whose hash stands here; the message says what to do."""


def vendor(package: Package, folder: Path = VENDORED) -> list[Path]:
    """Return the paths of the package's files below `folder`; fetch it where they are not there yet.

    Raises:
        VendorError: npm is missing, fails, or brings another archive than expected.
    """
    place = folder / f"{package.name}-{package.version}-{package.sha256[:12]}"
    if not place.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as unfinished:
            unpack(_fetch(package, Path(unfinished)), package, Path(unfinished, "files"))
            Path(unfinished, "files").replace(place)  # they are there whole, or not at all
    return [place / Path(file).name for file in package.files]


def unpack(archive: Path, package: Package, folder: Path) -> None:
    """Write the package's files into `folder`; raise VendorError unless the archive has the expected hash."""
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != package.sha256:
        raise VendorError(f"{archive.name} has sha256 {found}, not {package.sha256}: not used")
    folder.mkdir()
    with tarfile.open(archive) as tar:
        for file in package.files:
            member = tar.extractfile(f"package/{file}")
            assert member is not None, file  # the hash says that it is there, and a file
            (folder / Path(file).name).write_bytes(member.read())


def _fetch(package: Package, folder: Path) -> Path:
    wanted = f"{package.name}@{package.version}"
    npm = shutil.which("npm")
    if npm is None:
        raise VendorError(f"npm is not on this machine; install Node.js, it is needed once to fetch {wanted}")
    command = [npm, "pack", wanted, "--silent", "--pack-destination", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise VendorError(f"npm could not fetch {wanted} ({said[-1] if said else 'no word why'}); is there a network?")
    return folder / f"{package.name}-{package.version}.tgz"
