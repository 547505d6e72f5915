"""Generators of images: their losses and their networks. Read `gan` (lesson 07_gan), then `vae` (08_vae)."""
