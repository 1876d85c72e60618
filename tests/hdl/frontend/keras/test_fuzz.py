"""Keras files with random changes: read, or refused with a message of one line."""

import copy
import io
import json
import zipfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xnorloom.errors import SourceError
from xnorloom.frontend.keras.model import load

FILES = Path(__file__).parents[3] / "fixtures" / "larq"


def _mutated(data: bytes, changes: list[tuple[int, int]], end: int) -> bytes:
    """Change bytes of ``data``, mostly in the structures of HDF5, and perhaps truncate it."""
    array = bytearray(data)
    for place, value in changes:
        array[place % len(array)] = value
    return bytes(array[:end % len(array)] if end else array)


CHANGES = st.lists(st.tuples(st.integers(0, 40000) | st.integers(0, 4000), st.integers(0, 255)),
                   min_size=1, max_size=12)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["sequential.h5", "keras3.h5", "keras3.keras"]), CHANGES,
       st.just(0) | st.integers(1, 40000))
def test_mutated_files(tmp_path, name, changes, end):
    data = (FILES / name).read_bytes()
    if name.endswith(".keras"):
        # Repacked, since a checksum would detect most changes.
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            members = {item: file.read(item) for item in file.namelist()}
        members["model.weights.h5"] = _mutated(members["model.weights.h5"], changes, end)
        path = _archive(tmp_path / name, members)
    else:
        path = tmp_path / name
        path.write_bytes(_mutated(data, changes, end))
    _load_or_refuse(path)


def _archive(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def _load_or_refuse(path: Path) -> None:
    try:
        program = load(path)
    except SourceError as error:
        assert str(error).isprintable() and len(str(error)) < 1000
    else:
        assert program.steps


VALUES = (st.none() | st.booleans() | st.integers(-2, 100) | st.floats() | st.text(max_size=9)
          | st.sampled_from(["ste_tern", "softmax", "Dense", "float16", [], {}, [[]], [None, 3],
                             {"class_name": "SteTern", "config": {"threshold_value": "x"}}]))


def _places(value) -> list[tuple[object, object]]:
    """Yield all containers of a configuration with their keys."""
    items = (value.items() if isinstance(value, dict)
             else enumerate(value) if isinstance(value, list) else ())
    return [place for key, part in items for place in [(value, key), *_places(part)]]


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["sequential.keras", "functional.keras", "keras3.keras", "same.keras",
                        "valid.keras", "line.keras"]),
       st.lists(st.tuples(st.integers(0, 10000), VALUES), min_size=1, max_size=3))
def test_mutated_configurations(tmp_path, name, changes):
    with zipfile.ZipFile(FILES / name) as file:
        config, weights = json.loads(file.read("config.json")), file.read("model.weights.h5")
    for number, value in changes:
        places = _places(config)
        container, key = places[number % len(places)]
        container[key] = copy.deepcopy(value)
    _load_or_refuse(_archive(tmp_path / name, {"config.json": json.dumps(config).encode(),
                                               "model.weights.h5": weights}))
