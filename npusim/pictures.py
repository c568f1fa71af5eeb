"""Pictures: files read into planes from 0 to 1, luma and chroma, bicubic resizing, and PNG written.

The one importer of Pillow, which is loaded when a file is read or written. Planes are float32 [height, width]; colours
are as they stand in the file (sRGB as a rule), not linear light.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from io import BytesIO
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from npusim.errors import InputError
from npusim.files import write_bytes

if TYPE_CHECKING:
    from PIL.Image import Image

Plane = np.ndarray[Any, Any]

READABLE = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF", "PPM")
CHANNELS: Mapping[str, int] = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}
# BT.601 over the whole range, as JPEG has it: of red, green and blue.
LUMA = (0.299, 0.587, 0.114)
CUBIC = -0.5  # Keys 1981: the slope with which a cubic agrees with a Taylor series to the third order
SUPPORT = 2.0  # pixels on either side


class Picture(msgspec.Struct, frozen=True):
    """Planes from 0 to 1.

    Attributes:
        planes: [height, width], one of a grey picture or three of red, green and blue.
        alpha: the opacity; None where all is opaque.
        bits: 8 or 16 a channel, in the file.
        colour_profile: the ICC profile that says what the colours mean; None for none.
    """

    planes: tuple[Plane, ...]
    alpha: Plane | None = None
    bits: int = 8
    colour_profile: bytes | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        height, width = self.planes[0].shape
        return width, height


# --- files ----------------------------------------------------------------------------------------------------------


def read(path: Path | str) -> Picture:
    """A picture of 8 bits a channel, or a grey one of 16; palettes become colours, and cameras' rotations are done.

    Raises:
        InputError: not-found, unreadable, empty-file, not-a-picture, unsupported-picture, too-large.
    """
    where = str(path)
    data = _bytes(Path(path))
    from PIL import Image, ImageOps  # noqa: PLC0415 - heavy

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is wrong is an error below, or of no account
            with Image.open(BytesIO(data), formats=READABLE) as image:
                deep = _is_deep_grey(image)
                _check(image, deep, where)
                image.load()
                return _picture(ImageOps.exif_transpose(image), deep)
    except Image.DecompressionBombError as fault:
        raise InputError("the picture has too many pixels to be read", code="too-large", where=where) from fault
    except InputError:
        raise
    # Each of Pillow's decoders has errors of its own for a broken file.
    except Exception as fault:
        what = f"the file is no picture that can be read ({_words(fault)})"
        raise InputError(what, code="not-a-picture", where=where, fix=f"give one of {', '.join(READABLE)}") from fault


def write_png(path: Path | str, picture: Picture) -> None:
    """Writes the file whole; values are limited to 0..1 and rounded. InputError (unwritable)."""
    from PIL import Image  # noqa: PLC0415 - heavy

    planes = picture.planes if picture.alpha is None else (*picture.planes, picture.alpha)
    most, dtype = 2**picture.bits - 1, np.uint8 if picture.bits == 8 else np.uint16
    whole = [(np.clip(plane, 0, 1) * most + 0.5).astype(dtype) for plane in planes]
    pixels = whole[0] if len(whole) == 1 else np.stack(whole, axis=-1)
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", icc_profile=picture.colour_profile)
    write_bytes(Path(path), stream.getvalue())


def _bytes(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except FileNotFoundError as fault:
        raise InputError("there is no such file", code="not-found", where=str(path), fix="check the path") from fault
    except IsADirectoryError as fault:
        what = "this is a folder"
        raise InputError(what, code="unreadable", where=str(path), fix="give the picture in it") from fault
    except (OSError, ValueError) as fault:  # a ValueError for a name with a zero byte
        what = f"the file cannot be read ({getattr(fault, 'strerror', None) or fault})"
        raise InputError(what, code="unreadable", where=str(path)) from fault
    if not data:
        raise InputError("the file is empty", code="empty-file", where=str(path), fix="save or download it again")
    return data


def _is_deep_grey(image: Image) -> bool:
    """Whether it is grey with 16 bits. As whole numbers of 32 bits, PNG and PPM cannot hold more."""
    return image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM"))


def _check(image: Image, deep: bool, where: str) -> None:
    def unsupported(what: str, fix: str) -> InputError:
        return InputError(what, code="unsupported-picture", where=where, fix=fix)

    if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":  # a camera's MPO is a picture and its previews
        raise unsupported(f"the file holds {image.n_frames} pictures", "give each in a file of its own")  # type: ignore[attr-defined]
    if not deep and _is_cut(image):
        raise unsupported("the picture has 16 bits a channel in colour", "give it with 8 bits, or in grey")
    if not deep and image.mode in ("I", "F", "CMYK", "LAB", "HSV"):
        raise unsupported(f"the picture's pixels are {image.mode}", "give it in grey or RGB")
    if deep and "transparency" in image.info:
        raise unsupported("the picture has 16 bits and a transparent grey", "give it without transparency")


def _is_cut(image: Image) -> bool:
    """Whether Pillow would read 16 bits a channel as 8: what its decoders are told says so."""
    told = [args if isinstance(args, tuple) else (args,) for *_, args in image.tile]  # type: ignore[attr-defined]
    largest = (args[-1] for args in told if image.format == "PPM" and isinstance(args[-1], int))
    return any(";16" in str(args[0]) for args in told if args) or any(value > 255 for value in largest)


def _picture(image: Image, deep: bool) -> Picture:
    profile = image.info.get("icc_profile")
    if deep:
        return Picture((np.asarray(image).astype(np.float32) / np.float32(65535),), None, 16, profile)
    image = image.convert(_mode(image))
    pixels = np.asarray(image).reshape(image.height, image.width, CHANNELS[image.mode])
    planes = tuple(plane.astype(np.float32) / np.float32(255) for plane in np.moveaxis(pixels, -1, 0))
    if image.mode.endswith("A"):
        return Picture(planes[:-1], planes[-1], 8, profile)
    return Picture(planes, None, 8, profile)


def _mode(image: Image) -> str:
    """The one of CHANNELS that loses nothing of the picture."""
    clear = "transparency" in image.info or image.mode.upper() in ("LA", "PA", "RGBA")
    if image.mode.upper() in ("1", "L", "LA"):
        return "LA" if clear and image.mode != "1" else "L"
    return "RGBA" if clear else "RGB"


def _words(fault: Exception) -> str:
    text = str(fault)
    return "its format is not known" if "cannot identify" in text else text or type(fault).__name__


# --- colours --------------------------------------------------------------------------------------------------------


def luma(planes: tuple[Plane, ...]) -> Plane:
    """The brightness of a picture's planes: a grey one is its own."""
    if len(planes) == 1:
        return planes[0]
    return np.asarray(sum(np.float32(share) * plane for share, plane in zip(LUMA, planes, strict=True)))


def chroma(planes: tuple[Plane, ...], y: Plane) -> tuple[Plane, Plane]:
    """How far blue and red are from luma ``y``, each over its largest distance: from -0.5 to 0.5."""
    red, _, blue = planes
    return (blue - y) / np.float32(2 * (1 - LUMA[2])), (red - y) / np.float32(2 * (1 - LUMA[0]))


def rgb(y: Plane, cb: Plane, cr: Plane) -> tuple[Plane, Plane, Plane]:
    """What ``luma`` and ``chroma`` took apart."""
    red, blue = y + np.float32(2 * (1 - LUMA[0])) * cr, y + np.float32(2 * (1 - LUMA[2])) * cb
    green = (y - np.float32(LUMA[0]) * red - np.float32(LUMA[2]) * blue) / np.float32(LUMA[1])
    return red, green, blue


# --- sizes ----------------------------------------------------------------------------------------------------------


def resized(plane: Plane, height: int, width: int) -> Plane:
    """Bicubic, with a wider kernel where it shrinks so that nothing aliases, and mirrored edges: MATLAB's imresize."""
    return _along(_along(plane, height).T, width).T


def _along(plane: Plane, length: int) -> Plane:
    """The first axis at another length: a weighted sum of rows for each row."""
    rows = len(plane)
    if rows == length:
        return plane
    shrink = max(rows / length, 1.0)
    centres = (np.arange(length) + 0.5) * (rows / length) - 0.5
    taps = ceil(2 * SUPPORT * shrink) + 1
    places = np.floor(centres - SUPPORT * shrink).astype(int)[:, None] + np.arange(taps) + 1
    weights = _cubic((centres[:, None] - places) / shrink)
    weights /= weights.sum(axis=1, keepdims=True)
    mirrored = places % (2 * rows)
    mirrored = np.where(mirrored < rows, mirrored, 2 * rows - 1 - mirrored)
    made = np.zeros((length, *plane.shape[1:]), plane.dtype)
    for tap in range(taps):
        made += weights[:, tap, None].astype(plane.dtype) * plane[mirrored[:, tap]]
    return made


def _cubic(x: Plane) -> Plane:
    """Keys's kernel: 1 at 0, and 0 at every other whole number and beyond 2."""
    x = np.abs(x)
    near = (CUBIC + 2) * x**3 - (CUBIC + 3) * x**2 + 1
    far = CUBIC * (x**3 - 5 * x**2 + 8 * x - 4)
    return np.where(x < 1, near, np.where(x < SUPPORT, far, 0))
