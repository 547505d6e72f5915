"""A machine without Chromium, bubblewrap or npm skips their tests, and the end of the run says what to install."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NEED_PROGRAMS = [
    "tests/browser/test_check_in_lab.py",
    "tests/book/test_access.py",
    "tests/test_cli_grade.py::test_a_class_is_graded_reported_and_written_into_the_gradebook",
]


def test_one_line_at_the_end_names_what_to_install_for_the_tests_that_were_skipped(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "CI"} | {"PATH": str(tmp_path)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *NEED_PROGRAMS]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout
    [line] = [line for line in run.stdout.splitlines() if "tests skipped: `apt-get" in line]
    count = int(run.stdout.splitlines()[-1].partition(" skipped")[0].rpartition(" ")[2])
    assert line == (f"{count} tests skipped: `apt-get install chromium fonts-dejavu-core bubblewrap npm` to run them")


def test_a_skip_for_another_reason_needs_no_installation(tmp_path):
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    (tmp_path / "test_it.py").write_text("import pytest\n\ndef test_it():\n    pytest.skip('not on Mondays')\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, str(tmp_path)]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "1 skipped" in run.stdout
    assert "apt-get" not in run.stdout
