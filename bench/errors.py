"""The error tree of the guard, and the exit code that each branch means.

::

    BenchGuardError                    2
    |-- ConfigurationError             2   settings, arguments, budget texts
    |-- DiscoveryError                 4   no suite file, nothing collected
    |   `-- SuiteNotFoundError         2   a setting names a suite that does not exist
    |-- SubjectError                   4   the subject is not where the project says it is
    |   `-- SubjectNotFoundError       2   a setting names a subject that does not exist
    |-- MeasurementError               4   no worker could be started
    |-- GitError                       2   a revision, a repository or git itself is not as needed
    |-- StoreError                     2   a file that cannot be read or written
    |   |-- DamagedFileError           2   not what its format says
    |   `-- NewerFormatError           2   written by a newer version
    `-- Interrupted                  130   Ctrl-C; finished benchmarks are kept

What goes wrong inside one benchmark (it raises, hangs, kills its process) is no exception here but a
:class:`bench.model.ProcessFailure`, so that the other benchmarks go on.
"""

from __future__ import annotations

from typing import ClassVar


class BenchGuardError(Exception):
    """Base of every error that a user can cause; ``message`` is complete, ``hint`` says what to type next."""

    exit_code: ClassVar[int] = 2

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message}\n  hint: {self.hint}"


class ConfigurationError(BenchGuardError):
    """A setting, an argument or a budget text that cannot be understood."""


class DiscoveryError(BenchGuardError):
    """No suite file was found, or nothing in them is a benchmark."""

    exit_code = 4


class SuiteNotFoundError(DiscoveryError):
    """A suite that a setting names does not exist."""

    exit_code = 2


class SubjectError(BenchGuardError):
    """The package to measure is missing, or resolves to another place than the project."""

    exit_code = 4


class SubjectNotFoundError(SubjectError):
    """A subject that a setting names does not exist in the project."""

    exit_code = 2


class MeasurementError(BenchGuardError):
    """No measurement is possible on this host at all."""

    exit_code = 4


class GitError(BenchGuardError):
    """A revision that git does not know, a repository that it cannot use, or no git at all."""


class StoreError(BenchGuardError):
    """A baseline or run file that cannot be read or written."""


class DamagedFileError(StoreError):
    """A file whose content is not what its format says; it is never overwritten."""


class NewerFormatError(StoreError):
    """A file written by a newer version of this program; it is never overwritten."""


class Interrupted(BenchGuardError):  # noqa: N818  -- an event, like KeyboardInterrupt
    """The user pressed Ctrl-C; what was finished is kept."""

    exit_code = 130
