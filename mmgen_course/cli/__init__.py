"""`mmgen ...`: a command line goes in; a table, or JSON for a program to read, comes out, and an exit code."""

from mmgen_course.cli import course, grade, models  # their commands join the app
from mmgen_course.cli.app import app

__all__ = ["app", "course", "grade", "main", "models"]


def main() -> None:
    """Run the command that the command line asks for: the entry point of `mmgen`."""
    app()
