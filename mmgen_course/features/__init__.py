"""Tensors go in, features come out: `cnn` and `backbone` for images, `glove` for words, `encoders` for both at once.

Lesson 03_cnn_features derives `cnn` and `recogniser`, which reads a scene off its picture; lesson 04_glove_features
derives `glove`: `vectors` holds what it makes, `glove_text` and `glove_lines` read and write the files.
"""
