"""What strangers send: spoilt records, and a server of theirs; and the house that they are to leave as it is."""

import hashlib
import json
import os
import pickle
import re
import zlib
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from end_to_end.commands import here

SECRET = "the password is swordfish"
NAME = '<script>alert(1)</script>\n\x1b]0;his\x07[his](https://stranger.example) "><img src=x onerror=alert(1)>'
VIEWS = re.compile(r"(^|/)(views|comparisons|reports|mlartifacts)/|(^|/)mlflow\.db|his\.db|/\.tmp/|^tmp/")
"""What commands may write: views, comparisons, the report, the store, and what a store's client downloads."""


class Pickled:
    """Makes a folder as soon as it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.folder),)


class Scripts(HTMLParser):
    """The scripts, the handlers and the links of a page, and of the players that are packed into it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.is_packed = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.found += [name for name in values if name.startswith("on")]
        links = (values.get("href") or "", values.get("src") or "")
        self.found += [link for link in links if link and not link.startswith(("#", "data:"))]
        if tag == "iframe":
            assert values["sandbox"] == "allow-scripts"
            self.found += Scripts(values.get("srcdoc") or "").found
        self.is_packed = tag == "script" and values.get("type") == "application/octet-stream"

    def handle_data(self, data: str) -> None:
        if self.is_packed and self.cdata_elem == "script":
            text = zlib.decompress(b64decode(data)).decode()
            self.found += Scripts(text).found if text.startswith("<") else []  # else the lesson's own data
        elif self.cdata_elem == "script" and "alert" in data:
            self.found.append(data)


class House:
    """The user's home and his project with a run of his own, a stranger's run and a stranger's sweep.

    Attributes:
        home: what is not to be read.
        project: the current folder.
        run: the stranger's run, among the project's.
        sweep: the stranger's sweep.
        ran: the folder that is there once any code of the stranger's was run.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home, self.project, self.ran = folder / "home", folder / "project", folder / "ran"
        self.run, self.sweep = self.project / "runs" / "himmelblau", self.project / "his_sweep"
        (folder / "tmp").mkdir()
        (self.home / "diary" / "record").mkdir(parents=True)
        (self.home / "diary" / "record" / "run.json").write_text(json.dumps({"format": 1, "diary": SECRET}))
        (self.home / "secret.txt").write_text(SECRET)

    def files(self) -> dict[str, str]:
        """The digests of all files but of those that commands may write."""
        paths = [path for path in self.folder.rglob("*") if path.is_file()]
        digests = {str(path.relative_to(self.folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
        return {path: digest for path, digest in digests.items() if not VIEWS.search(path)}

    @contextmanager
    def untouched(self) -> Iterator[list[str]]:
        """Hold that nothing ran, that nothing else was written, and that no secret is in a file or in a text."""
        before = self.files()
        texts: list[str] = []
        yield texts
        assert not self.ran.exists()
        assert self.files() == before
        written = (path for path in self.folder.rglob("*") if path.is_file() and self.home not in path.parents)
        assert [path for path in written if SECRET.encode() in path.read_bytes()] == []
        assert [text for text in texts if SECRET in text or "\x1b" in text] == []

    def descent(self, *words: str | Path) -> str:
        """What a command says that does what it was asked."""
        done = here("descent", *map(str, words), cwd=self.project)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr


def edit(path: Path, **values: object) -> None:
    """Set values in a JSON file."""
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | values), encoding="utf-8")


def spoil_run(house: House, problem: str = "himmelblau") -> None:
    """Make a finished run what a stranger could make of it."""
    record = house.run / "record"
    header = json.loads((record / "run.json").read_text(encoding="utf-8"))
    away = ("../../../home/secret.txt", str(house.home / "secret.txt"))
    edit(
        record / "run.json",
        name=NAME,
        problem=problem,
        params={**header["params"], "name": NAME, "network": NAME, "halving.note": NAME},
        tags={"hydra.overrides": f"problem=bowl name=`mkdir${{IFS}}{house.ran}` ; mkdir {house.ran}", "his": NAME},
        inputs=[{"name": NAME, "path": path, "digest": "0" * 32} for path in away],
    )
    (house.project / "evil.pt").write_bytes(pickle.dumps(Pickled(house.ran)))
    (record / "config.yaml").write_text(
        f"name: '<script>alert(1)</script>'\ndescription: ${{oc.env:STRANGER}} '{NAME.splitlines()[0]}'\n"
        f"problem: {{_target_: os.mkdir, path: {house.ran}}}\n"
        f"optimizer: {{_target_: torch.load, f: {house.project}/evil.pt, weights_only: false}}\n"
    )
    (record / "checkpoint.ckpt").write_bytes(pickle.dumps(Pickled(house.ran)))
    views = house.run / "views"
    views.mkdir()
    names = ["../../../../home/secret.txt", "../record/run.json", str(house.home / "secret.txt"), ".."]
    (views / "drawn.txt").write_text("\n".join(["his", "", *names, ""]))


def spoil_sweep(house: House) -> None:
    """Make a finished sweep what a stranger could make of it."""
    record = house.sweep / "record"
    edit(record / "sweep.json", name=NAME, problem="..")
    edit(record / "state.json", best=NAME, conclusions=[NAME])
    places = [str(house.run), "../../home/diary", str(house.home), "../../../../../../etc", "/"]
    jobs = sorted((record / "jobs").iterdir())
    for place in places:
        copy = record / "jobs" / f"{hashlib.sha256(place.encode()).hexdigest()}.json"
        copy.write_text(jobs[0].read_text())
        edit(copy, folder=place, name=NAME, reason=NAME)
    (record / "config.yaml").write_text("objective: {metric: '${oc.env:STRANGER}', direction: minimize}\ntarget: {}\n")


class Server(BaseHTTPRequestHandler):
    """An MLflow server whose run has a file at a place of its choice."""

    place = ""
    root = "mlflow-artifacts:/0"

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer()

    def answer(self) -> None:
        address = urlsplit(self.path)
        info = {"run_id": RUN, "run_uuid": RUN, "experiment_id": "0", "artifact_uri": self.root, "status": "FINISHED"}
        match address.path.rpartition("/api/2.0/")[2].split("/"):
            case ["mlflow", "experiments", "search"]:
                self.say({"experiments": [{"experiment_id": "0", "name": "his", "lifecycle_stage": "active"}]})
            case ["mlflow", "runs", "search"]:
                self.say({"runs": [{"info": info, "data": {}}]})
            case ["mlflow", "runs", "get"]:
                self.say({"run": {"info": info, "data": {}}})
            case ["mlflow-artifacts", "artifacts"] if parse_qs(address.query)["path"] == ["0"]:
                self.say({"files": [{"path": self.place, "is_dir": False, "file_size": 3}]})
            case ["mlflow-artifacts", "artifacts", *_]:
                self.say("his")
            case _:
                self.send_error(404)

    def say(self, answer: Any) -> None:
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


RUN = "0123456789abcdef" * 2


@contextmanager
def served(**values: str) -> Iterator[str]:
    """The address of such a server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Served", (Server,), values))
    Thread(target=server.serve_forever).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
