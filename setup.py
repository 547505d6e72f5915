"""What pyproject.toml cannot say: a wheel carries the files of data/ inside the package, as mmgen_course/shipped.

In the repository they stay beside it, once; an editable install reads them there.
"""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

DATA = Path(__file__).resolve().parent / "data"


class BuildWithData(build_py):
    """Also copies what data/registry.txt lists, the registry itself and the data card."""

    def run(self) -> None:
        """Build the modules, then add the data, unless modules are only linked to."""
        super().run()
        if self.editable_mode:
            return
        lines = (DATA / "registry.txt").read_text("utf-8").splitlines()
        listed = [line.split()[0] for line in lines if not line.startswith("#")]
        for path in ["registry.txt", "README.md", *listed]:
            target = Path(self.build_lib, "mmgen_course", "shipped", path)
            self.mkpath(str(target.parent))
            self.copy_file(str(DATA / path), str(target), preserve_mode=False)


setup(cmdclass={"build_py": BuildWithData})
