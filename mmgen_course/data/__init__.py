"""Opens files, and nothing after this does: samples with captions from disk, and data sets from the network.

Lists of `Sample` (id, RGB image, caption), with which lessons 00 to 02 begin; `captioned_scenes` draws fresh ones.
"""

from mmgen_course.data.errors import DataError, Offline
from mmgen_course.data.fetch import cache_folder, datasets, fetch
from mmgen_course.data.images import read_image
from mmgen_course.data.pairs import Sample, read_pairs
from mmgen_course.data.real import cifar_10, digits, fashion_mnist, photographs
from mmgen_course.data.registry import ROOT, shipped, shipped_scenes, verify

__all__ = [
    "ROOT",
    "DataError",
    "Offline",
    "Sample",
    "cache_folder",
    "cifar_10",
    "datasets",
    "digits",
    "fashion_mnist",
    "fetch",
    "photographs",
    "read_image",
    "read_pairs",
    "shipped",
    "shipped_scenes",
    "verify",
]
