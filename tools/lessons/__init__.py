"""Lesson sources (notebooks/source/NN_name.py) go in; the notebooks and the page of the equation ledger come out.

Read `source` and `solutions`, `equations`, `grades` (what a source may hold), then `outputs` (what an executed cell may
leave behind), and `build`, which calls them all.
"""
