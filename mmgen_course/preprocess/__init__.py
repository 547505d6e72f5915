"""Raw pictures and captions go in; tensors that a network can read come out, and the way back is here too.

`image` is derived in lesson 01_images, `text` in lesson 02_text; `batch` puts the two side by side.
"""
