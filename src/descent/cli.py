"""The console command: `descent VERB ...` runs `descent.commands.VERB.main()`."""

import importlib
import pkgutil
import sys
from types import ModuleType

from descent import commands
from descent.errors import UserError

INTERRUPTED = 130
"""The exit code of a command that Ctrl-C ended, as shells have it."""


def names() -> list[str]:
    """Every verb, in alphabetical order; a dash is as good as an underscore."""
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(commands.__path__))


def usage() -> str:
    """The help text: one line a verb, the first of its docstring."""
    lines = ["usage: descent VERB ...", "", "verbs:"]
    for name in names():
        doc = _module(name).__doc__ or ""
        lines.append(f"  {name:<18} {doc.splitlines()[0]}")
    return "\n".join([*lines, "", "`descent VERB --help` says more of one."])


def _module(verb: str) -> ModuleType:
    return importlib.import_module(f"{commands.__name__}.{verb.replace('-', '_')}")


def main() -> None:
    """Run the verb that the command line names; exit with 1 and one line on a user's error."""
    match sys.argv[1:]:
        case [] | ["-h" | "--help", *_]:
            print(usage())
        case [verb, *arguments] if verb.replace("_", "-") in names():
            sys.argv = [f"descent {verb}", *arguments]
            try:
                _module(verb).main()
            except UserError as error:
                sys.exit(f"descent {verb}: {error}")
            except KeyboardInterrupt:
                print(f"descent {verb}: interrupted", file=sys.stderr)
                sys.exit(INTERRUPTED)
        case [verb, *_]:
            sys.exit(f"descent: there is no verb {verb!r}; choose one of {', '.join(names())}")
