"""What every command stands on: the app, its tables, and errors in one line.

0 success, 1 failed job, 2 wrong usage. Heavy imports stand inside the commands, so that `mmgen --help` answers at once.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, NoReturn

import typer

app = typer.Typer(
    help="The course at your command line; start with `mmgen lab`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
data_app = typer.Typer(help="The data sets: what ships, what can be downloaded.", no_args_is_help=True)
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
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns)
    for row in rows:
        table.add_row(*map(Text, row))  # Text: a square bracket in an error is no markup
    Console().print(table)
