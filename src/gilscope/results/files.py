"""Result files: one way to read JSON and one to write it, whole or not at all."""

import json
import os
import sys
import tempfile
from pathlib import Path

from gilscope.results.codec import FormatError, Json, encode, shown


def write(value: object, path: str | os.PathLike[str]) -> None:
    """Write indented JSON.

    A symbolic link is followed, not replaced. A pipe or a device is written to. Any other file appears whole or not at
    all.

    Parameters
    ----------
    value
        Any result, or anything else that gilscope.results.codec can encode.
    path
        The file; "-" for standard output.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    text = json.dumps(encode(value), indent=1) + "\n"
    if str(path) == "-":
        sys.stdout.write(text)
        return
    target = Path(path)
    if target.exists() and not target.is_file():
        target.write_text(text)
        return
    target = target.resolve()
    with tempfile.NamedTemporaryFile("w", dir=target.parent, prefix=f".{target.name}.", delete=False) as file:
        temporary = Path(file.name)
        try:
            file.write(text)
            file.flush()
            temporary.chmod(0o644)
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def read(path: str | os.PathLike[str]) -> Json:
    """The JSON of a file; "-" means standard input. FormatError says in one line what is wrong with it."""
    try:
        text = sys.stdin.read() if str(path) == "-" else Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise FormatError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise FormatError(f"{path}: not a text file") from error
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{path}: not JSON ({error})") from error


def check_format(value: Json, where: str, name: str, versions: tuple[int, ...], made_by: str) -> int:
    """The version of a document of this format. FormatError for any other document."""
    if not isinstance(value, dict) or value.get("format") != name:
        raise FormatError(f"{where}: not a file from {made_by!r} (its format is not {name!r})")
    version = value.get("version")
    if version not in versions:
        known = ", ".join(map(str, versions))
        raise FormatError(
            f"{where}: {name} version {shown(version)}, but this gilscope reads only {known}; install a newer gilscope"
        )
    return int(version)
