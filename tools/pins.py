"""Resolves pyproject.toml into requirements.txt (pins with hashes) and environment.yml (the same pins, for conda).

`make pins` runs it; both files are generated, so edit pyproject.toml instead. Needs a network.
"""

import re
import subprocess
import sys
from pathlib import Path

from mmgen_course.data.atomic import replacing

ROOT = Path(__file__).resolve().parents[1]
GENERATED = "# made by tools/pins.py (`make pins`) from pyproject.toml: do not edit\n"
ENVIRONMENT = """\
# The conda route: `conda env create -f environment.yml && conda activate mmgen-course`.
name: mmgen-course
channels:
  - conda-forge
dependencies:
  - python >=3.11
  - pip
  - pip:
"""


def pins(requirements: str) -> list[str]:
    """Each `name==version ; marker` of a requirements file, without its hashes.

    Example:
        >>> pins("# no pin\\na==1 ; os_name == 'nt' \\\\\\n    --hash=sha256:00\\nb==2 \\\\\\n    --hash=sha256:11\\n")
        ["a==1 ; os_name == 'nt'", 'b==2']
    """
    return re.findall(r"^([a-z0-9].*?==.*?)(?: \\)?$", requirements, flags=re.MULTILINE)


def environment(requirements: str) -> str:
    """The conda environment with the pins of a requirements file and this package."""
    lines = [f'      - "{pin}"\n' for pin in pins(requirements)]
    return GENERATED + ENVIRONMENT + "".join(lines) + '      - "--editable ."\n'


def main() -> None:
    """Resolve, then replace both files."""
    uv = Path(sys.executable).with_name("uv")
    # --no-emit-index-url keeps the file free of where this machine happens to download from
    options = "--universal --generate-hashes --no-emit-index-url --no-annotate --no-header --python-version 3.11"
    command = [
        str(uv),
        "pip",
        "compile",
        "--quiet",
        *options.split(),
        "--extra",
        "test",
        *sys.argv[1:],
        "pyproject.toml",
    ]
    resolved = subprocess.run(command, cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE).stdout
    for name, text in {"requirements.txt": GENERATED + resolved, "environment.yml": environment(resolved)}.items():
        with replacing(ROOT / name) as partial:
            partial.write_text(text)
    print(f"requirements.txt and environment.yml: {len(pins(resolved))} pins")


if __name__ == "__main__":
    main()
