"""The exercises of lesson 01_images, one a file."""
