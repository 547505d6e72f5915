"""The box that draws a reader's sentence: the painter and the package's words go in, what its page loads comes out.

The painter becomes an ONNX file, which onnxruntime-web runs (`vendor`). The lists of words, phrases and sentences
are the package's own, so that the page reads a caption as `scenes.parse` does.
"""

import base64
import json
import logging
import shutil
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from mmgen_course.data.atomic import replacing
from mmgen_course.features.glove import load_scene_vectors
from mmgen_course.generators.vae_nets import by_numbers
from mmgen_course.notebooks.run import ROOT
from mmgen_course.pipeline import OutsideTheWorld
from mmgen_course.recipes.text_to_image import LATENTS, load_painter
from mmgen_course.scenes import BACKGROUNDS, RELATIONS, TRAINING_WORDS, UnknownWords, parsing, words, world
from tools.book.cache import stamp
from tools.book.vendor import ONNX_RUNTIME, vendor

SOURCE = ROOT / "book/caption"
PLACE = "caption"  # of what the page loads, as the page sees it
PICTURES, SIZE = 4, 128  # drawn at a time, and how many pixels high and wide
LONGEST = 64  # words of a caption
PIECE = 3_000_000  # characters of a script in parts/: after each, the page tells how far it is
MADE = "// made by tools/book/caption.py\n"


class OnPage(nn.Module):
    """The shipped painter as the page calls it: noise and the ids of words -> pictures and where their regions looked.

    Example:
        >>> ids, mask = torch.zeros(PICTURES, 5, dtype=torch.int32), torch.ones(PICTURES, 5).bool()
        >>> images, looked = OnPage()(torch.zeros(PICTURES, LATENTS), ids, mask)
        >>> images.shape, looked.shape
        (torch.Size([4, 3, 128, 128]), torch.Size([4, 5, 8, 8]))
    """

    enlarge: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.painter = load_painter()
        self.vectors = nn.Embedding.from_pretrained(load_scene_vectors().matrix)
        # bicubic interpolation is linear: a matrix for the rows and one for the columns, far faster in onnxruntime
        rows = F.interpolate(torch.eye(32)[None, None], size=(SIZE, 32), mode="bicubic")
        self.register_buffer("enlarge", rows[0, 0])
        self.requires_grad_(False).eval()

    def forward(self, z: Tensor, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """As `pipeline.draw`: z (N, latents), ids and mask (N, T) -> (N, 3, size, size) and (N, T, 8, 8)."""
        read = self.painter.read(self.vectors(ids) * mask[..., None], mask)
        scores, colours, asked = self.painter.layers(z, read)
        scores = self.enlarge @ scores @ self.enlarge.T  # (N, K, size, size), and steeper, as in `by_numbers`
        looked = rearrange(asked[-1].mean(dim=1), "n (row column) t -> n t row column", row=self.painter.SIDE)
        return by_numbers(SIZE // 32 * scores, colours).clamp(-1, 1), looked


def exported() -> bytes:
    """The painter as an ONNX file, for `PICTURES` pictures at a time and captions of 2 to `LONGEST` words."""
    ids, mask = torch.ones(PICTURES, 7, dtype=torch.int32), torch.ones(PICTURES, 7, dtype=torch.bool)
    length = {1: torch.export.Dim("t", min=2, max=LONGEST)}
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    # the package's checks of arguments look at values and shapes, which an exported graph does not have yet
    unchecked = patch("mmgen_course.fusion.attention._check"), patch("mmgen_course.generators.painter.sentence", _mean)
    with unchecked[0], unchecked[1], warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter, about itself
        program = torch.onnx.export(
            OnPage(),
            (torch.zeros(PICTURES, LATENTS), ids, mask),
            dynamo=True,
            dynamic_shapes=({}, length, length),
            input_names=["z", "ids", "mask"],
            output_names=["images", "looked"],
            verbose=False,
        )
    assert program is not None  # it is with dynamo=False alone
    return program.model_proto.SerializeToString()


def _mean(vectors: Tensor, mask: Tensor) -> Tensor:
    """`fusion.sentence` for captions that have a word."""
    return vectors.masked_fill(~mask[..., None], 0).sum(dim=1) / mask.sum(dim=1, keepdim=True)


def language() -> dict[str, Any]:
    """What the page knows of words: the tables and patterns that the package reads and writes captions by.

    Example:
        >>> language()["meanings"]["crimson"]
        ['colour', 'red']
    """
    tables = {
        "meanings": words.MEANINGS,
        "knownWords": sorted(parsing.KNOWN_WORDS),
        "phrases": [(letter, _javascript(pattern)) for letter, pattern in parsing._PHRASES.items()],
        "sentences": [_javascript(sentence.pattern) for sentence in parsing._SENTENCES],
        "attributes": list(world.ATTRIBUTES.items()),  # pairs: their order counts
        "backgrounds": BACKGROUNDS,
        "relations": RELATIONS,
        "alone": world.ALONE,
        "pairPlaces": world.PLACES,
        "words": TRAINING_WORDS,
        "openings": words.OPENINGS,
        "thingBefore": words.THING_BEFORE,
        "thingBehind": words.THING_BEHIND,
        "places": words.PLACES,
        "pairs": words.PAIRS,
        "grounds": words.GROUNDS,
        "outside": str(OutsideTheWorld(["x"])).removeprefix(str(UnknownWords(["x"]))),
        "ids": load_scene_vectors().index,
        "pictures": PICTURES,
        "latents": LATENTS,
        "size": SIZE,
    }
    return json.loads(json.dumps(tables))  # tuples become lists, as they will be in the page


def _javascript(pattern: str) -> str:
    return pattern.replace("(?P<", "(?<")


def write_scripts(folder: Path, cache: Path) -> None:
    """Write what the page of the box loads into `folder`/caption; `folder` is what the page lies in.

    The painter is exported where `cache` does not have it yet.
    """
    module, wasm = vendor(ONNX_RUNTIME)
    out = folder / PLACE
    (out / "parts").mkdir(parents=True)
    parts = []
    for name, file in (("module", module), ("wasm", wasm), ("painter", painter(cache))):
        text = base64.b64encode(file.read_bytes()).decode()
        for number, start in enumerate(range(0, len(text), PIECE)):
            path = out / f"parts/{name}-{number}.js"
            path.write_text(f'{MADE}deliver("{name}", "{text[start : start + PIECE]}");\n', "utf-8", newline="\n")
            parts.append((path.relative_to(folder).as_posix(), path.stat().st_size))
    tables = json.dumps({**language(), "parts": parts}, indent=1)
    (out / "language.js").write_text(f'{MADE}"use strict";\nconst LANGUAGE = {tables};\n', "utf-8", newline="\n")
    for path in (*SOURCE.glob("*.js"), *SOURCE.glob("*.css")):
        shutil.copy(path, out)


def painter(cache: Path) -> Path:
    """The ONNX file in `cache`, made anew where anything changed that it is made of."""
    file = cache / f"painter-{stamp(*map(version, ('torch', 'onnx', 'onnxscript')))}.onnx"
    if not file.exists():
        shutil.rmtree(cache, ignore_errors=True)
        cache.mkdir(parents=True)
        with replacing(file) as partial:
            partial.write_bytes(exported())
    return file
