"""Feedback on an answer: a verdict as HTML for a notebook, and as plain text."""

from mmgen_course.exercises.feedback.render import Feedback

__all__ = ["Feedback"]
