"""What every command stands on: the app, its tables, and errors in one line or two.

0 success, 1 failed job, 2 wrong usage. Heavy imports stand inside the commands, so that `mmgen --help` answers at once.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup


class Commands(TyperGroup):
    """Commands whose wrong use is answered in two lines: what is wrong, and where the right use stands."""

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, *others: Any, **more: Any) -> Any:
        """Run a command and exit with its code; typer's own draws a frame around an error."""
        try:
            code = super().main(args, prog_name, *others, **more | {"standalone_mode": False})
        except typer.TyperException as error:
            if type(error).__name__ == "NoArgsIsHelpError":
                typer.echo(error.format_message(), err=True)
            else:
                context = getattr(error, "ctx", None)
                command = context.command_path if context else "mmgen"
                typer.echo(f"{command}: {' '.join(error.format_message().split())}", err=True)
                typer.echo(f"`{command} --help` shows how to use it, with an example", err=True)
            sys.exit(error.exit_code)
        except typer.Abort:
            sys.exit(1)
        sys.exit(code or 0)


app = typer.Typer(
    cls=Commands,
    help='The course at your command line; start with `mmgen lab`.\n\nExample: mmgen sample "a tiny crimson disc"',
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
data_app = typer.Typer(
    help="The data sets: what ships, what can be downloaded.\n\nExample: mmgen data list", no_args_is_help=True
)
app.add_typer(data_app, name="data")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@contextmanager
def data_errors_in_one_line() -> Iterator[None]:
    """In this block a fault of the data ends the command, with what to do in one line."""
    from mmgen_course.data import DataError

    try:
        yield
    except DataError as error:
        fail(" ".join(str(error).split()))


def fail(message: str) -> NoReturn:
    """End the command as a failed job, and say why."""
    typer.echo(f"mmgen: {message}", err=True)
    raise typer.Exit(1)


def print_json(value: object) -> None:
    """Print a value for a program to read."""
    typer.echo(json.dumps(value, indent=1))


def minutes(seconds: float) -> str:
    """Seconds as minutes and seconds.

    Example:
        >>> minutes(125.4)
        '2:05'
    """
    return f"{round(seconds) // 60}:{round(seconds) % 60:02d}"


def print_table(columns: Sequence[str], rows: Sequence[tuple[str, ...]]) -> None:
    """Print rows of texts under the names of their columns."""
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    table = Table(*(Column(column, overflow="fold") for column in columns))
    for row in rows:
        table.add_row(*map(Text, row))  # Text: a square bracket in an error is no markup
    Console().print(table)
