"""Pictures: colours and the cubic worked by hand, resizing against Pillow's, and every kind of file."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from struct import pack
from typing import Any
from zlib import compress, crc32

import numpy as np
import pytest
from PIL import Image, ImageCms

from npusim import pictures
from npusim.errors import InputError
from npusim.pictures import Picture, Plane


def plane(*rows: list[float]) -> Plane:
    return np.array(rows, np.float32)


def noise(*shape: int) -> Plane:
    return np.random.default_rng(3).random(shape, np.float32)


# --- colours --------------------------------------------------------------------------------------------------------


def test_luma_and_chroma_by_hand() -> None:
    """Red: Y = 0.299, Cb = (0 - 0.299) / 1.772 = -0.168736, Cr = (1 - 0.299) / 1.402 = 0.5. Blue: Y = 0.114, Cb = 0.5,
    Cr = -0.114 / 1.402 = -0.081312. White has no chroma.
    """
    planes = plane([1, 0, 1]), plane([0, 0, 1]), plane([0, 1, 1])
    y = pictures.luma(planes)
    cb, cr = pictures.chroma(planes, y)
    assert y[0] == pytest.approx([0.299, 0.114, 1], abs=1e-6)
    assert cb[0] == pytest.approx([-0.168736, 0.5, 0], abs=1e-6)
    assert cr[0] == pytest.approx([0.5, -0.081312, 0], abs=1e-6)


def test_colours_come_back() -> None:
    planes = tuple(noise(3, 5, 7))
    y = pictures.luma(planes)
    for found, given in zip(pictures.rgb(y, *pictures.chroma(planes, y)), planes, strict=True):
        assert found == pytest.approx(given, abs=1e-6)


def test_grey_is_its_own_luma() -> None:
    grey = noise(4, 4)
    assert pictures.luma((grey,)) is grey
    assert pictures.luma((grey, grey, grey)) == pytest.approx(grey, abs=1e-6)


# --- sizes ----------------------------------------------------------------------------------------------------------


def test_a_dot_twice_as_long_by_hand() -> None:
    """With a = -0.5 the cubic is 1.5 x^3 - 2.5 x^2 + 1 up to 1 and -0.5 x^3 + 2.5 x^2 - 4 x + 2 up to 2. Position i of
    ten lies at (i + 0.5) / 2 - 0.5 of five: those around the dot at 2 are 1.75, 1.25, 0.75 and 0.25 from it.
    """
    weights = [-0.0234375, -0.0703125, 0.2265625, 0.8671875]
    found = pictures.resized(plane([0], [0], [1], [0], [0]), 10, 1)
    assert found[:, 0].tolist() == [0, *weights, *weights[::-1], 0]


def test_edges_are_mirrored() -> None:
    """[1, 0] is [0, 1 | 1, 0 | 0, 1]: position 0 lies at -0.25, at 1.75, 0.75, 0.25 and 1.25 from those at -2 ... 1,
    of which the middle two are 1: 0.2265625 + 0.8671875.
    """
    found = pictures.resized(plane([1], [0]), 4, 1)
    assert found[0, 0] == pytest.approx(1.09375)
    assert found[3, 0] == pytest.approx(-0.09375)  # the same from the other end, of 1 - x


def test_half_as_long_by_hand() -> None:
    """The kernel is twice as wide, its weights half as large: position 2 of five lies at 4.5 of ten, at 0.5, 1.5, 2.5
    and 3.5 pixels from the dots on either side, that is 0.25, 0.75, 1.25 and 1.75 kernel widths.
    """
    dots = np.eye(10, dtype=np.float32)
    halved = [0.8671875 / 2, 0.2265625 / 2, -0.0703125 / 2, -0.0234375 / 2]
    assert pictures.resized(dots, 5, 10)[2] == pytest.approx([0, *halved[::-1], *halved, 0])


@pytest.mark.parametrize("size", [(62, 88), (15, 22), (16, 21), (93, 40), (40, 11)])
def test_resizing_is_pillow_s_away_from_the_edges(size: tuple[int, int]) -> None:
    """Pillow's BICUBIC is the same kernel; only at the edges, where it leaves out what is not there, does it differ."""
    given = noise(31, 44)
    theirs = np.asarray(Image.fromarray(given).resize(size[::-1], Image.Resampling.BICUBIC))
    edges = [int(np.ceil(2 * max(1, new / old))) + 3 for new, old in zip(size, given.shape, strict=True)]
    inside = tuple(slice(edge, -edge) for edge in edges)
    if min(new - 2 * edge for new, edge in zip(size, edges, strict=True)) < 1:
        inside = tuple(slice(new // 2, new // 2 + 1) for new in size)
    assert pictures.resized(given, *size)[inside] == pytest.approx(theirs[inside], abs=2e-6)


@pytest.mark.parametrize("size", [(1, 1), (2, 6), (7, 3), (3, 3), (40, 1)])
def test_an_even_picture_stays_even(size: tuple[int, int]) -> None:
    for height, width in ((1, 1), (3, 3), (1, 9)):
        found = pictures.resized(np.full((height, width), 0.25, np.float32), *size)
        assert found.shape == size
        assert found.dtype == np.float32
        assert found == pytest.approx(0.25, abs=1e-6)


# --- files ----------------------------------------------------------------------------------------------------------

PIXELS = (np.arange(6 * 5 * 4).reshape(6, 5, 4) * 2).astype(np.uint8)


def saved(tmp_path: Path, image: Image.Image, name: str = "in.png", **options: Any) -> Path:
    file = tmp_path / name
    image.save(file, **options)
    return file


def whole(planes: tuple[Plane, ...], most: int = 255) -> list[Any]:
    return [np.rint(each * most).astype(int).tolist() for each in planes]


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("LA", 2), ("RGB", 3), ("RGBA", 4)])
def test_eight_bits_come_back(mode: str, channels: int, tmp_path: Path) -> None:
    pixels = PIXELS[..., 0] if channels == 1 else PIXELS[..., :channels]
    found = pictures.read(saved(tmp_path, Image.fromarray(np.ascontiguousarray(pixels), mode)))
    expected = [np.atleast_3d(pixels)[..., index].tolist() for index in range(channels)]
    alpha = () if found.alpha is None else (found.alpha,)
    assert whole((*found.planes, *alpha)) == expected
    assert (found.alpha is not None) == mode.endswith("A")
    assert (found.bits, found.size) == (8, (5, 6))
    pictures.write_png(tmp_path / "out.png", found)
    again = Image.open(tmp_path / "out.png")
    assert again.mode == mode
    assert np.array_equal(np.asarray(again), pixels)


def test_sixteen_bits_of_grey_come_back(tmp_path: Path) -> None:
    pixels = np.array([[0, 1, 257], [65535, 65534, 32768]], np.uint16)
    found = pictures.read(saved(tmp_path, Image.fromarray(pixels)))
    assert (found.bits, len(found.planes), found.alpha) == (16, 1, None)
    assert whole(found.planes, 65535) == [pixels.tolist()]
    pictures.write_png(tmp_path / "out.png", found)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "out.png")), pixels)


@pytest.mark.parametrize(("most", "shown"), [(65535, [300, 65535]), (1000, [300 * 65535 // 1000, 65535])])
def test_sixteen_bits_of_a_pgm(most: int, shown: list[int], tmp_path: Path) -> None:
    """Two bytes a pixel, the larger first; the file says which number is white."""
    file = tmp_path / "in.pgm"
    file.write_bytes(f"P5\n2 1\n{most}\n".encode() + pack(">HH", 300, most))
    found = pictures.read(file)
    assert found.bits == 16
    assert found.planes[0][0] * 65535 == pytest.approx(shown, abs=1)


def test_a_palette_becomes_colours(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1, 2]], np.uint8), "P")
    image.putpalette([255, 0, 0, 0, 255, 0, 10, 20, 30])
    found = pictures.read(saved(tmp_path, image))
    assert whole(found.planes) == [[[255, 0, 10]], [[0, 255, 20]], [[0, 0, 30]]]
    assert found.alpha is None
    found = pictures.read(saved(tmp_path, image, transparency=1))
    assert found.alpha is not None
    assert whole((found.alpha,)) == [[[255, 0, 255]]]


def test_black_and_white_is_grey(tmp_path: Path) -> None:
    found = pictures.read(saved(tmp_path, Image.fromarray(np.array([[True, False]]))))
    assert whole(found.planes) == [[[255, 0]]]


def test_a_transparent_colour_becomes_opacity(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[7, 8]], np.uint8))
    found = pictures.read(saved(tmp_path, image, transparency=8))
    assert found.alpha is not None
    assert whole((*found.planes, found.alpha)) == [[[7, 8]], [[255, 0]]]


def test_a_camera_s_rotation_is_done(tmp_path: Path) -> None:
    """EXIF orientation 6: the first row is the right side, so that the first column goes to the top, turned."""
    image, exif = Image.fromarray(np.array([[1, 2, 3], [4, 5, 6]], np.uint8)), Image.Exif()
    exif[0x0112] = 6
    found = pictures.read(saved(tmp_path, image, exif=exif))
    assert whole(found.planes) == [[[4, 1], [5, 2], [6, 3]]]


def test_a_colour_profile_is_kept(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    found = pictures.read(saved(tmp_path, Image.fromarray(PIXELS[..., 0].copy()), icc_profile=profile))
    pictures.write_png(tmp_path / "out.png", found)
    assert Image.open(tmp_path / "out.png").info["icc_profile"] == profile


@pytest.mark.parametrize("name", ["in.jpg", "in.bmp", "in.tiff", "in.ppm", "in.webp", "in.gif"])
def test_other_formats(name: str, tmp_path: Path) -> None:
    found = pictures.read(saved(tmp_path, Image.new("RGB", (3, 2), (250, 250, 250)), name))
    assert found.size == (3, 2)
    assert np.abs(np.array(found.planes) - 250 / 255).max() < 0.02


def test_values_beyond_the_range_are_limited(tmp_path: Path) -> None:
    """0.5 is 127.5 of 255, which is rounded up."""
    pictures.write_png(tmp_path / "out.png", Picture((plane([-0.3, 0.5, 1.2]),)))
    assert np.asarray(Image.open(tmp_path / "out.png")).tolist() == [[0, 128, 255]]


def png(colour: int, bits: int, width: int = 2, height: int = 2, more: bytes = b"") -> bytes:
    """A PNG of zeros, written from its specification: Pillow writes no colours of 16 bits."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return pack(">I", len(data)) + kind + data + pack(">I", crc32(kind + data))

    row = b"\0" + bytes(width * {0: 1, 2: 3, 4: 2, 6: 4}[colour] * bits // 8)
    header = chunk(b"IHDR", pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + more + chunk(b"IDAT", compress(row * height)) + chunk(b"IEND", b"")


def _animated() -> bytes:
    stream = BytesIO()
    frames = [Image.new("L", (2, 2), value) for value in (0, 200)]
    frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:])
    return stream.getvalue()


def _saved(mode: str, form: str, side: int = 2) -> bytes:
    stream = BytesIO()
    Image.new(mode, (side, side)).save(stream, form)
    return stream.getvalue()


def _noisy() -> bytes:
    """More than 32 x 32 bytes, as noise does not compress."""
    stream = BytesIO()
    Image.fromarray((noise(32, 32) * 255).astype(np.uint8)).save(stream, "PNG")
    return stream.getvalue()


TRANSPARENT = pack(">I", 2) + b"tRNS\0\7" + pack(">I", crc32(b"tRNS\0\7"))


# What the file holds, and what is said of it.
FAULTS = [
    (b"", "empty-file", "the file is empty"),
    (b"no picture\n", "not-a-picture", "its format is not known"),
    (_saved("RGB", "PNG", 40)[:30], "not-a-picture", "the file is no picture that can be read"),
    (_saved("RGB", "JPEG", 40)[:-90], "not-a-picture", "the file is no picture that can be read"),
    (_noisy()[:700], "not-a-picture", "the file is no picture that can be read"),
    (png(0, 8, width=0), "not-a-picture", "the file is no picture that can be read"),
    (png(0, 8, height=0), "not-a-picture", "the file is no picture that can be read"),
    (png(2, 16), "unsupported-picture", "16 bits a channel in colour"),
    (png(4, 16), "unsupported-picture", "16 bits a channel in colour"),
    (png(6, 16), "unsupported-picture", "16 bits a channel in colour"),
    (b"P6\n1 1\n65535\n123456", "unsupported-picture", "16 bits a channel in colour"),
    (b"P3\n1 1\n1000\n0 500 1000\n", "unsupported-picture", "16 bits a channel in colour"),
    (png(0, 16, more=TRANSPARENT), "unsupported-picture", "16 bits and a transparent grey"),
    (_saved("CMYK", "JPEG"), "unsupported-picture", "the picture's pixels are CMYK"),
    (_saved("F", "TIFF"), "unsupported-picture", "the picture's pixels are F"),
    (_saved("I", "TIFF"), "unsupported-picture", "the picture's pixels are I"),
    (_animated(), "unsupported-picture", "the file holds 2 pictures"),
    (png(0, 8, width=100_000, height=100_000)[:60], "too-large", "too many pixels"),
    (_saved("RGB", "PDF"), "not-a-picture", "its format is not known"),
]


@pytest.mark.parametrize(("data", "code", "words"), FAULTS, ids=[f"{at} {row[2]}" for at, row in enumerate(FAULTS)])
def test_what_cannot_be_read_is_said(data: bytes, code: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "in.png"
    file.write_bytes(data)
    with pytest.raises(InputError) as caught:
        pictures.read(file)
    assert (caught.value.code, caught.value.where) == (code, str(file))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for path, code in ((tmp_path / "no.png", "not-found"), (tmp_path, "unreadable"), ("a\0b", "unreadable")):
        with pytest.raises(InputError) as caught:
            pictures.read(path)
        assert caught.value.code == code


def test_a_picture_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\[unwritable\]"):
        pictures.write_png(tmp_path / "no" / "out.png", Picture((plane([0.5]),)))
