"""The checks of CORS: what a browser lets a page read, by its origin (Fetch standard, section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence

from infra.smoke.api import Api
from infra.smoke.report import Check, FailedError, LeftOutError
from infra.smoke.site import Answer

OWN_ORIGIN = "A browser lets a page of the site's own origin call the API, by preflight and by answer."
OTHER_ORIGIN = "It lets a page of the other allowed origin call the API, too."
REFUSALS = "A page of the other allowed origin can read a refusal of the authorizer."
FOREIGN_ORIGIN = "It lets a page of a foreign origin read nothing."

FOREIGN = "https://foreign.example"
_METHODS = ("GET", "POST", "PUT", "DELETE")
_HEADERS = ("authorization", "content-type")
_REMEDY = (
    "LYCHGATE_ALLOWED_ORIGINS of the stage has to list the origin. The distribution has to pass `Origin` on "
    "(origin request policy AllViewerExceptHostHeader) and the method OPTIONS."
)


class CorsChecks:
    """What there is to say about an API and pages of several origins."""

    def __init__(self, api: Api, other_origin: str | None) -> None:
        self._api = api
        self._other = other_origin

    def checks(self) -> Sequence[Check]:
        """Return the checks in their order."""
        return (
            Check(OWN_ORIGIN, lambda: self._lets_call(self._api.site.origin)),
            Check(OTHER_ORIGIN, self._lets_other_call),
            Check(REFUSALS, self._lets_read_refusals),
            Check(FOREIGN_ORIGIN, self._lets_foreign_read_nothing),
        )

    def _preflight(self, origin: str) -> Answer:
        headers = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": ",".join(_HEADERS)}
        return self._api.ask("OPTIONS", "/me", origin=origin, headers=headers)

    def _lets_call(self, origin: str) -> None:
        preflight = self._preflight(origin)
        _expect_allowed(preflight, origin)
        for name, needed in (("Methods", _METHODS), ("Headers", _HEADERS)):
            listed = preflight.header(f"Access-Control-Allow-{name}") or ""
            if missing := [item for item in needed if item.lower() not in listed.lower()]:
                raise FailedError(
                    f"{preflight.question} from {origin}: Access-Control-Allow-{name} is {listed or 'missing'}, and "
                    f"should list {', '.join(missing)} too.",
                    _REMEDY,
                )
        if not 200 <= preflight.status < 300:  # noqa: PLR2004 - what Fetch calls an ok status
            raise FailedError(
                f"{preflight.question} from {origin} answered {preflight.status}: a browser takes 2xx only.", _REMEDY
            )
        _expect_allowed(self._api.ask("GET", "/health", origin=origin), origin)

    def _lets_other_call(self) -> None:
        if self._other is None:
            raise LeftOutError("give --origin to check one")
        self._lets_call(self._other)

    def _lets_read_refusals(self) -> None:
        if self._other is None:
            raise LeftOutError("give --origin to check one")
        for bearer in (None, "nonsense"):
            answer = self._api.ask("GET", "/me", origin=self._other, bearer=bearer)
            # A gateway response cannot choose between several origins; its 401 may say that everybody may read it.
            _expect_allowed(answer, self._other, "*")

    def _lets_foreign_read_nothing(self) -> None:
        for answer in (self._preflight(FOREIGN), self._api.ask("GET", "/health", origin=FOREIGN)):
            allowed = answer.header("Access-Control-Allow-Origin")
            if allowed in {FOREIGN, "*", "null"}:
                raise FailedError(
                    f"{answer.question} from {FOREIGN}: Access-Control-Allow-Origin is {allowed}, and a browser would "
                    "let any page read the answer.",
                    "Look for CORS headers of a response headers policy of the distribution: the API sets its own.",
                )


def _expect_allowed(answer: Answer, origin: str, *others: str) -> None:
    allowed = answer.header("Access-Control-Allow-Origin")
    if allowed not in {origin, *others}:
        raise FailedError(
            f"{answer.question} from {origin}: Access-Control-Allow-Origin is {allowed or 'missing'}.", _REMEDY
        )
