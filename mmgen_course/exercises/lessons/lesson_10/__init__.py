"""The exercises of lesson 10_text_to_image, one a file."""
