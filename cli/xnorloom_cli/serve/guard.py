"""Guard of the server: hosts and origins that it answers, and the headers of every response."""

import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Guard"]

_HEADERS = {
    # Nothing but the files of this server; canvases need no source.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
                               "img-src 'self'; connect-src 'self'; base-uri 'none'; "
                               "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    # Another model may be served at the same address later.
    "Cache-Control": "no-store",
}
_SAFE = ("GET", "HEAD")


class Guard:
    """Middleware that refuses requests that other web sites cause, and adds headers.

    - DNS rebinding: a site gives its own name the address of this machine, and its scripts are
      then of the same origin. Such requests carry the name in ``Host``, so that only addresses,
      ``localhost`` and ``name`` are answered.
    - Forged requests: a request that changes or computes something must come from a page of this
      server, if it says where it comes from.

    Parameters
    ----------
    app : ASGIApp
        The application.
    name : str
        Name of the server, besides its addresses.
    """

    def __init__(self, app: ASGIApp, name: str):
        self._app, self._names = app, {"localhost", name.lower()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self._known(host):
            refusal = "Host must be an address of this server, or localhost"
            await JSONResponse({"error": refusal}, 400)(scope, receive, guarded)
        elif scope["method"] not in _SAFE and origin not in (None, f"http://{host}"):
            refusal = "Origin must be this server"
            await JSONResponse({"error": refusal}, 403)(scope, receive, guarded)
        else:
            await self._app(scope, receive, guarded)

    def _known(self, host: str) -> bool:
        try:
            parts = urlsplit(f"//{host}")
            # The port is any: a tunnel may have another one. Reading it checks it.
            if parts.netloc != host or parts.username is not None or parts.port == 0:
                return False
            if parts.hostname in self._names:
                return True
            ipaddress.ip_address(parts.hostname or "")
        except ValueError:
            return False
        return True
