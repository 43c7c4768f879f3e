"""What was looked at, what was found, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

from botocore.exceptions import ClientError

from chalicelib.errors import ConfigurationError, ServiceUnavailable
from infra.deployment.checks.findings import Check
from infra.deployment.errors import DeploymentError, explained, is_denied
from infra.keys.places import PlaceError
from infra.local.errors import LocalError


class Grade(Enum):
    """How it is, as it is printed."""

    OK = "ok"
    ADVICE = "advice"
    """It works, and could be better."""
    WRONG = "WRONG"
    UNKNOWN = "unknown"
    """It could not be looked at."""


@dataclass(frozen=True)
class Diagnosis:
    """What was found of one thing."""

    name: str
    grade: Grade
    what: str
    do: str = ""
    """What to do about it, empty if there is nothing to do."""

    def body(self) -> dict[str, str | None]:
        """Return it in JSON form."""
        return {"name": self.name, "state": self.grade.value.lower(), "what": self.what, "do": self.do or None}


Examine = Callable[[], Iterator[Diagnosis]]


def examined(name: str, examine: Examine, ask_for: str) -> Iterator[Diagnosis]:
    """Yield what is found. What cannot be looked at is a diagnosis too, and so is what is not as it has to be.

    ``ask_for`` is what to do without the permission.
    """
    try:
        with explained():
            yield from examine()
    except DeploymentError as error:
        if isinstance(error.__cause__, ClientError) and is_denied(error.__cause__):
            yield Diagnosis(name, Grade.UNKNOWN, f"it could not be looked at: {error}", ask_for)
        else:
            yield Diagnosis(name, Grade.WRONG, str(error))
    except (ConfigurationError, LocalError, PlaceError) as error:
        yield Diagnosis(name, Grade.WRONG, str(error))
    except ServiceUnavailable as error:
        yield Diagnosis(name, Grade.UNKNOWN, f"AWS did not answer: {error.__cause__ or error.reason}", "Try again.")


def of_check(check: Check) -> Diagnosis:
    """Return what a check of a deployment found, whose sentence says what to do."""
    finding = check.finding()
    return Diagnosis(finding.name, Grade(finding.state.value), " ".join(finding.sentence.split()))
