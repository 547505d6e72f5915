"""The exercises of lesson 15_formulas_that_look_right, one a file."""
