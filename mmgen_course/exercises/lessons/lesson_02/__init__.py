"""The exercises of lesson 02_text, one a file."""
