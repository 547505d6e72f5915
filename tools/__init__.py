"""What makes the generated parts of the course, and nothing that a learner imports."""
