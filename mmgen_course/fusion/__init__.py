"""How two modalities meet: in one condition, in one space, or in a number that says how well they fit.

`attention` is derived in lesson 05_attention, the rest in lesson 06_shared_space.
"""

from mmgen_course.fusion.attention import MultiHeadAttention, SelfAttentionBlock, attention, causal_mask, position_code
from mmgen_course.fusion.conditions import (
    Concat,
    CrossAttention,
    FiLM,
    Matcher,
    TextConvolution,
    concat,
    film,
    text_convolution,
    text_share,
)
from mmgen_course.fusion.contrastive import (
    contrastive_gradient,
    contrastive_loss,
    cosine_similarity,
    info_nce,
    information_bound,
    modality_gap,
    ranks,
    recall_at_k,
    unit,
)
from mmgen_course.layers import masked_mean

__all__ = [
    "Concat",
    "CrossAttention",
    "FiLM",
    "Matcher",
    "MultiHeadAttention",
    "SelfAttentionBlock",
    "TextConvolution",
    "attention",
    "causal_mask",
    "concat",
    "contrastive_gradient",
    "contrastive_loss",
    "cosine_similarity",
    "film",
    "info_nce",
    "information_bound",
    "masked_mean",
    "modality_gap",
    "position_code",
    "ranks",
    "recall_at_k",
    "text_convolution",
    "text_share",
    "unit",
]
