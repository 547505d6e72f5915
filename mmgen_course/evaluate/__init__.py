"""How good is a generator? Metrics of generated pictures, or of features of them, each with its interval.

Each metric is one function, derived and cheated in lesson 09_evaluation. Those that can be gathered from batches have
an `_update` and a `_compute` half. Read `intervals`, `image_features`, then the metrics in the order below.
"""

from mmgen_course.evaluate.diversity import diversity, r_precision
from mmgen_course.evaluate.image_features import classifier_features, coarse_pixels
from mmgen_course.evaluate.intervals import Estimate, deal, jackknife, mean, share, wilson
from mmgen_course.evaluate.kernels import kid, kid_blocks, mmd2, polynomial_kernel
from mmgen_course.evaluate.match import (
    CLASSIFIER_ERROR,
    Match,
    MatchCounts,
    caption_match,
    match_compute,
    match_update,
    widened,
)
from mmgen_course.evaluate.memorisation import Memorisation, auc, mann_whitney, memorisation
from mmgen_course.evaluate.moments import (
    Fid,
    Moments,
    fid,
    fid_compute,
    fid_update,
    frechet_distance,
)
from mmgen_course.evaluate.neighbours import (
    DensityCoverage,
    PrecisionRecall,
    density_coverage,
    expected_coverage,
    nearest,
    precision_recall,
    radii,
)
from mmgen_course.fusion import ranks, recall_at_k

__all__ = [
    "CLASSIFIER_ERROR",
    "DensityCoverage",
    "Estimate",
    "Fid",
    "Match",
    "MatchCounts",
    "Memorisation",
    "Moments",
    "PrecisionRecall",
    "auc",
    "caption_match",
    "classifier_features",
    "coarse_pixels",
    "deal",
    "density_coverage",
    "diversity",
    "expected_coverage",
    "fid",
    "fid_compute",
    "fid_update",
    "frechet_distance",
    "jackknife",
    "kid",
    "kid_blocks",
    "mann_whitney",
    "match_compute",
    "match_update",
    "mean",
    "memorisation",
    "mmd2",
    "nearest",
    "polynomial_kernel",
    "precision_recall",
    "r_precision",
    "radii",
    "ranks",
    "recall_at_k",
    "share",
    "widened",
    "wilson",
]
