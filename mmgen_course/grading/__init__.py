"""Grades a class's untrusted notebooks: a folder of them becomes results, a report and a page of feedback for each.

The way of a submission: `submissions` reads its cells, `grade` marks each exercise, `sandbox` runs its code under
`bubblewrap` with what `untrusted` holds, `results` keeps the outcome, `report` shows it with `class_statistics`,
`gradebook` gives it to nbgrader. `run` and `cluster` do that for a class; `escape_tests` try the sandbox beforehand.
"""
