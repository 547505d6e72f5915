"""What a review of the sandbox found outside of it: the grader's own time, and files that two threads write."""

import json
import threading
import time

import pytest
import torch
from corpus import honest_cells, notebook_of

from mmgen_course.exercises.compare import difference
from mmgen_course.grading.results import Results
from mmgen_course.grading.submissions import submission
from mmgen_course.grading.untrusted.forkserver import _exit_report
from mmgen_course.notebooks.read import Refused, code_cells


def seconds_of(call):
    begin = time.process_time()
    call()
    return time.process_time() - begin


def test_a_sentence_about_an_answer_of_many_parts_takes_no_time():
    parts = [torch.rand(100) for _ in range(20_000)]
    for value in (parts, tuple(parts), {"x": parts}, [[parts] * 5] * 5):
        assert seconds_of(lambda value=value: difference(1.0, value)) < 0.5
    assert seconds_of(lambda: difference("text", parts)) < 0.5


def test_a_name_that_stands_twice_among_many_is_found_at_once():
    names = ",".join(f'"{i}":0' for i in range(40_000))

    def read():
        with pytest.raises(Refused, match="'39999' stands twice"):
            code_cells(f'{{"nbformat": 4, {names}, "39999": 0}}'.encode())

    assert seconds_of(read) < 2


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
