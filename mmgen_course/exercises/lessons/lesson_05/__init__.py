"""The exercises of lesson 05_attention, one a file."""
