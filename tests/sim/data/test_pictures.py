"""Image files and folders of them as data."""

import os
import re
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from xnorloom.graph import Input
from xnorloom_sim.data import DataError, has_bright_background, is_pictures, load_pictures

GREY = Input((4, 6), 2)
PIXELS = np.random.default_rng(1).integers(0, 256, (4, 6), dtype=np.uint8)
COLOURS = np.random.default_rng(2).integers(0, 256, (4, 6, 3), dtype=np.uint8)


def save(path, array=PIXELS, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, **options)
    return path


@pytest.mark.parametrize("name", ["a.png", "a.PNG", "a.bmp", "a.pgm"])
def test_grey(tmp_path, name):
    path = save(tmp_path / name)
    dataset = load_pictures(path, GREY)
    assert np.array_equal(dataset.images, [PIXELS])
    assert (dataset.name, dataset.files, dataset.labels) == (str(path), (str(path),), None)
    assert np.array_equal(load_pictures(str(path), GREY, invert=True).images, [255 - PIXELS])


def test_jpeg(tmp_path):
    path = save(tmp_path / "a.jpg", np.full((4, 6), 200, np.uint8))
    assert np.abs(load_pictures(path, GREY).images.astype(int) - 200).max() <= 2


@pytest.mark.parametrize("shape", [(4, 6), (4, 6, 1), (4, 6, 3)])
def test_colours(tmp_path, shape):
    images = load_pictures(save(tmp_path / "a.png", COLOURS), Input(shape, 1)).images
    if shape[2:] == (3,):
        assert np.array_equal(images, [COLOURS])
    else:
        luma = COLOURS @ [0.299, 0.587, 0.114]
        assert np.abs(images[0] - luma).max() <= 1 and images.shape == (1, 4, 6)


def test_grey_for_colours(tmp_path):
    images = load_pictures(save(tmp_path / "a.png"), Input((4, 6, 3))).images
    assert np.array_equal(images, np.repeat(PIXELS[None, ..., None], 3, axis=3))


@pytest.mark.parametrize("mode", ["1", "P", "LA", "RGBA"])
def test_modes(tmp_path, mode):
    """Each kind of PNG with black and white pixels, opaque."""
    array = np.where(PIXELS < 128, 0, 255).astype(np.uint8)
    Image.fromarray(array).convert(mode).save(tmp_path / "a.png")
    assert np.array_equal(load_pictures(tmp_path / "a.png", GREY).images, [array])


def test_transparent_is_white(tmp_path):
    array = np.zeros((4, 6, 4), np.uint8)
    array[1, 2] = 0, 0, 0, 255
    images = load_pictures(save(tmp_path / "a.png", array), GREY).images
    assert images[0, 1, 2] == 0 and images.sum() == 23 * 255


def test_sixteen_bits(tmp_path):
    array = np.array([0, 127, 129, 257, 32767, 65535], np.uint16)[None].repeat(4, axis=0)
    save(tmp_path / "a.png", array)
    images = load_pictures(tmp_path / "a.png", GREY).images
    assert images[0, 0].tolist() == [0, 0, 1, 1, 127, 255]


def test_resize_is_the_mean(tmp_path):
    large = np.kron(PIXELS // 2 * 2, np.ones((3, 5), np.uint8))
    path = save(tmp_path / "a.png", large)
    assert np.array_equal(load_pictures(path, GREY, resize=True).images, [PIXELS // 2 * 2])
    checks = np.tile([[0, 255], [255, 0]], (4, 6)).astype(np.uint8)
    images = load_pictures(save(tmp_path / "b.png", checks), GREY, resize=True).images
    assert set(images.ravel().tolist()) <= {127, 128}
    assert np.array_equal(load_pictures(save(tmp_path / "c.png"), GREY, resize=True).images,
                          [PIXELS])


def test_turned_photo(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    save(tmp_path / "a.png", np.rot90(PIXELS), exif=exif)
    assert np.array_equal(load_pictures(tmp_path / "a.png", GREY).images, [PIXELS])


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 1), (16,)])
def test_square(tmp_path, shape):
    path = save(tmp_path / "a.png", PIXELS[:, :4])
    assert load_pictures(path, Input(shape)).images.shape == (1, 4, 4)


def test_folder(tmp_path):
    """Numbers in names are in their order; hidden and other files are no images."""
    for number in (10, 2, 1):
        save(tmp_path / f"d{number}.png", np.full((4, 6), number, np.uint8))
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / ".hidden.png").write_text("x")
    (tmp_path / "folder.png").mkdir()
    dataset = load_pictures(tmp_path, GREY)
    assert dataset.images[:, 0, 0].tolist() == [1, 2, 10]
    assert dataset.labels is None
    assert [os.path.basename(file) for file in dataset.files] == ["d1.png", "d2.png", "d10.png"]
    (tmp_path / "d9.png").write_text("broken, but not read")
    assert len(load_pictures(tmp_path, GREY, limit=2)) == 2


def test_classes(tmp_path):
    for label, names in {3: "ab", 10: "c", 0: "de"}.items():
        for name in names:
            save(tmp_path / str(label) / f"{name}.png")
    (tmp_path / "empty").mkdir()
    dataset = load_pictures(tmp_path, GREY)
    assert dataset.labels.tolist() == [0, 0, 3, 3, 10]
    assert load_pictures(tmp_path, GREY, limit=3).labels.tolist() == [0, 0, 3]


@pytest.mark.parametrize("name, found", [("a.png", True), ("A.JPeG", True), ("folder", True),
                                         ("a.npz", False), ("missing", False), ("", False)])
def test_is_pictures(tmp_path, monkeypatch, name, found):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    assert is_pictures(name) == found or name == ""


@pytest.mark.parametrize("border, bright", [(0, False), (127, False), (128, True), (255, True)])
def test_bright_background(tmp_path, border, bright):
    array = np.full((4, 6), border, np.uint8)
    array[1:3, 1:5] = 255 - border
    assert has_bright_background(load_pictures(save(tmp_path / "a.png", array), GREY)) == bright


def chunk(kind, data):
    return (len(data).to_bytes(4, "big") + kind + data
            + zlib.crc32(kind + data).to_bytes(4, "big"))


def bomb(width, height):
    """A small PNG that claims its size, all of one bit."""
    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([1, 0, 0, 0, 0])
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head)
            + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b""))


def write(name, content):
    return lambda folder: (folder / name).write_bytes(content)


def small_png(folder):
    return save(folder / "a.png").read_bytes()


@pytest.mark.parametrize("make, name, message", [
    (lambda folder: None, "a.png", "a.png: image cannot be read: No such file or directory"),
    (lambda folder: None, ".", "FOLDER: there are no images (.png, .jpg, .jpeg, .bmp, .pgm, .ppm) "
                               "in this folder"),
    (lambda folder: save(folder / "cats" / "a.png"), ".",
     "FOLDER: a folder of images in it must be named by the number of its class, not 'cats'"),
    (write("a.png", b""), "a.png",
     "a.png: not an image file (.png, .jpg, .jpeg, .bmp, .pgm, .ppm)"),
    (write("a.png", b"GIF89a and so on"), "a.png",
     "a.png: not an image file (.png, .jpg, .jpeg, .bmp, .pgm, .ppm)"),
    (lambda folder: (folder / "a.png").write_bytes(small_png(folder)[:60]), "a.png",
     "a.png: not a readable image (TRUNCATED)"),
    (lambda folder: save(folder / "a.png", PIXELS.T), "a.png",
     "a.png: image must have 4 rows and 6 columns, not 6 and 4; --resize scales it"),
    (write("a.png", bomb(8000, 8000)), "a.png",
     "a.png: image must have at most 33,554,432 pixels, not 8000 x 8000"),
    (write("a.png", bomb(100_000, 100_000)), "a.png",
     "a.png: image must have at most 33,554,432 pixels"),
    (lambda folder: os.mkfifo(folder / "a.png"), "a.png",
     "a.png: image cannot be read: it must be a regular file, but is a pipe"),
    (lambda folder: (save(folder / "a.png"), os.truncate(folder / "a.png", 2**26 + 1)), "a.png",
     "a.png: image cannot be read: it must have at most 67,108,864 bytes"),
], ids=["missing", "empty folder", "named class", "empty", "GIF", "truncated", "size", "huge",
        "bomb", "pipe", "large file"])
def test_wrong(tmp_path, make, name, message):
    """Also with sizes that may change."""
    make(tmp_path)
    where = str(tmp_path) if "FOLDER" in message else f"{tmp_path}/a.png"
    wanted = message.replace("FOLDER", where).replace("a.png:", f"{where}:", 1)
    for resize in (False, True) if "rows" not in message else (False,):
        # Versions of Pillow differ in the words around it.
        pattern = re.escape(wanted).replace("TRUNCATED", ".*truncated.*")
        with pytest.raises(DataError, match=f"^{pattern}$"):
            load_pictures(tmp_path / name, GREY, resize=resize)


@pytest.mark.parametrize("shape", [(4, 6, 2), (2, 4, 6, 3), (24,)])
def test_input_wrong(tmp_path, shape):
    path = save(tmp_path / "a.png")
    text = " x ".join(map(str, shape))
    with pytest.raises(DataError, match=rf"^data \S+a\.png does not fit: an input of {text} is no "
                                        rf"picture of 1 or 3 channels$"):
        load_pictures(path, Input(shape))


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "pgm"])
def test_damaged(tmp_path, suffix):
    """Any damage gives other pixels or a :class:`DataError` with the name of the file."""
    path = save(tmp_path / f"a.{suffix}", COLOURS if suffix == "jpg" else PIXELS)
    content, rng = path.read_bytes(), np.random.default_rng(3)
    damaged = [content[:length] for length in range(0, len(content), max(1, len(content) // 60))]
    for _ in range(300):
        changed = bytearray(content)
        for place in rng.integers(0, len(content), rng.integers(1, 4)):
            changed[place] = rng.integers(0, 256)
        damaged.append(bytes(changed))
    refused = 0
    for data in damaged:
        path.write_bytes(data)
        try:
            assert load_pictures(path, GREY, resize=True).images.shape == (1, 4, 6)
        except DataError as error:
            assert str(error).startswith(f"{path}: ") and "\n" not in str(error)
            refused += 1
    assert refused > 20


def test_no_pillow(tmp_path, monkeypatch):
    path = save(tmp_path / "a.png")
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(DataError, match=r"^images need Pillow, which is not installed: pip install "
                                        r"'\.\[images\]'$"):
        load_pictures(path, GREY)


def test_thermometer(tmp_path):
    """Pictures have the channels of the pixels, whatever the number of cuts."""
    path = save(tmp_path / "a.png", COLOURS)
    frame = Input((4, 6, 7), thermometer=[(1, 2), (3, 4, 5), (6, 7)])
    assert np.array_equal(load_pictures(path, frame).images, [COLOURS])
    grey = Input((4, 6, 2), thermometer=(30, 200))
    assert load_pictures(path, grey).images.shape == (1, 4, 6)
    square = Input((32,), thermometer=(9, 99))
    assert load_pictures(path, square, resize=True).images.shape == (1, 4, 4)
