"""The exercises of lesson 03_cnn_features, one a file."""
