"""The players of a min-max game, from its table: an exercise of lesson 15_formulas_that_look_right."""

import torch
from torch import Tensor

from mmgen_course.exercises.exercise import Exercise, Misconception
from mmgen_course.exercises.lessons import whole_number


def _table(generator: torch.Generator) -> tuple[Tensor]:
    """A table in which four columns differ: the answers to the played, the average and any row, and that of max min."""
    shape = whole_number(5, 8, generator), whole_number(9, 12, generator)
    while True:
        table = torch.randn(shape, generator=generator)
        columns = {_game(table)[1], int(table.mean(dim=0).argmax()), int(table.amax(dim=0).argmax())}
        if len(columns | {int(table.amin(dim=0).argmax())}) == 4:
            return (table,)


def _answered(table: Tensor, row: Tensor) -> tuple[int, int]:
    """The row that G chose, and D's best answer to it."""
    return int(row), int(table[row].argmax())


def _answered_by_row(table: Tensor, column: Tensor) -> tuple[int, int]:
    """The column that D chose, and G's best answer to it."""
    return int(table[:, column].argmin()), int(column)


def _game(table: Tensor) -> tuple[int, int]:
    return _answered(table, table.amax(dim=1).argmin())


EXERCISE = Exercise(
    name="min_max_players",
    lesson="15_formulas_that_look_right",
    number=1,
    points=2,
    minutes=8,
    difficulty=1,
    asks="(row, column): the row that attains the minimum over rows of the maximum over columns, and the column that "
    "is the best answer to it",
    inputs=_table,
    reference=_game,
    misconceptions=(
        Misconception(
            "value for argument",
            lambda table: table.amax(dim=1).amin(),
            "You returned the value of the game. Asked for is who attains it: the indices of a row and a column.",
        ),
        Misconception(
            "order of the two turned",
            lambda table: _answered_by_row(table, table.amin(dim=0).argmax()),
            "You computed max min: there the column moves first, and the row answers. In min max the inner player, the "
            "max, answers to what the outer one chose.",
        ),
        Misconception(
            "axes exchanged",
            lambda table: _game(table.T),
            "You let the columns minimise and the rows maximise. Rows are the generator's choices, axis 0; a maximum "
            "over columns is one over axis 1.",
        ),
        Misconception(
            "lowest entry of the table",
            lambda table: _answered(table, table.amin(dim=1).argmin()),
            "You chose the row with the lowest entry. The column's player will not choose that entry: judge each row "
            "by the answer that it gets.",
        ),
        Misconception(
            "highest entry of the table",
            lambda table: _answered(table, table.amax(dim=1).argmax()),
            "Your row is the worst for the generator: of the rows' maxima the smallest is wanted.",
        ),
        Misconception(
            "answer to the average row",
            lambda table: (_game(table)[0], int(table.mean(dim=0).argmax())),
            "Your column is the best against all rows on average. It moves second, and knows the row.",
        ),
        Misconception(
            "answer to any row",
            lambda table: (_game(table)[0], int(table.amax(dim=0).argmax())),
            "Your column holds the highest entry of the whole table, in a row that is not played. The best answer to "
            "a row stands in that row.",
        ),
        Misconception(
            "each as if the first",
            lambda table: (_game(table)[0], int(table.amin(dim=0).argmax())),
            "Your row is right, but your column is that of max min, chosen before the row is known. The discriminator "
            "sees the row first.",
        ),
        Misconception(
            "column first",
            lambda table: _game(table)[::-1],
            "Both are right, but in the other order: the row was to come first.",
        ),
    ),
)
