"""Requests that other web sites cause are refused; every response has the headers."""

import pytest
from starlette.testclient import TestClient

from xnorloom_cli.serve.app import PIXELS, make_app


@pytest.mark.parametrize("host", [
    "localhost", "localhost:8000", "LOCALHOST:1", "127.0.0.1:8000", "[::1]:8000", "192.168.0.7",
    "box.lan:8000"])
def test_host(responder, host):
    client = TestClient(make_app(responder, None, name="Box.lan"))
    assert client.get("/api/model", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", [
    "", "evil.example", "localhost.evil.example:8000", "127.0.0.1.evil.example", "127.1",
    "evil.example@localhost", "localhost@evil.example", "localhost/x", "[::1", "localhost:x",
    "localhost:99999", "box.lan", "localhost:0", " ", "a" * 5000])
@pytest.mark.parametrize("path", ["/", "/api/model", "/api/answer", "/nothing"])
def test_host_wrong(client, host, path):
    response = client.get(path, headers={"Host": host})
    assert response.status_code == 400
    assert response.json() == {"error": "Host must be an address of this server, or localhost"}


@pytest.mark.parametrize("origin, status", [
    ("http://localhost:8000", 200), (None, 200), ("http://evil.example", 403), ("null", 403),
    ("http://localhost:8001", 403), ("https://localhost:8000", 403), ("", 403)])
def test_origin(client, origin, status):
    headers = {"Content-Type": PIXELS} | ({} if origin is None else {"Origin": origin})
    response = client.post("/api/answer", content=bytes(56), headers=headers)
    assert response.status_code == status
    assert status == 200 or response.json() == {"error": "Origin must be this server"}


def test_other_sites_get_no_permission(client):
    """The question of a browser before it sends the request of another site."""
    response = client.options("/api/answer", headers={
        "Origin": "http://evil.example", "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type"})
    assert response.status_code == 403
    assert not [name for name in response.headers if name.startswith("access-control")]


@pytest.mark.parametrize("path", ["/", "/main.js", "/style.css", "/api/model", "/nothing"])
@pytest.mark.parametrize("host", ["localhost", "evil.example"])
def test_headers(client, path, host):
    headers = client.get(path, headers={"Host": host}).headers
    policy = dict(rule.split(" ", 1) for rule in headers["content-security-policy"].split("; "))
    assert policy.pop("default-src") == "'none'"
    assert set(policy.values()) <= {"'self'", "'none'"}
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
