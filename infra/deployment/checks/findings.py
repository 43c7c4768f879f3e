"""What a check found, in one sentence, and whether a deployment would fail for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from botocore.exceptions import ClientError

from infra.deployment.errors import DeploymentError, explained, is_denied


class State(Enum):
    """What became of a check, as it is printed."""

    OK = "ok"
    WRONG = "WRONG"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Finding:
    """The result of one check."""

    name: str
    state: State
    sentence: str

    def __str__(self) -> str:
        return f"{self.state.value:8}{self.name}: {' '.join(self.sentence.split())}"


@dataclass(frozen=True)
class Check:
    """A check by its name, which begins its line. ``look`` returns the state and the sentence, and changes nothing."""

    name: str
    look: Callable[[], tuple[State, str]]

    def finding(self) -> Finding:
        """Return what the check found. An error of AWS is a finding too; a missing permission makes it unknown."""
        try:
            with explained():
                return Finding(self.name, *self.look())
        except DeploymentError as error:
            if isinstance(error.__cause__, ClientError) and is_denied(error.__cause__):
                return Finding(self.name, State.UNKNOWN, f"could not be looked at: {error}")
            return Finding(self.name, State.WRONG, str(error))
