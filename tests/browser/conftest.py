"""Servers, a browser, and what the page shows in it; the option of ``make browser``."""

import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from xnorloom.folding import automatic
from xnorloom.gateware.network import Network
from xnorloom.graph import Graph, Input
from xnorloom.graph.pixels import encode
from xnorloom_sim.golden import evaluate

ARGUMENTS = ["--disable-gpu", "--disable-background-networking", "--disable-component-update",
             "--disable-sync", "--no-first-run", "--disable-quic"]


def pytest_addoption(parser):
    parser.addoption("--screenshots", metavar="DIR", help="write pictures of the page to DIR")


@contextmanager
def _serving(*arguments):
    command = [sys.executable, "-m", "xnorloom", "serve", *map(str, arguments), "--json",
               "--port-number", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            lines = []
            for line in process.stdout:
                lines.append(line)
                if line == "}\n":
                    break
            yield json.loads("".join(lines))
        finally:
            process.send_signal(signal.SIGTERM)


@pytest.fixture(scope="session")
def serving():
    """``serving(*arguments)``: values of a server that runs inside ``with``."""
    return _serving


@pytest.fixture(scope="module")
def tfc():
    """Values of a server of TFC."""
    with _serving("tfc") as values:
        yield values


@pytest.fixture(scope="module")
def cnn():
    """Values of a server of a convolutional network."""
    with _serving("mnist-cnn") as values:
        yield values


@pytest.fixture(scope="module")
def browser():
    """Chromium."""
    # Here, since pytest reads this file without the extra too, where it looks for other tests.
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium") or shutil.which("chromium-browser")
    # Root has no sandbox.
    arguments = ARGUMENTS + ["--no-sandbox"] * (os.geteuid() == 0)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


class Tab:
    """The page in a window of its own, with the pixels that it sent."""

    def __init__(self, browser, url, **options):
        self.context = browser.new_context(**{"viewport": {"width": 1280, "height": 900},
                                              **options})
        self.page, self.url, self.problems = self.context.new_page(), url, []
        self.sent, self.received = [], 0
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("request", self._request)
        self.page.on("response", self._response)
        self.page.goto(url)
        self.settle()

    def _console(self, message):
        if message.type in ("error", "warning"):
            self.problems.append(message.text)

    def _request(self, request):
        if not request.url.startswith(self.url):
            self.problems.append(f"request of {request.url}")
        if request.method == "POST":
            self.sent.append(np.frombuffer(request.post_data_buffer or b"", np.uint8))

    def _response(self, response):
        if response.request.method == "POST":
            self.received += 1

    def settle(self):
        """Wait for the answer to the last input."""
        while True:
            self.page.wait_for_timeout(100)
            if self.sent and self.received == len(self.sent):
                before = len(self.sent)
                self.page.wait_for_timeout(150)
                if before == len(self.sent) == self.received:
                    return

    def draw(self, places):
        box = self.page.locator("#grid").bounding_box()
        places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in places]
        self.page.mouse.move(*places[0])
        self.page.mouse.down()
        for place in places[1:]:
            self.page.mouse.move(*place, steps=12)
        self.page.mouse.up()
        self.settle()

    def shows(self, graph, engine=True):
        """Check all that the page shows of the last input; returns the class."""
        pixels = self.sent[-1]
        right = evaluate(graph, encode(graph.input, pixels[np.newaxis]))
        read = int(right.classes[0])
        assert self.page.inner_text("#answer b") == str(read)
        rows = self.page.locator("#scores tbody tr")
        shown = [[row.locator("th").inner_text(), row.locator("td").last.inner_text()]
                 for row in rows.all()]
        assert shown == [[str(index), f"{score:,}"] for index, score in enumerate(right.scores[0])]
        assert rows.nth(read).get_attribute("class").startswith("best")
        for layer, values, box in zip(graph.layers, right.activations,
                                      self.page.locator(".layer").all(), strict=False):
            label = box.locator("canvas").get_attribute("aria-label")
            assert label.startswith(f"{layer.name}: ")
            assert label.endswith(f"; {int(values.sum()):,} of {values.size:,} fire")
        if engine:
            latency = Network(automatic(graph).bind(graph)).latency
            assert self.page.inner_text("#timeline-note").startswith(
                f"This class took {latency:,} cycles, measured in the simulation, as computed.")
        assert self.page.inner_text("#alert") == ""
        assert "equal the golden model" in self.page.inner_text("#check")
        return read


@pytest.fixture
def window(browser):
    """``window(values, **options)``: a :class:`Tab` of a server."""
    tabs = []

    def make(values, **options):
        tabs.append(Tab(browser, values["url"], **options))
        return tabs[-1]

    yield make
    for opened in tabs:
        opened.context.close()


@pytest.fixture
def tab(window):
    """``tab(values, **options)``: a :class:`Tab` of a server; no errors, nothing from elsewhere."""
    tabs = []

    def make(values, **options):
        tabs.append(window(values, **options))
        return tabs[-1]

    yield make
    assert [opened.problems for opened in tabs] == [[]] * len(tabs)


@pytest.fixture
def picture(request, tab):
    """``picture(tab, name)``: a picture of the page, if the option asks for it."""
    def take(opened, name):
        folder = request.config.getoption("screenshots", None)
        if folder is not None:
            Path(folder).mkdir(parents=True, exist_ok=True)
            opened.page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
    return take


@pytest.fixture
def network(random_graph, tmp_path):
    """``network(shape)``: a graph of random weights for inputs of ``shape``, and its file."""
    def make(shape):
        graph = random_graph(np.random.default_rng(1), [int(np.prod(shape)), 9, 4], bits=2)
        graph = Graph("<b>net</b>", Input(shape, 2), graph.layers)
        graph.save(tmp_path / "net.bnn")
        return graph, tmp_path / "net.bnn"
    return make
