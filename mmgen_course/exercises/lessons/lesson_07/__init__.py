"""The exercises of lesson 07_gan, one a file."""
