"""The program around the commands: examples in the help, and every exit in one place."""

import os
import re
import sys
from collections.abc import Callable, Collection, Iterable, Sequence
from difflib import get_close_matches
from typing import Any, NoReturn

import click
from click.shell_completion import shell_complete

NAME = "gilscope"
COMPLETE = "_GILSCOPE_COMPLETE"

FINE, FAILED, USAGE, INCONCLUSIVE = 0, 1, 2, 3
INTERRUPTED, PIPE_CLOSED = 130, 141  # as a shell reports a program that SIGINT or SIGPIPE ended


class Failure(click.ClickException):
    """Ends the command with one line on stderr and this exit status."""

    def __init__(self, message: str, status: int = FAILED) -> None:
        super().__init__(message)
        self.status = status


class Command(click.Command):
    """A command with examples: pairs of a command line and what it does."""

    def __init__(self, *arguments: Any, examples: Iterable[tuple[str, str]] = (), **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.examples = list(examples)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx  # so that every message can name the command's own help
            raise

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        widest = max(len(line) for line, _ in self.examples)
        with formatter.section("Examples"):
            if all(widest + len(meaning) + 4 <= formatter.width for _, meaning in self.examples):
                formatter.write_dl(self.examples, col_max=widest)
                return
            for line, meaning in self.examples:  # a command is never broken, so that it can be copied
                formatter.write(f"  {line}\n      {meaning}\n")


class Program(click.Group):
    """The commands, and what happens when one fails: one line on stderr, an exit status, no traceback.

    A command returns its exit status, or None for 0.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            raise unknown("command", args[0], self.list_commands(ctx), f"{NAME} --help")
        return super().resolve_command(ctx, args)

    def main(self, args: Sequence[str] | None = None, **_: Any) -> NoReturn:  # type: ignore[override]
        if instruction := os.environ.get(COMPLETE):
            sys.exit(shell_complete(self, {}, NAME, COMPLETE, instruction))
        for name in ("stdout", "stderr"):
            if getattr(sys, name) is None:  # closed by whoever started us
                setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
        status = _status(lambda: self._run(sys.argv[1:] if args is None else list(args)))
        try:
            sys.stdout.flush()
        except OSError:
            # The rest cannot be written, and must not fail again when the interpreter flushes it at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(status)

    def _run(self, arguments: list[str]) -> int:
        with self.make_context(NAME, arguments) as context:
            status: int | None = self.invoke(context)
        sys.stdout.flush()  # here, where a failure still counts
        return status or FINE


def unknown(kind: str, name: str, known: Collection[str], see: str) -> click.UsageError:
    """The error for an unknown name, with the nearest known one."""
    near = get_close_matches(name.lower(), known, 1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return click.UsageError(f"unknown {kind} {_shown(name)}{hint} (see {see!r})")


def _shown(text: str) -> str:
    """The user's text, quoted, in one short line."""
    return repr(text if len(text) <= 40 else text[:37] + "...")


def _status(run: Callable[[], int]) -> int:
    try:
        return run()
    except click.exceptions.Exit as way_out:
        return way_out.exit_code
    except Failure as error:
        return _print_error(error.message, error.status)
    except click.ClickException as error:
        return _print_error(_message(error), error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        return _print_error("interrupted", INTERRUPTED)
    except BrokenPipeError:  # the reader stopped, as `head` does
        return PIPE_CLOSED
    except OSError as error:
        return _print_error(f"{error.filename}: {error.strerror}" if error.filename else str(error), FAILED)
    except MemoryError as error:
        return _print_error(f"not enough memory: {error}" if str(error) else "not enough memory", FAILED)
    except ImportError as error:
        return _print_error(_import_message(error), FAILED)


def _print_error(message: str, status: int) -> int:
    line = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in " ".join(message.split()))
    click.echo(f"{NAME}: {line}", err=True)
    return status


def _message(error: click.ClickException) -> str:
    """Any of click's messages as one line in this program's style, with the help to see."""
    if not isinstance(error, click.UsageError):
        return error.format_message()
    message = error.format_message()
    if isinstance(error, click.NoSuchOption):
        near = f"; did you mean {error.possibilities[0]!r}?" if error.possibilities else ""
        message = f"unknown option {_shown(error.option_name)}{near}"
    elif isinstance(error, click.BadParameter) and not isinstance(error, click.MissingParameter) and error.param:
        message = f"{error.param.opts[-1]}: {error.message}"
    if message.endswith("')"):  # it names the help to see
        return message
    message = re.sub(r"\.$", "", message[:1].lower() + message[1:])
    path = error.ctx.command_path if error.ctx else NAME
    return f"{message} (see '{path} --help')"


def _import_message(error: ImportError) -> str:
    """What to do about a compiled module. Any other failed import is a bug of ours, and is raised again."""
    if "compiled from other sources" in str(error):  # gilscope.scope.layout, which says what to do
        return str(error)
    if not re.search(r"gilscope\.(capi|cy)\b", f"{error.name} {error}"):
        raise error
    return f"{error}; build the extensions again, and see 'gilscope doctor'"
