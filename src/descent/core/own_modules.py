"""Imports the user's own modules from the sources that are there now, however long this process lives.

Python imports a module once, and takes bytecode for its source's that was compiled within the same second from a text
of the same length. A run would then be recorded with other code than it is trained with.
"""

import hashlib
import importlib
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from descent.project import project_root
from descent.records.code import SKIPPED, is_installed

_imported: dict[str, str] = {}
"""The SHA-256 of the source that each of the user's modules was imported from, by name."""


def search_project() -> None:
    """Have Python search the project's folder first, as it is now, for the modules that a configuration names."""
    root = str(project_root())
    if sys.path[0] != root:
        sys.path[:] = [root, *(path for path in sys.path if path != root)]
    importlib.invalidate_caches()


def forget_outdated(modules: Mapping[str, str]) -> None:
    """Have modules of the user's imported afresh, unless they were imported from the source that is there now.

    Args:
        modules: the SHA-256 of each one's source, by name (`descent.records.code.own_modules`).
    """
    if not modules:
        return
    if not any(isinstance(finder, OwnFinder) for finder in sys.meta_path):
        sys.meta_path.insert(sys.meta_path.index(PathFinder), OwnFinder())
    for name in _imported.keys() - sys.modules.keys():
        del _imported[name]
    if any(name in sys.modules and _imported.get(name) != digest for name, digest in modules.items()):
        # Modules that have not changed may have imported from those that have.
        for name in (*_imported, *modules):
            sys.modules.pop(name, None)
        _imported.clear()
    # From these sources they are imported next, be it by a finder that stands before ours.
    _imported.update((name, digest) for name, digest in modules.items() if name not in sys.modules)


class OwnFinder:
    """Finds modules of the user's where the finders behind it do, and has them loaded by `OwnLoader`."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The specification of a module of the user's, if it has a source."""
        behind = sys.meta_path[sys.meta_path.index(self) + 1 :]
        specs = (finder.find_spec(name, path, target) for finder in behind)
        spec = next((spec for spec in specs if spec is not None), None)
        if spec is None or type(spec.loader) is not SourceFileLoader or name.partition(".")[0] in SKIPPED:
            return None
        if is_installed(Path(spec.loader.path)):
            return None
        spec.loader = OwnLoader(name, spec.loader.path)
        return spec


class OwnLoader(SourceFileLoader):
    """Loads a module from its source, never from bytecode, and remembers which source it was."""

    def get_code(self, fullname: str) -> CodeType:
        """Compile the source."""
        source = self.get_data(self.path)
        digest = hashlib.sha256(source).hexdigest()
        if _imported.get(fullname, digest) != digest:  # `importlib.reload`: others may have what it was
            _imported.clear()
        _imported[fullname] = digest
        code: CodeType = self.source_to_code(source, self.path)
        return code
