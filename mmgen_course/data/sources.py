"""What can be fetched on request: for each data set its files, for each file its addresses, size and hash.

Nothing here does anything; `fetch` reads it, and a test compares it with the data card.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Member:
    """A file inside an archive that is to be unpacked.

    Example:
        >>> Member("words.txt", size=12, sha256="ab" * 32).name
        'words.txt'
    """

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Remote:
    """A file on a server: any of its addresses gives the same bytes; of a zip, the members that are needed.

    Example:
        >>> Remote("words.zip", ("https://example.org/words.zip",), size=345, sha256="cd" * 32).members
        ()
    """

    name: str
    urls: tuple[str, ...]
    size: int
    sha256: str
    members: tuple[Member, ...] = ()


@dataclass(frozen=True)
class Source:
    """A data set that is fetched: what it is, under which licence, and its files.

    Example:
        >>> SOURCES["glove-6b"].licence
        'PDDL 1.0'
    """

    description: str
    licence: str
    files: tuple[Remote, ...]

    @property
    def size(self) -> int:
        """Bytes to download."""
        return sum(file.size for file in self.files)


def _fashion(name: str, size: int, sha256: str) -> Remote:
    # the author's repository; then the address in torchvision, plain http, which the hash makes safe
    urls = (
        f"https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/{name}",
        f"http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/{name}",
    )
    return Remote(name, urls, size, sha256)


# Sizes and hashes of Fashion-MNIST and CIFAR-10: github.com/tensorflow/datasets,
# tensorflow_datasets/url_checksums/fashion_mnist.txt and cifar10.txt.
FASHION_MNIST = (
    _fashion(
        "train-images-idx3-ubyte.gz",
        26_421_880,
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    ),
    _fashion(
        "train-labels-idx1-ubyte.gz",
        29_515,
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    ),
    _fashion(
        "t10k-images-idx3-ubyte.gz",
        4_422_102,
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    ),
    _fashion(
        "t10k-labels-idx1-ubyte.gz",
        5_148,
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
)
CIFAR_10 = Remote(
    "cifar-10-binary.tar.gz",
    ("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",),
    170_052_171,
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
)
# Hash of the zip: github.com/JuliaText/Embeddings.jl, src/glove.jl. Size and hash of its member:
# github.com/edmond00/Cathedral, tools/verify_models.ps1. The members of other dimensions stay packed.
GLOVE_6B = Remote(
    "glove.6B.zip",
    (
        "https://nlp.stanford.edu/data/glove.6B.zip",
        "https://huggingface.co/stanfordnlp/glove/resolve/main/glove.6B.zip",
    ),
    862_182_613,
    "617afb2fe6cbd085c235baf7a465b96f4112bd7f7ccb2b2cbd649fed9cbcf2fb",
    members=(
        Member(
            "glove.6B.100d.txt",
            347_116_733,
            "95dde4dfd627ab26608d33e76d1195ec059734bd29089ea52cadb08d07c64544",
        ),
    ),
)
# timm's copy of torchvision's ResNet18_Weights.IMAGENET1K_V1 as safetensors; torchvision's own file is a pickle.
# Size and hash: github.com/bkc39/rktorch, vision/weights.rkt. The same hash, after a comparison of all values with
# torchvision's: github.com/denislabs/mojo-rl, tests/nn/test_resnet18_hub_weights.mojo.
RESNET_18 = Remote(
    "resnet18.tv_in1k.safetensors",
    (
        "https://huggingface.co/timm/resnet18.tv_in1k/resolve/bbd144b3e5565108aad885f145491d11bc6ce807/model.safetensors",
        "https://huggingface.co/timm/resnet18.tv_in1k/resolve/main/model.safetensors",
    ),
    46_807_446,
    "694f673df6520a3158624e8a89af086f59923ee4cd7436fe5bc3bc71d295ad81",
)

SOURCES = {
    "fashion-mnist": Source("70,000 grey photos of clothes, 28x28, in 10 classes", "MIT", FASHION_MNIST),
    "cifar-10": Source("60,000 colour photos, 32x32, in 10 classes", "not stated", (CIFAR_10,)),
    "glove-6b": Source("word vectors of 400,000 words, 100 numbers each", "PDDL 1.0", (GLOVE_6B,)),
    "resnet-18": Source("weights of ResNet-18, trained on the photographs of ImageNet", "BSD-3-Clause", (RESNET_18,)),
}
