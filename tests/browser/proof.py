"""The page of ``xnorloom serve`` in a real browser: drawn inputs, pictures, test images.

`make browser` runs this: it needs Chromium, which is in no Python package that pip installs. The
pixels that the page sends are read from its requests, and the golden model says what it must show.
"""

import re
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image

import xnorloom
from xnorloom.graph.pixels import encode
from xnorloom_sim import data
from xnorloom_sim.golden import evaluate

# A seven: shares of the width and height.
SEVEN = [(0.35, 0.25), (0.65, 0.25), (0.45, 0.8)]


def test_draw(tab, tfc, picture):
    graph, opened = xnorloom.load("tfc"), tab(tfc)
    opened.page.click("#clear")
    opened.settle()
    assert not opened.sent[-1].any()
    opened.draw(SEVEN)
    assert 30 < (opened.sent[-1] >= 128).sum() < 120
    assert opened.shows(graph) == 7
    picture(opened, "desktop")
    # The eraser takes it away again, the button inverts.
    opened.page.click("#erase")
    opened.draw([(x, row / 14) for row in range(1, 14) for x in (0.02, 0.98)[::1 - row % 2 * 2]])
    assert not opened.sent[-1].reshape(28, 28)[2:26, 1:27].any()
    opened.page.click("#invert")
    opened.settle()
    assert opened.sent[-1].reshape(28, 28)[2:26, 1:27].min() == 255
    opened.shows(graph)


def test_feature_maps(tab, cnn, picture):
    graph, opened = xnorloom.load("mnist-cnn"), tab(cnn)
    opened.page.click("#clear")
    opened.draw(SEVEN)
    assert opened.shows(graph) == 7
    assert opened.page.locator(".layer").count() == len(graph.layers) - 1
    assert [row.split("\n")[0] for row in opened.page.locator("#timeline li").all_inner_texts()] \
        == ["input", *(layer.name for layer in graph.layers), "argmax"]
    picture(opened, "cnn")


def test_examples(tab, tfc):
    """Image by image, to a number, and through those that are read wrong."""
    graph, digits, opened = xnorloom.load("tfc"), data.bundled(), tab(tfc)
    read = evaluate(graph, encode(graph.input, digits.images)).classes
    wrong = np.flatnonzero(read != digits.labels)

    def check(index):
        opened.settle()
        assert np.array_equal(opened.sent[-1], digits.images[index].ravel())
        assert opened.page.inner_text("#label") == f"Image {index}, a {digits.labels[index]}"
        assert opened.shows(graph) == read[index]
        said = opened.page.inner_text("#answer").replace("\n", " ")
        assert said.endswith("which is right" if read[index] == digits.labels[index]
                             else f"is {digits.labels[index]}")

    check(0)
    opened.page.click("#next")
    check(1)
    opened.page.get_by_role("button", name="Previous image").press("Enter")
    opened.page.get_by_role("button", name="Previous image").press("Enter")
    check(499)
    opened.page.fill("#index", "123")
    opened.page.press("#index", "Enter")
    check(123)
    opened.page.get_by_role("checkbox", name="only those read wrong").press("Space")
    check(next(index for index in wrong if index > 123))
    opened.page.fill("#index", "0")
    opened.page.press("#index", "Enter")
    opened.settle()
    for index in wrong[:3]:
        opened.page.click("#next")
        check(index)


def test_keys(tab, tfc):
    """The drawing without a mouse, and what a screen reader says."""
    opened = tab(tfc)
    grid = opened.page.get_by_role("application", name="Input")
    grid.focus()
    grid.press("Delete")
    assert opened.page.inner_text("#cursor") == "cleared"
    for _ in range(7):
        grid.press("ArrowUp")
    for _ in range(12):
        grid.press("Shift+ArrowDown")
    opened.settle()
    assert opened.page.inner_text("#cursor") == "row 20, column 15: 255"
    column = opened.sent[-1].reshape(28, 28)[:, 14]
    assert np.flatnonzero(column == 255).tolist() == list(range(7, 20))
    assert opened.shows(xnorloom.load("tfc")) == 1
    grid.press("e")
    grid.press("Space")
    assert opened.page.inner_text("#cursor") == "row 20, column 15: 0"
    assert opened.page.locator("#answer").get_attribute("aria-live") == "polite"
    assert opened.page.locator("#alert").get_attribute("role") == "alert"
    for name in ("Clear", "Erase", "Centre", "Invert", "Previous image", "Next image"):
        assert opened.page.get_by_role("button", name=name, exact=True).count() == 1
    # Each canvas says what it shows.
    assert all(canvas.get_attribute("aria-label") for canvas in opened.page.locator("canvas").all())


@pytest.mark.parametrize("drop", [False, True], ids=["opened", "dropped"])
def test_picture(tab, tfc, tmp_path, drop):
    """An image of the size of the input as it is; a scan, dark on paper, as a digit of MNIST."""
    graph, digit, opened = xnorloom.load("tfc"), data.bundled().images[0], tab(tfc)
    exact, scan = tmp_path / "exact.png", tmp_path / "scan.png"
    Image.fromarray(digit).save(exact)
    paper = np.full((300, 500), 255, np.uint8)
    paper[20:244, 200:424] = 255 - np.kron(digit, np.ones((8, 8), np.uint8))
    Image.fromarray(paper).save(scan)

    def give(path):
        if not drop:
            opened.page.set_input_files("#file", path)
        else:
            handle = opened.page.evaluate_handle("""content => {
                const transfer = new DataTransfer();
                const bytes = Uint8Array.from(content);
                transfer.items.add(new File([bytes], "picture.png", { type: "image/png" }));
                return transfer;
            }""", list(path.read_bytes()))
            opened.page.dispatch_event("#input", "drop", {"dataTransfer": handle})
        opened.page.wait_for_timeout(300)
        opened.settle()

    opened.page.click("#clear")
    give(exact)
    assert np.array_equal(opened.sent[-1], digit.ravel())
    assert opened.shows(graph) == 7
    give(scan)
    assert not np.array_equal(opened.sent[-1], digit.ravel())
    assert opened.shows(graph) == 7
    give(Path(__file__))
    assert re.fullmatch(r".* is not a picture that this browser reads\.",
                        opened.page.inner_text("#alert"))


def test_narrow(tab, tfc, picture):
    """A telephone: nothing is wider than the window, and a finger draws."""
    opened = tab(tfc, viewport={"width": 400, "height": 800}, has_touch=True, is_mobile=True)
    assert opened.page.evaluate("document.documentElement.scrollWidth") == 400
    opened.page.tap("#clear")
    box = opened.page.locator("#grid").bounding_box()
    opened.page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    opened.settle()
    assert (opened.sent[-1] > 0).sum() in range(2, 30)
    opened.shows(xnorloom.load("tfc"))
    opened.page.tap("#next")
    opened.settle()
    picture(opened, "narrow")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1280])
def test_accessible(tab, cnn, scheme, width):
    """The rules of axe-core: names, roles, contrast."""
    opened = tab(cnn, viewport={"width": width, "height": 900}, color_scheme=scheme)
    found = Axe().run(opened.page)
    assert found.violations_count == 0, found.generate_report()


def test_difference(tab, tfc):
    """Gateware that is wrong: an alert, and no claim that it equals the golden model."""
    def change(route):
        response = route.fetch()
        route.fulfill(response=response,
                      json=response.json() | {"difference": "class is 3, golden 7"})

    opened = tab(tfc)
    opened.page.route("**/api/answer", change)
    opened.page.click("#invert")
    opened.page.wait_for_selector("#alert:not(:empty)")
    assert opened.page.inner_text("#alert") == (
        "The gateware differs from the golden model: class is 3, golden 7")
    assert opened.page.inner_text("#check") == ""


def test_dark(tab, tfc, picture):
    """Colours follow the system, those of the canvases too, and change with it."""
    opened = tab(tfc, color_scheme="dark")

    def colours():
        return opened.page.evaluate("""() => {
            const copy = new OffscreenCanvas(3, 3).getContext("2d", { willReadFrequently: true });
            copy.drawImage(document.querySelector("#seen"), 0, 0);
            return [getComputedStyle(document.body).backgroundColor,
                    String(copy.getImageData(2, 2, 1, 1).data)];
        }""")

    dark = colours()
    assert dark == ["rgb(18, 22, 30)", "26,32,43,255"]
    picture(opened, "dark")
    opened.page.emulate_media(color_scheme="light")
    opened.page.wait_for_timeout(300)
    assert colours() == ["rgb(246, 247, 250)", "255,255,255,255"]


def test_vector(network, serving, tab):
    """Cells are switched one by one. Names in a model file are no HTML."""
    graph, path = network((35,))
    with serving(path, "--engine", "golden") as values:
        opened = tab(values)
        assert opened.page.inner_text("h1") == "<b>net</b>"
        # Two rows of 16 cells, and 3 cells in the last one.
        opened.draw([(1.5 / 16, 1 / 6)])
        opened.draw([(2.5 / 16, 5 / 6)])
        opened.draw([(3.5 / 16, 5 / 6)])
        opened.page.mouse.click(*(opened.page.locator("#grid").bounding_box()[key] + 5
                                  for key in ("x", "y")))
        opened.settle()
        assert np.flatnonzero(opened.sent[-1]).tolist() == [0, 1, 34]
        opened.shows(graph, engine=False)
        opened.page.focus("#grid")
        opened.page.keyboard.press("Space")
        opened.settle()
        assert opened.page.inner_text("#cursor") == "element 0: off"
        assert np.flatnonzero(opened.sent[-1]).tolist() == [1, 34]


def test_colours(network, serving, tab, tmp_path):
    graph, path = network((12, 16, 3))
    with serving(path, "--engine", "golden") as values:
        opened = tab(values)
        opened.page.evaluate("""() => {
            const ink = document.querySelector("#ink");
            ink.value = "#ff8000";
            ink.dispatchEvent(new Event("input"));
        }""")
        opened.draw([(0.2, 6.5 / 12), (0.8, 6.5 / 12)])
        assert opened.sent[-1].reshape(12, 16, 3)[6, 8].tolist() == [255, 128, 0]
        opened.shows(graph, engine=False)
        image = np.random.default_rng(3).integers(0, 256, (12, 16, 3), np.uint8)
        Image.fromarray(image).save(tmp_path / "colours.png")
        opened.page.set_input_files("#file", tmp_path / "colours.png")
        opened.page.wait_for_timeout(300)
        opened.settle()
        assert np.array_equal(opened.sent[-1], image.ravel())
        opened.shows(graph, engine=False)


def test_server_that_ended(network, serving, window):
    _, path = network((9, 9))
    with serving(path, "--engine", "golden") as values:
        opened = window(values)
    opened.page.click("#invert")
    opened.page.wait_for_selector("#alert:not(:empty)")
    assert opened.page.inner_text("#alert") == (
        "The server does not answer. Is xnorloom serve still running?")
