"""Commands that install missing extras, from a checkout and from an installed wheel."""

import importlib.metadata

import pytest

from xnorloom.support import extras


def test_checkout():
    assert extras.install_hint("onnx") == "pip install '.[onnx]'"
    assert extras.install_hint("onnx", "larq") == "pip install '.[onnx,larq]'"


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """As if there were no checkout, with the metadata of a wheel."""
    lines = ["numpy>=2", "onnx>=1.16; extra == 'onnx'", "xnorloom[onnx]; extra == 'verify'",
             'qonnx>=1.0; python_version < "4" and extra == "verify"', "plain; extra == 'larq'"]
    monkeypatch.setattr(extras, "_PROJECT", tmp_path / "pyproject.toml")
    monkeypatch.setattr(importlib.metadata, "requires", {"xnorloom": lines}.__getitem__)


@pytest.mark.parametrize("names, hint", [
    (["onnx"], "pip install 'onnx>=1.16'"),
    (["larq"], "pip install plain"),
    # The package itself is on no index.
    (["verify"], "pip install 'onnx>=1.16' 'qonnx>=1.0'"),
    (["verify", "onnx", "larq"], "pip install 'onnx>=1.16' 'qonnx>=1.0' plain"),
])
def test_wheel(installed, names, hint):
    assert extras.install_hint(*names) == hint
