"""Every fault that data can have, by name; each says which file, what was expected, what came, what to do."""

from collections.abc import Sequence

SHOWN = 10  # of a long list; the rest is counted, and all of it stands in `.items`


class DataError(ValueError):
    """A fault in data; catch this one to catch them all.

    Example:
        >>> print(DataError("cat.png", "a PNG", "an empty file", "Copy it again."))
        cat.png: expected a PNG, got an empty file. Copy it again.
    """

    def __init__(self, file: object, expected: str, got: str, remedy: str):
        super().__init__(file, expected, got, remedy)
        self.file, self.expected, self.got, self.remedy = str(file), expected, got, remedy

    def __str__(self) -> str:
        return f"{self.file}: expected {self.expected}, got {self.got}. {self.remedy}"


class ListedError(DataError):
    """All faults of one kind in one place: counted, and listed in `items`.

    Example:
        >>> print(ListedError("captions.csv", "each id once", "repeated", ["a", "b"], "Rename them."))
        captions.csv: expected each id once, got 2 repeated: a, b. Rename them.
    """

    def __init__(self, file: object, expected: str, kind: str, items: Sequence[str], remedy: str):
        more = f" and {len(items) - SHOWN} more" if len(items) > SHOWN else ""
        super().__init__(file, expected, f"{len(items)} {kind}: {', '.join(items[:SHOWN])}{more}", remedy)
        self.args = (file, expected, kind, items, remedy)  # what a copy in another process is made from
        self.items = tuple(items)


# ---- one image


class EmptyFile(DataError):
    """A file of zero bytes."""


class NotAnImage(DataError):
    """Bytes that no image format recognises, or an image that is damaged inside."""


class TruncatedImage(DataError):
    """An image that ends before its last pixel."""


class ZeroSizeImage(DataError):
    """An image of no width or no height."""


class ImageTooLarge(DataError):
    """An image that would fill the memory when unpacked (a decompression bomb)."""


class UnknownRange(DataError):
    """An image of 32-bit numbers, which does not say which of them is white."""


# ---- images with captions


class BadTable(DataError):
    """A captions.csv without the columns id, file, caption, or with an unfinished row."""


class UnsafeFileName(ListedError):
    """Names in captions.csv that lead out of the folder."""


class DuplicateId(ListedError):
    """Ids that stand in captions.csv more than once."""


class CaptionWithoutImage(ListedError):
    """Files that captions.csv names and the folder lacks."""


class ImageWithoutCaption(ListedError):
    """Images in the folder that captions.csv does not name."""


# ---- files with a known hash


class MissingFile(DataError):
    """A file that the registry lists and the disk lacks."""


class WrongHash(DataError):
    """A file whose bytes are not those that the registry promises."""


class BadArchive(DataError):
    """An archive that lacks a member, or whose member is larger than it should be."""


# ---- weights


class CannotWrite(DataError):
    """A file that could not be written; the one that it was to replace is whole."""


class DamagedWeights(DataError):
    """A file that is no safetensors file, or one that was cut."""


class WrongWeights(ListedError):
    """Tensors that do not fit the model that they are loaded into, or that are not finite."""


class OtherTraining(ListedError):
    """A checkpoint of another training than the one that is to go on from it: what differs is listed."""


# ---- downloads


class UnknownDataset(DataError):
    """A name that `fetch` does not know."""


class ServerFault(DataError):
    """The server or the way to it is at fault: another address of the same file may do better."""


class Offline(ServerFault):
    """No connection to the server; what ships with the course still works."""


class InsecureConnection(ServerFault):
    """A certificate that cannot be trusted, or a redirect from https to http."""


class ServerRefused(ServerFault):
    """The server answered with an error, such as 404."""


class HtmlPage(ServerFault):
    """The server sent a web page in place of the file."""


class Stalled(ServerFault):
    """The server stopped sending; what came is kept."""


class Incomplete(ServerFault):
    """The connection closed before the last byte; what came is kept."""


class DiskFull(DataError):
    """No room for the file; what was begun has been removed."""


class ReadOnlyCache(DataError):
    """The folder for downloads cannot be written to."""
