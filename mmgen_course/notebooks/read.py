"""Reads the source of the code cells from a notebook's bytes, whoever wrote them, or says why that cannot be.

Nothing of it is executed, and nothing but the code of the cells is believed: no metadata, no output, no kernel.
"""

import json
from typing import Any

MOST_BYTES = 20_000_000
MOST_CELLS = 5_000
MOST_CODE = 2_000_000  # bytes of JSON, in which it travels: letters beyond ASCII take 6 or 12


class Refused(ValueError):
    """The file cannot be graded; the sentence says why and what to do."""


def code_cells(content: bytes) -> list[str]:
    """The source of every code cell of a notebook of nbformat 4.

    Example:
        >>> code_cells(b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": ["x = 1\\\\n", "y = 2"]}]}')
        ['x = 1\\ny = 2']
    """
    notebook = _parsed(content)
    if not isinstance(notebook, dict):
        raise Refused(f"a notebook is a JSON object; this is a {type(notebook).__name__}")
    version = notebook.get("nbformat")
    if version != 4:
        advice = "open it in JupyterLab and save it again" if version in (1, 2, 3) else "save it from JupyterLab 4"
        raise Refused(f"expected nbformat 4; got {version!r:.40}: {advice}")
    cells = notebook.get("cells")
    if not isinstance(cells, list) or len(cells) > MOST_CELLS:
        raise Refused(f"expected a list of at most {MOST_CELLS} cells")
    code = [cell for cell in cells if isinstance(cell, dict) and cell.get("cell_type") == "code"]
    sources = [_source(cell.get("source")) for cell in code]
    if (size := len(json.dumps(sources))) > MOST_CODE:
        raise Refused(f"{size:,} bytes of code; at most {MOST_CODE:,}: read data from a file, not from a cell")
    return sources


def _source(source: Any) -> str:
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str):
        raise Refused("the source of a code cell is no text")
    return source


def _parsed(content: bytes) -> Any:
    if len(content) > MOST_BYTES:
        raise Refused(f"{len(content):,} bytes; at most {MOST_BYTES:,}: clear the outputs and save again")
    if not content.strip():
        raise Refused("the file is empty: save the notebook and hand it in again")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused(f"not UTF-8 at byte {error.start}: save it from JupyterLab, not from an editor") from None
    try:
        # NaN and Infinity are no JSON, but Python writes them into outputs, which nobody believes
        return json.loads(text, object_pairs_hook=_without_duplicates)
    except Refused:
        raise
    except RecursionError:
        raise Refused("nested too deeply to be a notebook") from None
    except json.JSONDecodeError as error:
        raise Refused(f"not JSON at line {error.lineno}, column {error.colno}: {error.msg}") from None
    except ValueError as error:  # a number of a million digits
        raise Refused(f"not JSON: {error}") from None


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise Refused(f"the name {name!r:.40} stands twice in one JSON object")
        found[name] = value
    return found
