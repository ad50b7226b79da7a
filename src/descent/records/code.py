"""The code that a configuration names: the user's own sources, and the versions of installed packages; imports none.

Both are as they are now: a process that lives long sees files that were edited and packages that were installed.
"""

import ast
import hashlib
import site
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.machinery import ModuleSpec
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path
from typing import Any

from descent.errors import UserError

ALWAYS = "torch"
"""The package whose version every result depends on."""
PACKAGES = {"site-packages", "dist-packages"}
"""The names of folders of installed packages, also of those that a .pth file or PYTHONPATH adds."""
SKIPPED = ("descent", "hydra")
"""Packages whose targets are in the key by other means, or only look others up."""
MAIN = "__main__"
"""The module of what a notebook's cells or a script define."""


def code_of(config: Mapping[str, Any]) -> dict[str, str]:
    """The code behind the targets of a configuration.

    Returns:
        By name, the version of each installed package, and the SHA-256 of each module of the user's own, with those of
        his that it imports. A module that is imported by a computed name is not seen.

    Raises:
        UserError: for a target that is in no file.
    """
    packages = (target.partition(".")[0] for target in _targets(config))
    versions = {package: _version(package) for package in packages if package not in SKIPPED and not _is_own(package)}
    return {ALWAYS: _version(ALWAYS), **versions, **own_modules(config)}


def own_modules(config: Mapping[str, Any]) -> dict[str, str]:
    """The SHA-256 of each module of the user's own behind the targets of a configuration, by name.

    Raises:
        UserError: for a target that is in no file.
    """
    modules: dict[str, str] = {}
    for target in _targets(config):
        package, _, name = target.partition(".")
        if package == MAIN:
            raise UserError(
                f"{target}: what a notebook or a script defines itself is in no module, and a run's key needs the "
                f"module's source; put it into one (%%writefile my_module.py) and name it my_module.{name}"
            )
        if _is_own(package):
            modules |= {module: hashlib.sha256(source).hexdigest() for module, source in _sources(target).items()}
    return modules


def _targets(value: object) -> Iterator[str]:
    """The dotted names of what a configuration instantiates or looks up, wherever in it."""
    if isinstance(value, Mapping):
        target = value.get("_target_")
        if isinstance(target, str):
            yield target
            if target.startswith("hydra.utils.get_") and isinstance(value.get("path"), str):
                yield value["path"]
        for part in value.values():
            yield from _targets(part)
    elif isinstance(value, list):
        for part in value:
            yield from _targets(part)


def _version(package: str) -> str:
    """The version of the distribution that has a package; nothing for one of Python's own, or that is not there."""
    # The one that is imported stays in memory, whatever is installed later.
    return _version_since(package, None if package in sys.modules else _last_install())


def _last_install() -> tuple[int, ...]:
    """When something was last installed or removed."""
    return tuple(folder.stat().st_mtime_ns for folder in installed_folders() if folder.exists())


@cache
def _version_since(package: str, _: tuple[int, ...] | None) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ", ".join(version(name) for name in packages_distributions().get(package, ()))


def _is_own(package: str) -> bool:
    """Whether a package of the top level is the user's: it is somewhere, and not among what installers put there."""
    paths = [] if package in SKIPPED else _paths(package)
    return bool(paths) and not any(map(is_installed, paths))


def is_installed(path: Path) -> bool:
    """Whether a file or a folder is one of Python's own, or in a folder of installed packages, be it another's."""
    is_in_packages = not PACKAGES.isdisjoint(part.name for part in path.parents)
    return is_in_packages or any(path.resolve().is_relative_to(folder) for folder in installed_folders())


def _paths(package: str) -> list[Path]:
    """The file of a module of the top level, or the folders of a package; nothing for one that has neither."""
    try:
        spec = _spec(package)
    except ImportError:
        return []
    if spec is None:
        return []
    if spec.submodule_search_locations is not None:
        return [Path(folder).resolve() for folder in spec.submodule_search_locations]
    return [Path(spec.origin).resolve()] if spec.has_location and spec.origin else []


def _spec(package: str) -> ModuleSpec | None:
    """Where a package of the top level would be imported from now, which may be elsewhere than it was."""
    specs = (finder.find_spec(package, None) for finder in sys.meta_path)
    return next((spec for spec in specs if spec is not None), None)


@cache
def installed_folders() -> tuple[Path, ...]:
    """The folders of Python's own modules, and those into which installers put packages."""
    paths = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    return tuple(Path(path).resolve() for path in (*paths, *site.getsitepackages(), site.getusersitepackages()))


def _sources(target: str) -> dict[str, bytes]:
    """The sources of the module that has a target, and of the user's modules that it imports, by their names."""
    sources: dict[str, bytes] = {}
    pending = [target]
    while pending:
        for module, path in _modules(pending.pop()):
            if module not in sources:
                sources[module] = path.read_bytes()
                package = module if path.name == "__init__.py" else module.rpartition(".")[0]
                imported = _imports(sources[module], package) if path.suffix == ".py" else []
                pending += [name for name in imported if _is_own(name.partition(".")[0])]
    return sources


def _modules(dotted: str) -> Iterator[tuple[str, Path]]:
    """The modules on the way to a dotted name, each with its file; the last of its parts may be no modules."""
    name, *parts = dotted.split(".")
    paths = _paths(name)
    while paths:
        files = [file for path in paths for file in (path / "__init__.py", path) if file.is_file()]
        if files:
            yield name, files[0]
        if not parts:
            return
        part = parts.pop(0)
        name = f"{name}.{part}"
        beside = [place for path in paths for place in (path / part, path / f"{part}.py")]
        regular = [place for place in beside if (place / "__init__.py").is_file() or place.is_file()]
        paths = regular[:1] or [place for place in beside if place.is_dir()]


def _imports(source: bytes, package: str) -> list[str]:
    """The dotted names that a module imports, in a package; none of a file that is no Python, which can't run."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return []
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".") if package else []
            if node.level > len(parents):  # which Python refuses
                continue
            above = parents[: len(parents) - node.level + 1] if node.level else []
            names += [".".join([*above, *filter(None, [node.module]), alias.name]) for alias in node.names]
    return names
