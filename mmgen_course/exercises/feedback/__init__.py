"""A verdict goes in; what a person likes to read comes out, as HTML and as plain text."""

from mmgen_course.exercises.feedback.render import Feedback

__all__ = ["Feedback"]
