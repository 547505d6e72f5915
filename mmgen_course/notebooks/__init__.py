"""Notebooks: run one, read one that anybody wrote, slice its cells, and the register of the lessons."""
