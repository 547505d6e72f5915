"""Weights on disk: a model goes in, a safetensors file comes out, and back; nothing is ever unpickled.

Lesson 03_cnn_features loads the first; every later lesson that needs a trained model does.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from mmgen_course.data.atomic import replacing
from mmgen_course.data.errors import CannotWrite, DamagedWeights, MissingFile, WrongWeights

ABOUT = "about"  # one key of metadata: safetensors writes several in no fixed order


def save_weights(model: nn.Module, path: str | Path, about: Mapping[str, object] | None = None) -> None:
    """Write a model's weights as one safetensors file; a kill half-way leaves what was there before.

    Args:
        model: its `state_dict` is written.
        path: the file; its folder is made if need be.
        about: how the weights came to be and what was measured, kept in the file as JSON.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_weights(nn.Linear(2, 1), Path(folder, "line.safetensors"), {"steps": 3})
        ...     load_weights(nn.Linear(2, 1), Path(folder, "line.safetensors"))
        {'steps': 3}
    """
    write_tensors(model.state_dict(), path, about or {})


def load_weights(model: nn.Module, path: str | Path) -> dict[str, object]:
    """Put the weights of a file into a model, all or none, and return what the file says about them.

    Raises:
        MissingFile: there is no such file.
        DamagedWeights: it is no safetensors file (a pickle, say), or it was cut.
        WrongWeights: tensors are missing, left over, of another shape or type, or not finite; all are listed. A buffer
            may be infinite, as a mask of attention is; a parameter may not.

    Example:
        >>> load_weights(nn.Linear(2, 1), "no.safetensors")
        Traceback (most recent call last):
        mmgen_course.data.errors.MissingFile: no.safetensors: expected weights, got no such file. Train them first.
    """
    got, about = read_tensors(path)
    if faults := _faults(model, got):
        raise WrongWeights(path, "the weights of this model", "faults", faults, "Give the file of this model.")
    model.load_state_dict(got)
    return about


def write_tensors(tensors: Mapping[str, Tensor], path: str | Path, about: Mapping[str, object]) -> None:
    """Write tensors by name and a JSON note about them as one file, whole or not at all.

    Raises:
        CannotWrite: the disk is full, say; then the file is what it was.

    Example:
        >>> import tempfile
        >>> import torch
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_tensors({"x": torch.ones(2)}, Path(folder, "x"), {"step": 3})
        ...     read_tensors(Path(folder, "x"))
        ({'x': tensor([1., 1.])}, {'step': 3})
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        # copies, because safetensors refuses tensors that share their storage, as tied weights do
        whole = {name: value.detach().cpu().clone().contiguous() for name, value in tensors.items()}
        try:
            save_file(whole, partial, {ABOUT: json.dumps(about, sort_keys=True)})
        except SafetensorError as error:  # its word for what the disk says
            kept = "what was there before is still there" if path.exists() else "nothing was written"
            got = f"'{error}'; {kept}"
            raise CannotWrite(path, "to write the weights", got, "Make room, or choose another folder.") from error


def read_tensors(path: str | Path) -> tuple[dict[str, Tensor], dict[str, object]]:
    """Read what `write_tensors` wrote: the tensors, on the CPU, and the note.

    Raises:
        MissingFile: there is no such file.
        DamagedWeights: it is no safetensors file (a pickle, say), or it was cut.
    """
    if not Path(path).is_file():
        raise MissingFile(path, "weights", "no such file", "Train them first.")
    try:
        with safe_open(path, framework="pt") as file:
            got = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - `file` is no dict
            about = json.loads((file.metadata() or {}).get(ABOUT, "{}"))
    except (SafetensorError, ValueError) as error:
        remedy = "Get it again; a .pt file is a pickle, which can run code: save it as safetensors where it was made."
        raise DamagedWeights(path, "a whole safetensors file", f"'{error}'", remedy) from error
    return got, about


def _faults(model: nn.Module, got: Mapping[str, Tensor]) -> list[str]:
    wanted, buffers = model.state_dict(), {name for name, _ in model.named_buffers()}
    faults = [f"{name} missing" for name in wanted.keys() - got.keys()]
    faults += [f"{name} left over" for name in got.keys() - wanted.keys()]
    for name in wanted.keys() & got.keys():
        want, value = wanted[name], got[name]
        if (want.shape, want.dtype) != (value.shape, value.dtype):
            sizes = " for ".join(f"{tuple(one.shape)} {one.dtype}" for one in (value, want))
            faults.append(f"{name} {sizes}")
        elif value.isnan().any() or (name not in buffers and value.isinf().any()):
            faults.append(f"{name} not finite")
    return sorted(faults)
