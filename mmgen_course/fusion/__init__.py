"""Features of two modalities go in; one condition, or one number that says how well they fit, comes out.

`attention` is derived in lesson 05_attention, the rest in lesson 06_shared_space.
"""

from mmgen_course.fusion.attention import MultiHeadAttention, attention, causal_mask, position_code

__all__ = ["MultiHeadAttention", "attention", "causal_mask", "position_code"]
