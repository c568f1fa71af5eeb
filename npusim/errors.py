"""What goes wrong, where, and what to do about it: one sentence, one code, one exit code."""

from __future__ import annotations


class NpusimError(Exception):
    """A failure that the user can act on.

    Attributes:
        what: the fault, in words.
        code: its kind, such as ``shape-mismatch``; printed in brackets at the end of the line.
        where: the file, node or line it stands in; empty where nothing narrower than the command is to blame.
        fix: what the user can do; empty where the fault says it.
    """

    exit_code = 2

    def __init__(self, what: str, *, code: str, where: str = "", fix: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.code = code
        self.where = where
        self.fix = fix

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        if self.fix:
            text = f"{text}; {self.fix}"
        # One line whatever the names in the user's file hold.
        return f"{' '.join(text.split())} [{self.code}]"


class InputError(NpusimError):
    """The user's input is wrong: a file, an option or a profile. Exit code 2."""


class EstimateError(NpusimError):
    """The estimate could not be made as asked, though the input is well formed. Exit code 1."""

    exit_code = 1
