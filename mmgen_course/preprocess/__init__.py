"""From raw pictures and captions to tensors that a network can read, and back.

`image` is derived in lesson 01_images, `text` in lesson 02_text; `batch` puts the two side by side.
"""
