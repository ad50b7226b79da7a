"""The console command: `descent COMMAND WORD ...` runs `descent.commands.COMMAND.main([WORD, ...])`."""

import importlib
import io
import os
import pkgutil
import signal
import sys
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from types import ModuleType

from descent import commands
from descent.completion import complete
from descent.errors import Terminated, UserError, machine_error, printable, terminate
from descent.project import find_project

INTERRUPTED = 130
"""The exit code of a command that Ctrl-C ended, as in shells."""


def names() -> list[str]:
    """Every command, in alphabetical order, with dashes; underscores are accepted as well."""
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(commands.__path__))


def usage() -> str:
    """The help text: one line a command, the first of its docstring."""
    lines = ["usage: descent COMMAND ...", "", "commands:"]
    for name in names():
        doc = _module(name).__doc__ or ""
        lines.append(f"  {name:<18} {doc.splitlines()[0]}")
    install = 'eval "$(descent -sc install=bash)" completes words with the tab key, in bash and zsh.'
    return "\n".join([*lines, "", "`descent COMMAND --help` says more of one.", install])


def _module(command: str) -> ModuleType:
    return importlib.import_module(f"{commands.__name__}.{command.replace('-', '_')}")


def main() -> None:
    """Run the command that the command line names; exit with 1 and one line on a user's error."""
    _print_anything()
    match sys.argv[1:]:
        case [] | ["-h" | "--help", *_]:
            print(usage())
        case ["-V" | "--version"]:
            print(f"descent {version('descent')}")
        case ["-sc" | "--shell_completion", *words]:
            complete(words, names(), lambda command, line: _module(command).main(line))
        case [command, *arguments] if command.replace("_", "-") in names():
            if project := find_project():
                sys.path.insert(0, str(project))  # for the modules of the user's that a configuration names
            for number in (signal.SIGTERM, signal.SIGHUP):
                if signal.getsignal(number) is signal.SIG_DFL:  # else whoever started the command has it ignored
                    signal.signal(number, terminate)
            if code := exit_code(command, partial(_module(command).main, arguments)):
                sys.exit(code)
        case [command, *_]:
            sys.exit(f"descent: there is no command {command!r}; choose one of {', '.join(names())}")


def exit_code(command: str, main: Callable[[], object]) -> int | str | None:
    """Run a command; return its exit code, or what to print before exiting with 1."""
    try:
        main()
    except UserError as error:
        return f"descent {command}: {printable(str(error))}"
    except UnicodeEncodeError as error:
        characters = ascii(error.object[error.start : error.end])
        return (
            f"descent {command}: {characters} can't be written in {error.encoding}; "
            "use names in UTF-8, and a UTF-8 locale or PYTHONUTF8=1"
        )
    except OSError as error:
        reason = machine_error(error)
        if reason is None:
            raise
        return f"descent {command}: {printable(reason)}"
    except Terminated as error:
        print(f"descent {command}: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print(f"descent {command}: interrupted", file=sys.stderr)
        return INTERRUPTED
    return None


def _print_anything() -> None:
    """Let this process, and those that it starts, print escapes for characters that the locale's encoding lacks."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr does
        os.environ["PYTHONIOENCODING"] = f"{sys.stdout.encoding}:backslashreplace"
