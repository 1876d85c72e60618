"""Calls of the page: values, files, and requests that are refused."""

import asyncio
import base64
import re
import threading

import numpy as np
import pytest
from starlette.testclient import TestClient

from xnorloom.errors import XnorloomError
from xnorloom.folding import automatic
from xnorloom.gateware.network import Network
from xnorloom.graph import Graph, Input, Score
from xnorloom.graph.pixels import top_bits
from xnorloom_cli.serve.app import PIXELS, make_app
from xnorloom_cli.serve.examples import Examples
from xnorloom_cli.serve.responders import SimulatedNetwork
from xnorloom_sim import golden

TYPE = {"Content-Type": PIXELS}


def array(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), np.uint8)


def test_model(client, cnn, responder):
    values = client.get("/api/model").json()
    assert (values["name"], values["digest"], values["classes"]) == ("cnn", cnn.digest, 3)
    assert values["input"] == {"shape": [8, 7], "size": 56, "bits": 2, "form": "grey",
                               "cells": {"rows": 8, "columns": 7, "channels": 1}}
    assert values["layers"] == [
        {"name": "first", "details": "5 maps of 3x2, kernel 3x3, pool 2x2",
         "rows": 3, "columns": 2, "channels": 5},
        {"name": "middle", "details": "6 neurons", "rows": 1, "columns": 1, "channels": 6}]
    network = responder.network
    assert isinstance(network, Network)
    assert values["schedule"]["latency"] == network.latency
    assert values["schedule"]["interval"] == network.interval
    assert [bar["name"] for bar in values["schedule"]["timeline"]] == [
        "input", "first", "middle", "last", "argmax"]


def test_data(client, cnn, dataset):
    """Images come as they are; those read wrong are those that the golden model reads wrong."""
    read = golden.evaluate(cnn, top_bits(dataset.images, 2)).classes
    wrong = [index for index in range(5) if read[index] != dataset.labels[index]]
    assert client.get("/api/model").json()["data"] == {"name": "five", "images": 5, "wrong": wrong}
    for index in range(5):
        values = client.get(f"/api/images/{index}").json()
        assert (values["index"], values["label"]) == (index, dataset.labels[index])
        assert np.array_equal(array(values["pixels"]), dataset.images[index].ravel())


def test_answer(client, cnn, dataset):
    elements = top_bits(dataset.images, 2).reshape(5, -1)
    right = golden.evaluate(cnn, elements)
    for index in range(5):
        response = client.post("/api/answer", content=dataset.images[index].tobytes(), headers=TYPE)
        values = response.json()
        assert response.status_code == 200
        assert values["class"] == right.classes[index]
        assert values["scores"] == right.scores[index].tolist()
        assert np.array_equal(array(values["elements"]), elements[index])
        for found, wanted in zip(values["activations"], right.activations, strict=True):
            assert np.array_equal(array(found), wanted[index])
        # The golden model has no cycles.
        assert (values["latency"], values["difference"]) == (None, None)


def test_without_data(responder):
    client = TestClient(make_app(responder, None), base_url="http://localhost")
    assert client.get("/api/model").json()["data"] is None
    assert client.get("/api/images/0").json() == {"error": "there is no image 0, but 0 images"}


def test_page(client):
    """The page names files that are there, and nothing elsewhere."""
    response = client.get("/")
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    for name in re.findall(r'(?:src|href)="([^"]+)"', response.text):
        assert client.get(f"/{name}").status_code == 200
    script = client.get("/main.js")
    assert script.headers["content-type"].startswith("text/javascript")
    for name in re.findall(r'from "\./([^"]+)"', script.text):
        assert client.get(f"/{name}").status_code == 200


@pytest.mark.parametrize("content, headers, status, message", [
    (b"", TYPE, 422, "content must be the 56 pixels of an input, a byte each, not 0 bytes"),
    (bytes(55), TYPE, 422, "content must be the 56 pixels of an input, a byte each, not 55 bytes"),
    (bytes(57), TYPE, 413,
     "content must be the 56 pixels of an input, a byte each, not more than 56 bytes"),
    (bytes(10**7), TYPE, 413,
     "content must be the 56 pixels of an input, a byte each, not more than 56 bytes"),
    (bytes(56), {}, 415, "Content-Type must be application/octet-stream"),
    (b'{"pixels": [', {"Content-Type": "application/json"}, 415,
     "Content-Type must be application/octet-stream"),
    (bytes(56), {"Content-Type": "text/plain"}, 415,
     "Content-Type must be application/octet-stream"),
], ids=["empty", "short", "long", "huge", "no type", "JSON", "text"])
def test_answer_wrong(client, content, headers, status, message):
    response = client.post("/api/answer", content=content, headers=headers)
    assert (response.status_code, response.json()) == (status, {"error": message})


def test_no_more_is_read_than_an_input(responder):
    """A content without end is refused after its first part."""
    read, statuses = [], []

    async def receive():
        read.append(1)
        assert len(read) < 5
        return {"type": "http.request", "body": bytes(1 << 16), "more_body": True}

    async def send(message):
        statuses.append(message.get("status"))

    headers = {"host": "localhost", "content-type": PIXELS, "transfer-encoding": "chunked"}
    scope = {"type": "http", "method": "POST", "path": "/api/answer", "root_path": "",
             "query_string": b"", "headers": [(name.encode(), value.encode())
                                              for name, value in headers.items()]}
    asyncio.run(make_app(responder, None)(scope, receive, send))
    assert (statuses[0], len(read)) == (413, 1)


@pytest.mark.parametrize("path, status, message", [
    ("/api/images/5", 404, "there is no image 5, but 5 images"),
    ("/api/images/-1", 404, "there is no image -1, but 5 images"),
    ("/api/images/1.0", 404, "there is no image 1.0, but 5 images"),
    ("/api/images/" + "9" * 5000, 404, "there is no image 9999999999999...9999, but 5 images"),
    ("/api/images/%D9%A1", 404, "there is no image \u0661, but 5 images"),
    ("/api/images/%0A", 404, r"there is no image \n, but 5 images"),
    ("/api/answer", 404, "Not Found"),
    ("/api/other", 404, "Not Found"),
    ("/app.py", 404, "Not Found"),
    ("/../app.py", 404, "Not Found"),
    ("/%2e%2e/app.py", 404, "Not Found"),
    ("/..%2fapp.py", 404, "Not Found"),
    ("/%00", 404, "Not Found"),
])
def test_path_wrong(client, path, status, message):
    response = client.get(path)
    assert (response.status_code, response.json()) == (status, {"error": message})


def test_gateware_that_fails(responder, examples, monkeypatch):
    def answer(frame):
        raise XnorloomError("the board on port X is gone")

    monkeypatch.setattr(responder, "answer", answer)
    client = TestClient(make_app(responder, examples), base_url="http://localhost")
    response = client.post("/api/answer", content=bytes(56), headers=TYPE)
    assert (response.status_code, response.json()) == (
        503, {"error": "the board on port X is gone"})


def test_frames_take_turns(responder, examples, monkeypatch):
    """Several pages at once: one frame at a time reaches the gateware."""
    original, inside, most = responder.answer, [], []

    def answer(frame):
        inside.append(1)
        most.append(len(inside))
        found = original(frame)
        inside.pop()
        return found

    monkeypatch.setattr(responder, "answer", answer)
    statuses = []
    with TestClient(make_app(responder, examples), base_url="http://localhost") as client:
        def ask():
            statuses.append(client.post("/api/answer", content=bytes(56),
                                        headers=TYPE).status_code)
        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert statuses == [200] * 8
    assert most == [1] * 8


def test_thermometer(cnn, dataset):
    """The page makes pixels, and shows the number of cuts that each of them reaches."""
    rng = np.random.default_rng(8)
    cuts = (50, 128, 129)
    frame = Input((8, 7, 3), thermometer=cuts)
    graph = Graph("cuts", frame, (Score("last", rng.integers(0, 2, (3, 168)), [0, 1, 2]),))
    responder = SimulatedNetwork(automatic(graph).bind(graph), "golden")
    client = TestClient(
        make_app(responder, Examples(graph, dataset, None, lambda *_: None)),
        base_url="http://localhost:8000",
    )
    assert client.get("/api/model").json()["input"] == {
        "shape": [8, 7],
        "size": 56,
        "bits": 1,
        "cuts": 3,
        "form": "grey",
        "cells": {"rows": 8, "columns": 7, "channels": 1},
    }
    elements = (dataset.images[..., None] >= np.array(cuts)).reshape(5, -1)
    right = golden.evaluate(graph, elements)
    for index in range(5):
        pixels = array(client.get(f"/api/images/{index}").json()["pixels"])
        assert np.array_equal(pixels, dataset.images[index].ravel())
        values = client.post("/api/answer", content=pixels.tobytes(), headers=TYPE).json()
        assert values["scores"] == right.scores[index].tolist()
        assert np.array_equal(array(values["elements"]), elements[index].reshape(-1, 3).sum(axis=1))
