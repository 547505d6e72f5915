"""Features: `cnn` and `backbone` for images, `glove` for words, `encoders` for both at once.

Lesson 03_cnn_features derives `cnn` and `classifier`, which reads a scene off its picture; lesson 04_glove_features
derives `glove`: `vectors` holds what it makes, `glove_text` reads and writes the files.
"""
