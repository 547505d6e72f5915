"""The exercises of each lesson with their references: a module or two a lesson, `EXERCISES` in each.

Where untrusted answers run, this folder is empty: nothing outside it holds a right answer of an exercise.
"""
