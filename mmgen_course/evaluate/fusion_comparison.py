"""Is this caption true of this picture? Four fusions of equal size answer, trained and measured alike.

An experiment of lesson 06_shared_space; benchmarks/fusion.py runs all of it and writes data/results/fusion.csv.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from einops import rearrange
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from mmgen_course.features.classifier import load_classifier
from mmgen_course.features.encoders import region_features, word_features
from mmgen_course.features.glove import load_scene_vectors
from mmgen_course.fusion import Concat, CrossAttention, FiLM, Matcher, TextConvolution, text_share
from mmgen_course.fusion.shared_space import load_shared_space
from mmgen_course.fusion.text_encoder import TextEncoder
from mmgen_course.scenes import Scene, caption, render, splits
from mmgen_course.scenes.hard_negatives import Change, change_one, hard_negative_pairs, swap_one
from mmgen_course.train import TEST_SEED, minimise, seeded

WIDTHS: dict[str, tuple[Callable[[int, int, int], nn.Module], int]] = {
    "concat": (Concat, 108),
    "FiLM": (FiLM, 90),
    "convolution": (TextConvolution, 36),
    "cross-attention": (CrossAttention, 64),
}
"""The four fusions and how wide each is, so that each matcher has 25,000 parameters, give or take 2 %."""

HARD_NEGATIVES: dict[str, Change] = {"changed": change_one, "swapped": swap_one}
PAIRS, TESTED, STEPS, QUARTETS, RATE = 6000, 1000, 1500, 32, 5e-3
LONGEST = 40  # words


class Questions(NamedTuple):
    """P pairs of a scene and its hard negative, scenes 2i and 2i + 1: 2P pictures and 2P captions.

    Each pair asks four questions: either picture with either caption. So every picture, and every caption, is as often
    in a true question as in a false one, and whoever looks at one of the two alone can only guess.
    """

    regions: Float[Tensor, "two_p 16 48"]
    words: Float[Tensor, "two_p t 64"]
    mask: Bool[Tensor, "two_p t"]

    def quartets(self, i: Int[Tensor, " n"]) -> tuple[Int[Tensor, " m"], Int[Tensor, " m"], Bool[Tensor, " m"]]:
        """The 4N questions of N pairs: numbers of pictures and captions, and whether the caption is true.

        Example:
            >>> empty = Questions(torch.zeros(4, 16, 48), torch.zeros(4, 1, 64), torch.ones(4, 1).bool())
            >>> [column.tolist() for column in empty.quartets(torch.tensor([1]))]
            [[2, 2, 3, 3], [2, 3, 3, 2], [True, False, True, False]]
        """
        a, b = 2 * i, 2 * i + 1
        true = torch.tensor([True, False, True, False]).repeat_interleave(len(i))
        return torch.cat([a, a, b, b]), torch.cat([a, b, b, a]), true


@torch.no_grad()
def questions(pairs: Sequence[tuple[Scene, Scene]], encoder: TextEncoder, generator: torch.Generator) -> Questions:
    """Frozen features of pairs of scenes, a picture and a caption each: 4x4 regions, and words in their context.

    Example:
        >>> scenes, generator = splits()["train"], torch.Generator().manual_seed(0)
        >>> pairs = hard_negative_pairs(scenes, swap_one, 2, generator, held_out=False)
        >>> questions(pairs, TextEncoder().eval(), generator).regions.shape
        torch.Size([4, 16, 48])
    """
    trunk, vectors = load_classifier().trunk, load_scene_vectors()
    parts = []
    for start in range(0, len(pairs), 500):
        scenes = [scene for pair in pairs[start : start + 500] for scene in pair]
        regions = rearrange(region_features(render(scenes, generator=generator), trunk), "n (h w) c -> n c h w", h=8)
        words, mask = word_features([caption(scene, generator) for scene in scenes], vectors)
        room = LONGEST - mask.shape[1]
        words, mask = F.pad(encoder.in_context(words, mask), (0, 0, 0, room)), F.pad(mask, (0, room))
        parts.append((rearrange(F.avg_pool2d(regions, 2), "n c h w -> n (h w) c"), words, mask))
    return Questions(*map(torch.cat, zip(*parts, strict=True)))


def all_questions(
    seed: int = TEST_SEED, pairs: int = PAIRS, tested: int = TESTED
) -> tuple[Questions, dict[str, Questions]]:
    """The questions to train on, half of each kind, and those on held-out compositions, by kind.

    Example:
        >>> train, test = all_questions(pairs=2, tested=3)
        >>> len(train.mask), {kind: len(data.mask) for kind, data in test.items()}
        (8, {'changed': 6, 'swapped': 6})
    """
    generator, encoder = torch.Generator().manual_seed(seed), load_shared_space().text
    scenes = splits()
    seen = [
        pair
        for kind in HARD_NEGATIVES.values()
        for pair in hard_negative_pairs(scenes["train"], kind, pairs, generator, held_out=False)
    ]
    return questions(seen, encoder, generator), {
        name: questions(
            hard_negative_pairs(scenes["held_out_compositions"], kind, tested, generator, held_out=True),
            encoder,
            generator,
        )
        for name, kind in HARD_NEGATIVES.items()
    }


def build(fusion: str, seed: int) -> Matcher:
    """A matcher with random weights.

    Example:
        >>> {name: sum(weight.numel() for weight in build(name, 0).parameters()) for name in WIDTHS}
        {'concat': 24853, 'FiLM': 25069, 'convolution': 24961, 'cross-attention': 24705}
    """
    fuse, width = WIDTHS[fusion]
    return seeded(lambda: Matcher(fuse, regions=(16, 48), words=64, width=width), seed)


def train_matcher(
    matcher: Matcher, data: Questions, seed: int, steps: int = STEPS, shuffled: bool = False
) -> Iterator[float]:
    """Train on random quartets; yield the cross-entropy of each step in nats, mean over its 128 questions.

    With `shuffled`, captions change places within the batch while the answers stay: what can still be learned then
    does not come from the text.

    Example:
        >>> train, _ = all_questions(pairs=2, tested=1)
        >>> len(list(train_matcher(build("FiLM", 0), train, seed=0, steps=2)))
        2
    """
    generator = torch.Generator().manual_seed(seed)

    def one_batch() -> Tensor:
        chosen = torch.randint(len(data.mask) // 2, (QUARTETS,), generator=generator)
        picture, text, true = data.quartets(chosen)
        if shuffled:
            text = text[torch.randperm(len(text), generator=generator)]
        logits = matcher(data.regions[picture], data.words[text], data.mask[text])
        return F.binary_cross_entropy_with_logits(logits, true.float())

    return minimise(matcher, one_batch, steps, RATE)


@torch.no_grad()
def evaluate_matcher(matcher: Matcher, data: Questions) -> dict[str, float]:
    """The share of questions answered rightly, the same with captions shuffled, and how much of the output is the text.

    Example:
        >>> _, test = all_questions(pairs=2, tested=3)
        >>> evaluate_matcher(build("FiLM", 0), test["swapped"]).keys()
        dict_keys(['right', 'right with captions shuffled', 'text share'])
    """
    picture, text, true = data.quartets(torch.arange(len(data.mask) // 2))
    other = text[torch.randperm(len(text), generator=torch.Generator().manual_seed(TEST_SEED))]
    z, shuffled = (matcher.eval()(data.regions[picture], data.words[one], data.mask[one]) for one in (text, other))
    p = len(z) // 4
    plus, minus = torch.cat([z[:p], z[2 * p : 3 * p]]), torch.cat([z[p : 2 * p], z[3 * p :]])
    return {
        "right": ((z > 0) == true).double().mean().item(),
        "right with captions shuffled": ((shuffled > 0) == true).double().mean().item(),
        "text share": text_share(plus, minus),
    }
