"""Archives of arrays: the bytes, and what is read of them."""

import io

import numpy as np
import pytest

from xnorloom.support.archive import SIGNATURE, ArrayArchive, pack

ARRAYS = {"a": np.arange(6, dtype="<i8").reshape(2, 3), "b": np.frombuffer(b"text", np.uint8)}


def test_numpy_reads_what_is_packed():
    data, size = pack(ARRAYS)
    assert data.startswith(SIGNATURE) and pack(ARRAYS)[0] == data
    with np.load(io.BytesIO(data)) as arrays:
        assert arrays.files == ["a", "b"]
        for name, array in ARRAYS.items():
            np.testing.assert_array_equal(arrays[name], array, strict=True)
    # Two headers of 128 bytes, 48 bytes and 4.
    assert size == 2 * 128 + 48 + 4


def test_arrays_are_read_as_expected_only():
    data, size = pack(ARRAYS)
    with ArrayArchive(io.BytesIO(data)) as archive:
        assert "a" in archive and "c" not in archive
        np.testing.assert_array_equal(archive.array("a", "<i8", (2, 3)), ARRAYS["a"], strict=True)
        assert archive.array("b", "|u1", None).tobytes() == b"text"
        with pytest.raises(ValueError, match=r"^it has no c$"):
            archive.array("c", "<i8", (1,))
        with pytest.raises(ValueError, match=r"^a must be an array of <i4 of shape \(2, 3\)$"):
            archive.array("a", "<i4", (2, 3))
        archive.check_size(size)
        with pytest.raises(ValueError, match=rf"^its members claim {size} bytes, more than 9$"):
            archive.check_size(9)
