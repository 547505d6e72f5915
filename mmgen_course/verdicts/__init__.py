"""A verdict goes in; what a person likes to read comes out, as HTML and as plain text."""

from mmgen_course.verdicts.shown import Shown

__all__ = ["Shown"]
