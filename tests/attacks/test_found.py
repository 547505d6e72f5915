"""What a review of the sandbox found outside of it: the grader's own time, and files that two threads write."""

import json
import threading

import pytest
from corpus import honest_cells, notebook_of

from mmgen_course.exercises.compare import difference
from mmgen_course.grading.results import Results
from mmgen_course.grading.submissions import submission
from mmgen_course.grading.untrusted.forkserver import _exit_report
from mmgen_course.notebooks.read import Refused, code_cells
from mmgen_course.notebooks.read import _without_duplicates as without_duplicates


class Part:
    """A part of an answer that counts how often it is written out, which a tensor takes a millisecond for."""

    written = 0

    def __repr__(self):
        Part.written += 1
        return "Part()"


def test_a_sentence_about_an_answer_of_many_parts_reads_few_of_them(calls_of):
    parts = [Part() for _ in range(20_000)]
    for value in (parts, tuple(parts), {"x": parts}, [[parts] * 5] * 5):
        for expected in (1.0, "text"):
            Part.written = 0
            assert calls_of(lambda value=value, expected=expected: difference(expected, value)) < 20_000
            assert Part.written < 1000


class Name(str):
    """A name that counts how often it is compared."""

    compared = 0
    __hash__ = str.__hash__

    def __eq__(self, other):
        Name.compared += 1
        return str.__eq__(self, other)


def test_a_name_that_stands_twice_among_many_is_found_without_comparing_each_with_each():
    names = [Name(i) for i in range(40_000)]
    with pytest.raises(Refused, match="'39999' stands twice"):
        without_duplicates([(name, 0) for name in [*names, Name(39_999)]])
    assert Name.compared < 10 * len(names)
    text = ",".join(f'"{name}":0' for name in [*names, names[-1]])
    with pytest.raises(Refused, match="'39999' stands twice"):  # and a notebook is read by it
        code_cells(f'{{"nbformat": 4, {text}}}'.encode())


def test_more_code_than_a_message_holds_is_refused_before_it_is_sent():
    refused = submission("bob.ipynb", notebook_of([*honest_cells().values(), f"x = '{'é' * 800_000}'"])).refused
    assert refused.endswith("bytes of code; at most 2,000,000: read data from a file, not from a cell")


def test_two_threads_may_write_the_same_result(tmp_path):
    results = Results(tmp_path)
    failed = []

    def write():
        try:
            for _ in range(50):
                results.write({"key": "k", "state": "graded"})
        except OSError as error:
            failed.append(error)

    threads = [threading.Thread(target=write) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert json.loads(results.path("k").read_text()) == {"key": "k", "state": "graded"}


def test_a_signal_without_a_name_is_an_end_and_no_fault_of_ours():
    assert _exit_report(35) == {"ended": "signal", "status": "signal 35"}
    assert _exit_report(9) == {"ended": "signal", "status": "SIGKILL"}
