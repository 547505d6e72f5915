"""Keeps pytest from importing sitecustomize.py, which would block the sockets of the tests themselves."""

collect_ignore = ["sitecustomize.py"]
