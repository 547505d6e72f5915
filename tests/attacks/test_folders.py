"""Every case F to J is refused or graded as it should be, beside alice, who always gets what she earned."""

from collections import defaultdict

import pytest
from corpus import nothing_left
from files import HONEST, Folder, of
from folders import FOLDERS

from mmgen_course.grading.run import outcome_of
from mmgen_course.grading.submissions import collect


@pytest.mark.parametrize("case", FOLDERS, ids=lambda case: f"{case.code}-{case.title.replace(' ', '-')}")
def test_a_folder_is_graded_as_it_should_be(case: Folder, tmp_path, sandbox, host):
    source = case.build(tmp_path)
    if source is None:
        (tmp_path / "alice.ipynb").write_bytes(of(HONEST))
    before = {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*")}
    outcomes = [outcome_of(sandbox, one, b"secret", lesson="08_vae") for one in collect(source or tmp_path)]
    said = defaultdict(list)
    for outcome in outcomes:
        said[outcome["student"]].append(outcome)
    assert set(said) == {"alice", *case.said}
    assert [outcome["points"] for outcome in said["alice"]] == [12]
    for student, (state, points, part) in case.said.items():
        assert {outcome["state"] for outcome in said[student]} == {state}, said[student]
        assert sum(outcome["points"] for outcome in said[student]) == points, said[student]
        assert part in repr(said[student])
        assert all(r["points"] == 0 for o in said[student] for r in o["exercises"].values() if r["state"] != "right")
    assert {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*")} == before
    assert host.secret not in repr(outcomes)
    sandbox.start() if sandbox.process is None else None
    nothing_left(sandbox, host)


def test_codes_are_unique():
    assert len({case.code for case in FOLDERS}) == len(FOLDERS)
