"""Application of the server: the files of the page, and the three calls that it makes."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from xnorloom.errors import XnorloomError
from xnorloom.graph.pixels import encode
from xnorloom.support.text import clipped, count

from .examples import Examples
from .guard import Guard
from .responders import Responder
from .values import answer_values, image_values, model_values

__all__ = ["PIXELS", "make_app"]

PIXELS = "application/octet-stream"
"""Type of the content of ``api/answer``. Pages of other sites cannot send it unasked."""

_PAGE = Path(__file__).parent / "page"


def make_app(responder: Responder, examples: Examples | None, *,
             name: str = "localhost") -> Starlette:
    """Return the application.

    - ``GET api/model``: the network; see :func:`~.values.model_values`.
    - ``GET api/images/INDEX``: an image of the data set.
    - ``POST api/answer``: the answer for an input, whose pixels are the content, a byte each.

    Errors are JSON with the key ``error``. Frames take turns.

    Parameters
    ----------
    responder : Responder
        The gateware that answers.
    examples : Examples or None
        The data set.
    name : str
        Name of the server; see :class:`~.guard.Guard`.
    """
    calls = _Calls(responder, examples)
    return Starlette(
        routes=[Route("/api/model", calls.model), Route("/api/images/{index}", calls.image),
                Route("/api/answer", calls.answer, methods=["POST"]),
                Mount("/", StaticFiles(directory=_PAGE, html=True))],
        middleware=[Middleware(Guard, name=name)],
        exception_handlers={HTTPException: _failed, XnorloomError: _unanswered})


class _Calls:
    def __init__(self, responder: Responder, examples: Examples | None):
        self._responder, self._examples = responder, examples
        self._model = model_values(responder, examples)
        self._turn = threading.Lock()

    async def model(self, request: Request) -> Response:
        return JSONResponse(self._model)

    async def image(self, request: Request) -> Response:
        text, images = request.path_params["index"], len(self._examples or ())
        # Python converts at most some thousand digits.
        known = text.isascii() and text.isdecimal() and len(text) <= len(str(images))
        index = int(text) if known else images
        if self._examples is None or index >= images:
            raise HTTPException(404, f"there is no image {clipped(text, 20)}, but "
                                     f"{count(images, 'image')}")
        return JSONResponse(image_values(self._examples, index))

    async def answer(self, request: Request) -> Response:
        if request.headers.get("content-type") != PIXELS:
            raise HTTPException(415, f"Content-Type must be {PIXELS}")
        pixels = await _content(request, self._responder.graph.input.pixel_count)
        return JSONResponse(await run_in_threadpool(self._answer, pixels))

    def _answer(self, pixels: bytes) -> dict[str, Any]:
        input = self._responder.graph.input
        frame = encode(input, np.frombuffer(pixels, np.uint8).reshape(1, input.pixel_count))[0]
        with self._turn:
            return answer_values(input, frame, self._responder.answer(frame))


async def _content(request: Request, size: int) -> bytes:
    """Return the content of a request, which must have ``size`` bytes; no more are read."""
    wanted = f"content must be the {count(size, 'pixel')} of an input, a byte each, not"
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > size:
            raise HTTPException(413, f"{wanted} more than {count(size, 'byte')}")
    if len(content) < size:
        raise HTTPException(422, f"{wanted} {count(len(content), 'byte')}")
    return bytes(content)


async def _failed(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, headers=error.headers)


async def _unanswered(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 503)
