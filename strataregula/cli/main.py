"""The program ``strataregula``.

Exit codes: 0 fine, 1 the sources have errors (or an explained key is absent), 2 wrong usage, 3 a file cannot
be read or written, 70 a fault of strataregula itself, 130 interrupted, 141 the output's reader has gone.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from strataregula import __version__

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command with ``argv`` (``sys.argv[1:]``) and return its exit code; nothing is raised."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments == ["--version"]:
        sys.stdout.write(f"strataregula, version {__version__}\n")
        return 0
    try:
        from strataregula.cli.commands import run  # noqa: PLC0415  -- who asks for the version waits for no click

        return run(arguments)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return 130


if __name__ == "__main__":
    sys.exit(main())
