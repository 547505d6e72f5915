"""Grades a class on this machine: in threads, each with its own sandbox; a result for each submission is written."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from mmgen_course.grading.escape_tests import escape_tests
from mmgen_course.grading.grade import SECONDS, grade
from mmgen_course.grading.results import Outcome, Results, key_of
from mmgen_course.grading.sandbox import Sandbox, why_not_contained
from mmgen_course.grading.submissions import Submission


class NotContained(Exception):
    """Untrusted code cannot be contained here; the sentence says why and what helps."""


def ensure_contained() -> dict[str, str]:
    """Run every escape test in the sandbox of this machine; the names of those that were held, each with "".

    Raises:
        NotContained: bubblewrap is missing, does not start, or let one through.
    """
    if reason := why_not_contained():
        raise NotContained(reason)
    sandbox = Sandbox()
    try:
        reached = escape_tests(sandbox)
    except Exception as error:
        raise NotContained(f"the sandbox does not work here: {error}") from error
    finally:
        sandbox.close()
    if out := {name: what for name, what in reached.items() if what}:
        raise NotContained("; ".join(f"escape test {name!r} reached {what}" for name, what in out.items()))
    return reached


def outcome_of(
    sandbox: Sandbox, submission: Submission, secret: bytes, seconds: float = SECONDS, lesson: str = ""
) -> Outcome:
    """The whole result of one submission, as it is written: the unit of work, which may be done twice.

    Args:
        sandbox: where its code runs.
        submission: one notebook.
        secret: what the inputs are drawn from.
        seconds: for each exercise.
        lesson: the only one that is graded; "" if each notebook's own is.
    """
    key = key_of(submission, sandbox.contained, seconds, lesson)
    if lesson and submission.lesson and submission.lesson != lesson:
        reason = f"it is the notebook of {submission.lesson}; expected {lesson}"
        submission = Submission(submission.student, submission.file, submission.sha256, refused=reason)
    begin = time.monotonic()
    verdicts = grade(sandbox, submission, secret, seconds)
    return {
        "student": submission.student,
        "lesson": submission.lesson,
        "file": submission.file,
        "sha256": submission.sha256,
        "key": key,
        "isolation": "contained" if sandbox.contained else "uncontained",
        **verdicts,
        "seconds": round(time.monotonic() - begin, 3),
    }


def grade_all(
    submissions: Iterable[Submission],
    results: Results,
    jobs: int,
    contained: bool = True,
    seconds: float = SECONDS,
    lesson: str = "",
) -> Iterator[Outcome]:
    """Grade what has no result yet, and yield each result as soon as it is written; those that were there, too."""
    local = threading.local()
    sandboxes: list[Sandbox] = []

    def one(submission: Submission) -> Outcome:
        if not hasattr(local, "sandbox"):  # a sandbox ends with the thread that started it
            local.sandbox = Sandbox(contained)
            sandboxes.append(local.sandbox)
        outcome = outcome_of(local.sandbox, submission, results.secret, seconds, lesson)
        results.write(outcome)
        return outcome

    def done(submission: Submission) -> Outcome | None:
        return results.done(key_of(submission, contained, seconds, lesson))

    with ThreadPoolExecutor(jobs) as pool:
        try:
            yield from _windowed(pool, one, submissions, done, window=4 * jobs)
        finally:
            pool.shutdown(cancel_futures=True)
            for sandbox in sandboxes:
                sandbox.close()


def _windowed(
    pool: ThreadPoolExecutor,
    one: Callable[[Submission], Outcome],
    submissions: Iterable[Submission],
    done: Callable[[Submission], Outcome | None],
    window: int,
) -> Iterator[Outcome]:
    """Never hold more than `window` notebooks in memory."""
    running: set[Future[Outcome]] = set()
    for submission in submissions:
        if outcome := done(submission):
            yield outcome
            continue
        running.add(pool.submit(one, submission))
        if len(running) >= window:
            ready, running = wait(running, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in ready)
    yield from (future.result() for future in running)
