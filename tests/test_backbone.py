import hashlib
import re
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision.models import ResNet18_Weights, resnet18
from torchvision.models.feature_extraction import create_feature_extractor

from mmgen_course import scenes
from mmgen_course.data import errors, sources
from mmgen_course.data.sources import SOURCES
from mmgen_course.features import backbone as module
from mmgen_course.features.backbone import IMAGENET_MEAN, IMAGENET_STD, backbone, resnet_18, small_backbone
from mmgen_course.features.classifier import load_classifier
from mmgen_course.preprocess.image import resize


def images(n=2, size=64, seed=0):
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache without files, and no way to the network."""
    monkeypatch.setenv("MMGEN_DATA", str(tmp_path / "cache"))

    def offline(name):
        raise errors.Offline(name, "a connection", "none", "You are offline.")

    monkeypatch.setattr(module, "fetch", offline)
    return tmp_path / "cache"


@pytest.fixture
def published(cache, monkeypatch):
    """A ResNet-18 of random weights, in a file as timm publishes it: with its hash, in the cache."""
    torch.manual_seed(0)
    network = resnet18().eval()
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):  # running statistics that are not just 0 and 1
            layer.running_mean.normal_(0, 0.1)
            layer.running_var.uniform_(0.5, 2)
    remote = SOURCES["resnet-18"].files[0]
    path = cache / "resnet-18" / remote.name
    path.parent.mkdir(parents=True)
    save_file(network.state_dict(), path)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    source = replace(SOURCES["resnet-18"], files=(replace(remote, sha256=sha256, size=path.stat().st_size),))
    monkeypatch.setitem(SOURCES, "resnet-18", source)
    return network, path


def test_resnet_18_gives_torchvision_s_features_from_before_the_classifier(published):
    theirs, _ = published
    network, x = backbone(), images(3, 96)
    assert (network.name, network.dim) == ("ResNet-18", 512)
    assert re.search("^ResNet-18, .*512 features", network.said)
    normalised = ResNet18_Weights.DEFAULT.transforms(crop_size=96, resize_size=96)((x + 1) / 2)
    with torch.no_grad():
        logits = theirs(normalised)
        layers = create_feature_extractor(theirs, ["layer4", "flatten"])(normalised)
        theirs.fc = nn.Identity()
        beheaded = theirs(normalised)
    features, maps = network.features(x), network.maps(x)
    torch.testing.assert_close(features, beheaded, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(features, layers["flatten"], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(maps, layers["layer4"], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(maps.mean((2, 3)), features)
    assert logits.shape == (3, 1000)
    assert features.shape == (3, 512)
    assert (features >= 0).all()


def test_the_weights_promised_are_torchvision_s_default_and_so_are_mean_and_std():
    assert ResNet18_Weights.DEFAULT is ResNet18_Weights.IMAGENET1K_V1
    transforms = ResNet18_Weights.DEFAULT.transforms()
    assert (tuple(transforms.mean), tuple(transforms.std)) == (IMAGENET_MEAN, IMAGENET_STD)
    (remote,) = sources.SOURCES["resnet-18"].files
    numbers = sum(value.numel() * value.element_size() for value in resnet18().state_dict().values())
    assert 0 < remote.size - numbers < 20_000  # the rest is the head of the file: names, shapes, offsets
    assert remote.name.endswith(".safetensors")


@pytest.mark.parametrize(("size", "rows"), [(224, 7), (256, 8), (96, 3), (100, 4)])
def test_both_networks_cut_a_picture_into_the_same_regions(published, size, rows):
    for network in (resnet_18(), small_backbone()):
        assert network.maps(images(1, size)).shape == (1, network.dim, rows, rows)


@pytest.mark.parametrize("make", [resnet_18, small_backbone])
def test_a_backbone_does_not_learn_but_lets_gradients_through_to_its_images(published, make):
    network = make()
    x = images(1).requires_grad_()
    network.features(x).sum().backward()
    assert x.grad.abs().sum() > 0
    one_by_one = torch.cat([network.features(image[None]) for image in images(3)])
    torch.testing.assert_close(network.features(images(3)), one_by_one, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("make", [resnet_18, small_backbone])
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (torch.zeros(1, 1, 64, 64), r"\(N, 3, H, W\), got \(1, 1, 64, 64\)"),
        (torch.full((1, 3, 64, 64), 2.6), r"\[-1, 1\], got \[2\.6, 2\.6\]: ImageNet's mean and std"),
        (torch.full((1, 3, 64, 64), torch.nan), r"got \[nan, nan\]"),
    ],
)
def test_images_of_another_shape_or_range_are_refused(published, make, wrong, message):
    for use in (make().maps, make().features):
        with pytest.raises(ValueError, match=message):
            use(wrong)


def test_the_small_network_is_the_recogniser_s_trunk_on_a_picture_an_eighth_as_large():
    network, x = small_backbone(), images(2, 256)
    with torch.no_grad():
        expected = load_classifier().trunk(resize(x, 32))
    torch.testing.assert_close(network.features(x), expected)
    assert (network.name, network.dim) == ("SmallCNN", 48)
    assert network.said == "The course's small network, trained on scenes: 48 features from before its classifier."


def test_scenes_of_256_pixels_look_to_the_small_network_as_scenes_of_32_did():
    drawn = [scenes.parse(f"a large {colour} star").complete() for colour in ("red", "blue", "green")]
    large, small = scenes.render(drawn, size=256), scenes.render(drawn, size=32)
    with torch.no_grad():
        expected = load_classifier().trunk(small)
    far = torch.cdist(small_backbone().features(large), expected)
    assert (far.argmin(1) == torch.arange(3)).all()


def test_without_the_weights_the_small_network_says_how_to_get_them():
    network = backbone()
    assert network.dim == 48
    assert re.search(r"^ResNet-18 is not used: .*no such file.*mmgen data fetch resnet-18 \(47 MB\)", network.said)
    assert network.said.endswith(small_backbone().said)
    with pytest.raises(errors.MissingFile):
        resnet_18()


def test_no_download_is_tried_unless_it_is_asked_for(monkeypatch):
    asked = []

    def fake(name):
        asked.append(name)
        raise errors.Offline(name, "a connection", "none", "You are offline.")

    monkeypatch.setattr(module, "fetch", fake)
    backbone()
    assert asked == []
    assert re.search("expected a connection, got none. You are offline", backbone(download=True).said)
    assert asked == ["resnet-18"]


def test_what_a_download_brings_is_used(published, cache, monkeypatch):
    path = published[1]
    kept = path.read_bytes()
    path.unlink()
    assert backbone().dim == 48

    def fake(name):
        path.write_bytes(kept)
        return cache / name

    monkeypatch.setattr(module, "fetch", fake)
    assert backbone(download=True).dim == 512
    assert backbone().dim == 512  # it stays


def test_a_damaged_file_is_refused_and_the_small_network_says_so(published):
    path = published[1]
    changed = bytearray(path.read_bytes())
    changed[-1] ^= 1
    path.write_bytes(changed)
    with pytest.raises(errors.WrongHash):
        resnet_18()
    network = backbone()
    assert network.dim == 48
    assert re.search(r"ResNet-18 is not used: .*expected sha256 .*, got [0-9a-f]{64}", network.said)


def test_weights_of_another_network_are_refused_although_their_hash_is_right(published, monkeypatch):
    path = published[1]
    save_file({"conv1.weight": torch.zeros(1)}, path)
    remote = replace(SOURCES["resnet-18"].files[0], sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    monkeypatch.setitem(SOURCES, "resnet-18", replace(SOURCES["resnet-18"], files=(remote,)))
    assert re.search("conv1.weight", backbone().said)
    with pytest.raises(errors.WrongWeights):
        resnet_18()


def test_a_fault_that_is_not_of_the_data_is_raised(published, monkeypatch):
    def broken(*_):
        raise RuntimeError("a bug")

    monkeypatch.setattr(module, "load_weights", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        backbone()
