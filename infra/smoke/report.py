"""What a check is, how it ends, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

Say = Callable[[str], None]


class FailedError(Exception):
    """Raised by a check that finds something wrong: what it is, and what to do about it."""

    def __init__(self, wrong: str, remedy: str) -> None:
        super().__init__(wrong)
        self.wrong = wrong
        self.remedy = remedy


class LeftOutError(Exception):
    """Raised by a check that cannot be made here, with the reason."""


class UnreachableError(Exception):
    """Raised if nothing answers where the site should be, with a message that says what to do."""


@dataclass(frozen=True)
class Check:
    """One sentence about a site, and how to find out whether it is true."""

    sentence: str
    prove: Callable[[], str | None]
    """Returns what is worth telling beside that it is so. Raises FailedError or LeftOutError."""


class Report:
    """Makes checks, says how each ended, and counts."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self.passed = 0
        self.failed: list[str] = []
        self.left_out = 0

    def heading(self, words: str) -> None:
        """Say what the checks after this are about."""
        self._say("")
        self._say(words)

    def make(self, check: Check) -> None:
        """Make one check and say how it ended."""
        try:
            note = check.prove()
        except FailedError as failure:
            self._fail(check, failure.wrong, failure.remedy)
        except LeftOutError as reason:
            self.left_out += 1
            self._say(f"  -     {check.sentence} Left out: {reason}.")
        except (AttributeError, LookupError, TypeError, ValueError) as malformed:
            # What an answer holds is taken as it comes; here is the one place that expects anything of it.
            self._fail(
                check,
                f"An answer has not the form that docs/http-api.md gives it ({type(malformed).__name__}: {malformed}).",
                "Another version than that of this checkout may be deployed, or something on the way changes answers.",
            )
        else:
            self.passed += 1
            self._say(f"  ok    {check.sentence}{f' ({note})' if note else ''}")

    def _fail(self, check: Check, wrong: str, remedy: str) -> None:
        self.failed.append(check.sentence)
        self._say(f"  FAIL  {check.sentence}")
        for line in wrong.splitlines():
            self._say(f"        {line}")
        self._say(f"        What to do: {remedy}")

    def leave_out(self, checks: Sequence[Check], reason: str) -> None:
        """Say that checks are not made, and why."""
        self.left_out += len(checks)
        self._say(f"  -     {len(checks)} checks left out: {reason}.")

    def close(self, subject: str) -> bool:
        """Say how it went as a whole and return whether nothing failed."""
        self._say("")
        left_out = f", {self.left_out} left out" if self.left_out else ""
        self._say(f"{subject}: {self.passed} checks passed, {len(self.failed)} failed{left_out}.")
        for sentence in self.failed:
            self._say(f"  failed: {sentence}")
        return not self.failed
