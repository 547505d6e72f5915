"""The exercises of lesson 15_formulas_that_look_right on halls 2 and 3; its others are in `lesson_15_programs`."""

import torch
from torch import Tensor

from mmgen_course.exercises.exercise import Exercise, Misconception

LESSON = "15_formulas_that_look_right"


def _between(low: int, high: int, generator: torch.Generator) -> int:
    """A whole number from low to high, both included."""
    return int(torch.randint(low, high + 1, (), generator=generator))


# ---- hall 3: the game


def _table(generator: torch.Generator) -> tuple[Tensor]:
    """A table in which four columns differ: the answers to the played, the average and any row, and that of max min."""
    shape = _between(5, 8, generator), _between(9, 12, generator)
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


GAME = Exercise(
    name="min_max_players",
    lesson=LESSON,
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

# ---- hall 2: attention


def _moments(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """mean_q, sd_q, mean_k, sd_k, one number a component."""
    means = torch.randn(2, _between(3, 8, generator), generator=generator)
    sds = 0.3 + 1.5 * torch.rand(means.shape, generator=generator)
    return means[0], sds[0], means[1], sds[1]


def _terms(mean_q: Tensor, sd_q: Tensor, mean_k: Tensor, sd_k: Tensor) -> Tensor:
    """Var(q_i k_i) of each component."""
    return (sd_q * sd_k).square() + (mean_q * sd_k).square() + (mean_k * sd_q).square()


def _score_variance(*moments: Tensor) -> Tensor:
    return _terms(*moments).mean()


SCORE = Exercise(
    name="score_variance",
    lesson=LESSON,
    points=3,
    minutes=10,
    difficulty=2,
    asks="the variance of the score q . k / sqrt(d), whose 2 d components are independent with the means and the "
    "standard deviations that are given, each (d,)",
    inputs=_moments,
    reference=_score_variance,
    misconceptions=(
        Misconception(
            "means taken for 0",
            lambda mean_q, sd_q, mean_k, sd_k: (sd_q * sd_k).square().mean(),
            "This is right where all means are 0, and only there: the means are not in it. What does q_i k_i do if k_i "
            "is always 5?",
        ),
        Misconception(
            "mean not subtracted",
            lambda mean_q, sd_q, mean_k, sd_k: ((sd_q**2 + mean_q**2) * (sd_k**2 + mean_k**2)).mean(),
            "You computed E[(q_i k_i)^2], a second moment. With every sd 0 nothing varies, and it is still above 0: so "
            "it is no variance yet.",
        ),
        Misconception(
            "mean of the sum subtracted from a sum of squares",
            lambda mean_q, sd_q, mean_k, sd_k: (
                (((sd_q**2 + mean_q**2) * (sd_k**2 + mean_k**2)).sum() - (mean_q * mean_k).sum() ** 2) / len(mean_q)
            ),
            "You subtracted the square of a sum from a sum of squares; that may even be negative. Variances of "
            "independent terms add: finish each component first.",
        ),
        Misconception(
            "sigma for sigma^2",
            lambda mean_q, sd_q, mean_k, sd_k: (sd_q * sd_k + mean_q**2 * sd_k + mean_k**2 * sd_q).mean(),
            "Units: if q is in metres, so is sd_q, and a variance has metres squared. Yours has not.",
        ),
        Misconception(
            "one of the means left out",
            lambda mean_q, sd_q, mean_k, sd_k: ((sd_q * sd_k) ** 2 + (mean_q * sd_k) ** 2).mean(),
            "Exchange q and k: your number changes, the dot product does not. A term is missing.",
        ),
        Misconception(
            "sqrt(d) for d",
            lambda *moments: _terms(*moments).sum() / len(moments[0]) ** 0.5,
            "You divided the variance by sqrt(d). A number that is divided by c has a variance divided by c^2.",
        ),
        Misconception(
            "no scale",
            lambda *moments: _terms(*moments).sum(),
            "This is the variance of q . k: it grows with d, and that is why the score is divided by sqrt(d).",
        ),
        Misconception(
            "standard deviation",
            lambda *moments: _score_variance(*moments).sqrt(),
            "This is the standard deviation. The variance was asked for.",
        ),
    ),
)

EXERCISES = (GAME, SCORE)
