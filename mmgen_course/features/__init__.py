"""Tensors go in, features come out: `glove` turns words into vectors.

`glove` is derived in lesson 04_glove_features; `vectors` holds what it makes, `glove_text` reads and writes the files.
"""
