"""The check of the domain that a stage's passkeys are made for, which they do not outlive.

Owns what is said where that is CloudFront's own domain, and where a deployment would change it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.config.api import rp_id
from chalicelib.config.environment import site_name
from chalicelib.errors import ConfigurationError
from infra.deployment.checks.findings import State
from infra.deployment.foundation import APP_NAME
from infra.versions import live_configuration

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.deployment.resources import Resources

_GUIDE = "docs/deployment.md, section Passkeys and the domain"
_RP_ID = "LYCHGATE_RP_ID"


def settings(resources: Resources, parameters: Mapping[str, str]) -> tuple[State, str]:
    """Look whether the settings of passkeys fit the domain that the stage will have."""
    variables, domain = resources.variables(), _domain(resources, parameters)
    wrong = _wrong_setting(variables, domain, is_own=bool(parameters.get("DomainName")))
    if wrong is not None:
        return State.WRONG, f"{wrong}. It is a variable of the stage in .chalice/config.json"
    return State.OK, f"they belong to {variables.get(_RP_ID, '').strip() or domain or 'a domain of CloudFront'}"


def relying_party(resources: Resources, parameters: Mapping[str, str]) -> tuple[State, str]:
    """Look at the settings, and say what the domain means for passkeys: those of today and those to come."""
    return _looked_at(resources, parameters, _earlier(resources))


def news(resources: Resources, parameters: Mapping[str, str]) -> tuple[State, str]:
    """Say the same where a deployment fixes the domain, because it is the first one, or changes it. Else say ""."""
    earlier = _earlier(resources)
    is_news = not earlier or _moved(resources, parameters, earlier)
    return _looked_at(resources, parameters, earlier) if is_news else (State.OK, "")


def _looked_at(resources: Resources, parameters: Mapping[str, str], earlier: str) -> tuple[State, str]:
    state, sentence = settings(resources, parameters)
    if state is State.OK and (moved := _moved(resources, parameters, earlier)):
        return state, moved
    if state is State.OK and not parameters.get("DomainName"):
        sentence += f", and would not work at one of your own. Set that first (DomainName), passkeys second ({_GUIDE})"
    return state, sentence


def _moved(resources: Resources, parameters: Mapping[str, str], earlier: str) -> str:
    """Return what is to say if passkeys belong to another domain now than they will, "" if not."""
    domain = _domain(resources, parameters)
    later = resources.variables().get(_RP_ID, "").strip() or domain
    if earlier in {"", later}:
        return ""
    return (
        f"they move from {earlier} to {later}. Those that users have made by now do not work there: their users log in"
        f" in another way, and make new ones ({_GUIDE})"
    )


def _domain(resources: Resources, parameters: Mapping[str, str]) -> str:
    """Return the domain that the site will have, "" if CloudFront has not chosen it yet."""
    return parameters.get("DomainName", "").lower() or resources.stack.outputs().get("DistributionDomainName", "")


def _earlier(resources: Resources) -> str:
    """Return the domain that passkeys are made for by what answers now, "" if nothing does."""
    found = live_configuration(resources.session.client("lambda"), f"{APP_NAME}-{resources.stage}")
    try:
        return rp_id(found.get("Environment", {}).get("Variables", {})) if found is not None else ""
    except ConfigurationError:
        return ""


def _wrong_setting(variables: Mapping[str, str], domain: str, *, is_own: bool) -> str | None:
    """Return what is wrong with the settings of passkeys for this domain, None if nothing is."""
    chosen = variables.get(_RP_ID, "").strip()
    if chosen and not is_own and chosen != domain:
        return (
            f"{_RP_ID} is {chosen}, but without DomainName the stage has a domain of CloudFront, and browsers refuse"
            " what is above that. Give DomainName, or take the variable out"
        )
    try:
        site_name(variables)
        rp_id({**variables, "LYCHGATE_ISSUER": f"https://{domain}/api"})
    except ConfigurationError as error:
        return error.reason
    return None
