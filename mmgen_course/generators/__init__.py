"""Noise, and a condition if there is one, go in; images come out. Read `gan` (lesson 07_gan), then `vae` (08_vae)."""
