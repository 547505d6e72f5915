"""Grades one submission: asks its worker process for the value of each exercise, and believes values alone.

The inputs are drawn from a secret, the right answers never leave this process, and what comes back is compared here, by
the same `compared` as in the learner's notebook.
"""

import hmac
import secrets
import time
from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Any

from mmgen_course.exercises import Exercise, Verdict, exercises_of
from mmgen_course.exercises.exercise import cases, compared
from mmgen_course.exercises.run_answer import Observation
from mmgen_course.grading import protocol
from mmgen_course.grading.sandbox import Infrastructure, Sandbox, Worker
from mmgen_course.grading.submissions import Submission, readable

SECONDS = 10.0  # for the cells and the five cases of one exercise, by the clock
TRIES = 3
LONGEST = 500  # characters of a sentence
SPARE = 60.0  # seconds beside those of the exercises, after which a worker is ended whatever the grader does
LATE = {"step": "torch._dynamo"}  # which torch's optimisers import at their first step, in seconds of the learner's
BY_LIMIT = {"hung up": "protocol", "time": "timeout", "memory": "limit", "processes": "limit"}


@dataclass
class Result:
    """The result of one exercise.

    Attributes:
        state: "right", "wrong", "error", "timeout", "limit" (too much memory), "protocol" (what arrived was no answer),
            "not done", or "not graded" (our fault).
        points, of: earned, and what the exercise is worth.
        reason: what was expected and what the answer gave, or what the code did.
        mistake, hint: of the known misconception that answers as this answer does, or None and "".
        notes: about the notebook's cells.
    """

    state: str
    points: int
    of: int
    reason: str = ""
    mistake: str | None = None
    hint: str = ""
    notes: list[str] = field(default_factory=list)


class Ended(Exception):
    """The worker has ended, or was ended, before it answered: state and reason."""


def grade(sandbox: Sandbox, submission: Submission, secret: bytes, seconds: float = SECONDS) -> dict[str, Any]:
    """The result of a submission as a dict for JSON: "state", "points", "of", "notes", "exercises" by their names.

    Args:
        sandbox: where its code runs.
        submission: refused or not.
        secret: the inputs are drawn from it, and from the notebook's hash.
        seconds: for each exercise.
    """
    if submission.refused:
        reason = _cut(submission.refused)
        return {"state": "refused", "reason": reason, "points": 0, "of": 0, "notes": [], "exercises": {}}
    results = _asked(sandbox, submission, exercises_of(submission.lesson), secret, seconds)
    ours = [result.reason for result in results.values() if result.state == "not graded"]
    notes = list(dict.fromkeys(note for result in results.values() for note in result.notes))
    return {
        "state": "not graded" if ours else "graded",
        "reason": ours[0] if ours else "",
        "points": sum(result.points for result in results.values()),
        "of": sum(result.of for result in results.values()),
        "notes": notes,
        "exercises": {name: _without_notes(result) for name, result in results.items()},
    }


def _without_notes(result: Result) -> dict[str, Any]:
    return {name: value for name, value in asdict(result).items() if name != "notes"}


def _asked(
    sandbox: Sandbox, submission: Submission, exercises: list[Exercise], secret: bytes, seconds: float
) -> dict[str, Result]:
    """Ask for each exercise; one that ends its worker costs no other exercise anything."""
    results: dict[str, Result] = {}
    imports = tuple({LATE[exercise.way] for exercise in exercises if exercise.way in LATE})
    waiting = deque((exercise, 1) for exercise in exercises)
    while waiting:
        exercise, attempt = waiting[0]
        try:
            with sandbox.worker(seconds * len(exercises) + SPARE, imports) as worker:
                worker.tell(list(submission.cells), time.monotonic() + seconds)
                _with_one_worker(worker, waiting, results, secret + submission.sha256.encode(), seconds)
        except Exception as error:  # the learner's faults are all answers: what is raised here is ours
            sandbox.close()
            exercise, attempt = waiting.popleft()
            if attempt < TRIES:
                waiting.appendleft((exercise, attempt + 1))
            else:
                reason = str(error) if isinstance(error, Infrastructure) else f"{type(error).__name__}: {error}"
                results[exercise.name] = Result("not graded", 0, exercise.points, _cut(reason))
    return {exercise.name: results[exercise.name] for exercise in exercises}


def _with_one_worker(
    worker: Worker, waiting: "deque[tuple[Exercise, int]]", results: dict[str, Result], secret: bytes, seconds: float
) -> None:
    """Ask for the waiting exercises until there are no more, or the worker ends.

    Where it ends at another than the first, that one is asked again in a new worker: what an answer before it has left
    behind, such as threads, is not its fault.
    """
    first = waiting[0][0]
    while waiting:
        exercise, attempt = waiting[0]
        try:
            results[exercise.name] = _one(worker, exercise, secret, seconds)
            waiting.popleft()
        except Ended as ended:
            state, reason = ended.args
            if state == "infrastructure":
                raise Infrastructure(reason) from None
            if exercise is not first:
                return
            results[exercise.name] = Result(state, 0, exercise.points, reason)
            waiting.popleft()
            if state == "timeout" and attempt == 1:  # perhaps the machine was busy: once more, after the others
                waiting.append((exercise, 2))
            return
    worker.end()


def _one(worker: Worker, exercise: Exercise, secret: bytes, seconds: float) -> Result:
    digest = hmac.new(secret, exercise.name.encode(), "sha256").digest()
    drawn = cases(exercise, int.from_bytes(digest[:7], "big"))
    end = time.monotonic() + seconds
    seen: list[Observation] = []
    notes: list[str] = []
    for case in drawn:
        answer = _answer(worker, exercise, case, end)
        notes = answer["notes"]
        if answer["state"] != "answered":
            return Result(answer["state"], 0, exercise.points, answer["reason"], notes=notes)
        seen.append(Observation(answer["value"], answer["changed"]))
        if seen[-1].changed:
            break
    try:
        return _result(compared(exercise, drawn, seen), notes)
    except Exception as error:  # what it answered is of a kind that nothing here can be asked of
        return Result("protocol", 0, exercise.points, f"what arrived cannot be compared: {type(error).__name__}")


def _answer(worker: Worker, exercise: Exercise, case: tuple[Any, ...], end: float) -> dict[str, Any]:
    """The worker's answer to one case, in the form that it must have.

    Raises:
        Ended: there is none.
    """
    number = secrets.randbits(62)  # nobody can answer before the question
    question = {"id": number, "ask": exercise.name, "way": exercise.way, "case": case}
    try:
        return _checked(worker.ask(question, end), number)
    except protocol.ProtocolError as error:
        worker.end()
        raise Ended("protocol", f"what arrived was no answer: {_cut(str(error))}") from None
    except TimeoutError:
        worker.end()
        raise Ended("timeout", "no answer in time: does a loop never end?") from None
    except (EOFError, OSError):
        report = worker.end(patience=1.0)
        if report["ended"] == "infrastructure":
            raise Ended("infrastructure", report["status"]) from None
        state = BY_LIMIT.get(report["ended"], "error")
        raise Ended(state, _ending(report)) from None


def _checked(answer: Any, number: int) -> dict[str, Any]:
    # its type first: a tensor compares with anything, and the outcome is no truth value
    if not isinstance(answer, dict) or type(answer.get("id")) is not int or answer["id"] != number:
        raise protocol.ProtocolError("it answers no question that was asked")
    notes = answer.get("notes")
    if not isinstance(notes, list) or not all(isinstance(note, str) for note in notes):
        raise protocol.ProtocolError("it has no notes")
    notes = [_cut(note) for note in notes[:20]]
    state = answer.get("state")
    if not isinstance(state, str):
        raise protocol.ProtocolError("it has no state")
    if state in ("not done", "error") and isinstance(answer.get("reason"), str):
        return {"state": state, "reason": _cut(answer["reason"]), "notes": notes}
    changed = answer.get("changed")
    if state != "answered" or "value" not in answer or not (changed is None or type(changed) is int):
        raise protocol.ProtocolError("it has no value")
    return {"state": state, "value": answer["value"], "changed": changed, "notes": notes}


def _ending(report: dict[str, Any]) -> str:
    how = {
        "exit": f"the code ended its own process, with status {report['status']}",
        "signal": f"the process was ended by {report['status']}",
        "memory": "more memory than a notebook may use",
        "processes": "more processes and threads than a notebook may start",
        "time": "no answer in time",
        "hung up": "the process closed the channel on which answers go",
    }
    return how[report["ended"]]


def _result(verdict: Verdict, notes: list[str]) -> Result:
    mistake = verdict.misconception
    return Result(
        verdict.state,
        verdict.points,
        verdict.exercise.points,
        _cut(verdict.reason),
        mistake.name if mistake else None,
        mistake.hint if mistake else "",
        notes,
    )


def _cut(text: str) -> str:
    return readable(text[: 2 * LONGEST])[:LONGEST]
