"""Grades a class's untrusted notebooks: a folder of them goes in, a result, a report and feedback for each come out.

The way of a submission: `submissions` reads its cells, `judge` asks for each exercise, `sandbox` runs its code behind
`walls` and `inside` them, `results` keeps what came of it, `report` shows it, `gradebook` gives it to nbgrader. `run`
and `cluster` do that for a class.
"""
