"""Pictures (N, 3, H, W) in [-1, 1] go in; features come out of a network that others, or you, have trained before.

ResNet-18 (512 features) where its weights are on this machine, else the trunk of the course's classifier (48
features): one interface, and it says which. Shown in lesson 03_cnn_features.
"""

from collections.abc import Callable
from dataclasses import dataclass

from einops import reduce
from jaxtyping import Float
from torch import Tensor, nn

from mmgen_course.data import cache_folder, fetch
from mmgen_course.data.errors import DataError, MissingFile
from mmgen_course.data.registry import check_hash
from mmgen_course.data.sources import SOURCES
from mmgen_course.data.weights import load_weights
from mmgen_course.features.classifier import load_classifier
from mmgen_course.preprocess.image import denormalise, normalise, resize

RESNET_18 = "resnet-18"
"""The name of its weights, as in `mmgen data fetch resnet-18`."""

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of red, green and blue in [0, 1]: what ResNet-18 was trained with (lesson 01_images)."""

ROUNDING = 1e-5  # by which resizing may leave the range
SHRINK = 8  # a scene of 256 pixels becomes one of 32, the size that the classifier was trained on


@dataclass(frozen=True)
class Backbone:
    """A trained network without its classifier; it does not learn, but passes gradients to its images.

    Attributes:
        name: "ResNet-18" or "SmallCNN".
        dim: how many features there are, 512 or 48.
        said: a sentence for the reader: which network this is, and if it is the small one, why.
    """

    name: str
    dim: int
    said: str
    _regions: Callable[[Tensor], Tensor]

    def maps(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d rows columns"]:
        """Features >= 0 of each region, one for every 32x32 pixels: (N, dim, H / 32, W / 32), rounded up.

        Args:
            images: in [-1, 1]; each network gets from this the range that it was trained with.

        Raises:
            ValueError: not three channels, or values outside [-1, 1].
        """
        if images.shape[1] != 3:
            raise ValueError(f"expected images (N, 3, H, W), got {tuple(images.shape)}")
        if not bool((images.abs() <= 1 + ROUNDING).all()):  # NaN is outside, too
            got = f"[{images.min().item():.3g}, {images.max().item():.3g}]"
            raise ValueError(f"expected values in [-1, 1], got {got}: ImageNet's mean and std are applied inside")
        return self._regions(images)

    def features(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d"]:
        """Features >= 0 of each whole picture, (N, dim): the mean over regions, from before any classifier.

        Raises:
            ValueError: see `maps`.

        Example:
            >>> import torch
            >>> network = backbone()
            >>> network.features(torch.zeros(2, 3, 64, 64)).shape == (2, network.dim)
            True
        """
        return reduce(self.maps(images), "n d rows columns -> n d", "mean")


def backbone(download: bool = False) -> Backbone:
    """ResNet-18, if its weights are on this machine, else the course's small network; `said` says which and why.

    Args:
        download: whether to fetch the weights first, 47 MB; without it no connection is tried.

    Example:
        >>> backbone().dim in (512, 48)
        True
    """
    try:
        return resnet_18(download)
    except DataError as fault:
        return small_backbone(f"ResNet-18 is not used: {fault}")


def resnet_18(download: bool = False) -> Backbone:
    """ResNet-18 with the weights of torchvision's `ResNet18_Weights.DEFAULT`, without its classifier.

    The weights come as a safetensors file, whose hash is checked before it is opened; torchvision's own file of the
    same weights, resnet18-f37072fd.pth, is a pickle, and the course opens none. Images in [-1, 1] are taken to
    [0, 1], then normalised by `IMAGENET_MEAN` and `IMAGENET_STD`.

    Raises:
        MissingFile: the weights are not on this machine, and no download was asked for.
        WrongHash: the file on this machine was changed.
        DataError: the download failed; `mmgen_course.data.fetch` lists how.

    Source: He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition" (2015), arXiv 1512.03385.

    Example:
        >>> from contextlib import suppress
        >>> with suppress(MissingFile):  # where the weights have not been fetched
        ...     assert resnet_18().dim == 512
    """
    from torchvision.models import resnet18  # takes a second

    (remote,) = SOURCES[RESNET_18].files
    path = (fetch(RESNET_18) if download else cache_folder() / RESNET_18) / remote.name
    remedy = f"Get it: mmgen data fetch {RESNET_18} ({remote.size / 1e6:.0f} MB)."
    if not path.is_file():
        raise MissingFile(remote.name, "the weights on this machine", "no such file", remedy)
    check_hash(path, remote.sha256, remedy)
    network = resnet18()
    load_weights(network, path)
    layers = dict(network.named_children())
    dim = layers.pop("fc").in_features
    layers.pop("avgpool")  # `Backbone.features` takes the mean
    trunk = _frozen(nn.Sequential(*layers.values()))

    def regions(images: Tensor) -> Tensor:
        return trunk(normalise(denormalise(images), IMAGENET_MEAN, IMAGENET_STD))

    said = f"ResNet-18, trained on the photographs of ImageNet: {dim} features from before its classifier."
    return Backbone("ResNet-18", dim, said, regions)


def small_backbone(why: str = "") -> Backbone:
    """The trunk of the course's classifier behind the same interface; it ships, so it is always there.

    It learned on scenes of 32 pixels and never saw a photograph. Pictures are shrunk eightfold first, so that a
    region is 32x32 pixels as in ResNet-18, and a scene drawn at 256 pixels looks as those did.

    Args:
        why: a sentence that is put before what it says of itself.

    Example:
        >>> import torch
        >>> network = small_backbone()
        >>> network.maps(torch.zeros(1, 3, 256, 256)).shape
        torch.Size([1, 48, 8, 8])
    """
    trunk = load_classifier().trunk
    _frozen(trunk)

    def regions(images: Tensor) -> Tensor:
        height, width = (-(-side // SHRINK) for side in images.shape[-2:])
        return trunk.maps(resize(images, (height, width)))

    said = f"The course's small network, trained on scenes: {trunk.dim} features from before its classifier."
    return Backbone("SmallCNN", trunk.dim, f"{why} {said}".strip(), regions)


def _frozen(network: nn.Module) -> nn.Module:
    return network.eval().requires_grad_(False)
