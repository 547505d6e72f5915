"""`mmgen ...`: the course at a command line; each command prints a table, or JSON for a program to read."""

from mmgen_course.cli import course, grade, models  # their commands join the app
from mmgen_course.cli.app import app

__all__ = ["app", "course", "grade", "main", "models"]


def main() -> None:
    """Run the command that the command line asks for: the entry point of `mmgen`."""
    app()
