"""The notebooks of the course: running them, reading them, and the statements that one function of them needs."""
