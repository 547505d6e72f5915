"""Grades a class on a Dask cluster: text goes to its workers, text comes back, and result files are the truth.

Each Dask worker runs the escape tests in a sandbox of its own before it grades. Of a student travel strings alone.
"""

import json
import threading
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from mmgen_course.grading.grade import SECONDS
from mmgen_course.grading.results import Outcome, Results, key_of
from mmgen_course.grading.run import NotContained, ensure_contained, outcome_of
from mmgen_course.grading.sandbox import Sandbox
from mmgen_course.grading.submissions import Submission

RETRIES = 3  # of a task whose Dask worker was lost
PATIENCE = 20  # seconds for a scheduler to answer
_here = threading.local()
_testing = threading.Lock()
_held: list[dict[str, str]] = []


def unit(text: str) -> str:
    """Grade the submission that a JSON text says, and return its result as JSON; done twice, it says the same."""
    work = json.loads(text)
    work["submission"]["cells"] = tuple(work["submission"]["cells"])
    submission = Submission(**work["submission"])
    if not hasattr(_here, "sandbox"):
        if work["contained"]:
            with _testing:
                _held.append(_held[-1] if _held else ensure_contained())
        _here.sandbox = Sandbox(work["contained"])
    secret = bytes.fromhex(work["secret"])
    return json.dumps(outcome_of(_here.sandbox, submission, secret, work["seconds"], work["lesson"]))


def grade_with_dask(
    address: str,
    submissions: Iterable[Submission],
    results: Results,
    contained: bool = True,
    seconds: float = SECONDS,
    lesson: str = "",
) -> Iterator[Outcome]:
    """Grade what has no result yet on the cluster at `address`, and yield each result as soon as it is written.

    A task that is lost with its worker goes to another one; after `RETRIES` losses it is "not graded".

    Raises:
        ImportError: distributed is not installed.
        OSError: there is no scheduler at this address.
    """
    from distributed import Client, as_completed

    with Client(address, timeout=PATIENCE) as client:
        futures: dict[Any, Submission] = {}
        for submission in submissions:
            if done := results.done(key_of(submission, contained, seconds, lesson)):
                yield done
                continue
            work = {"submission": asdict(submission), "secret": results.secret.hex(), "contained": contained}
            text = json.dumps({**work, "seconds": seconds, "lesson": lesson})
            futures[client.submit(unit, text, pure=False, retries=RETRIES)] = submission
        for future in as_completed(list(futures)):
            error = future.exception()
            lost = futures[future]
            key = key_of(lost, contained, seconds, lesson)
            outcome = _lost(lost, key, error, contained) if error else json.loads(future.result())
            results.write(outcome)
            yield outcome


def _lost(submission: Submission, key: str, error: BaseException, contained: bool) -> Outcome:
    """The result of a submission that no Dask worker could grade: our fault, and no zero."""
    reason = str(error) if isinstance(error, NotContained) else f"the cluster lost it: {type(error).__name__}"
    empty = {"state": "not graded", "reason": reason, "points": 0, "of": 0, "notes": [], "exercises": {}}
    whose = {"student": submission.student, "lesson": submission.lesson, "file": submission.file}
    isolation = "contained" if contained else "uncontained"
    return {**whose, "sha256": submission.sha256, "key": key, "isolation": isolation, **empty, "seconds": 0.0}
