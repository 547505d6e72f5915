"""The exercises of lesson 04_glove_features, one a file."""
