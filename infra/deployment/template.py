"""The template for CloudFormation: infra/template.yaml with the page's headers, the dashboard, and static names.

Owns how infra/page-headers.json becomes a response headers policy. CloudFront accepts the security headers that it
knows only in members of their own. All others are custom headers.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from infra.deployment.dashboard import dashboard_body
from infra.deployment.errors import DeploymentError
from infra.intrinsic_functions import condition_holds
from infra.tables import TEMPLATE, parsed

PAGE_HEADERS = Path(__file__).parents[1] / "page-headers.json"

_HSTS = re.compile(r"max-age=(\d+)(; includeSubDomains)?(; preload)?", re.IGNORECASE)
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_CONSTRAINTS = frozenset({"AllowedPattern", "AllowedValues", "MinValue"})
_NO_VALUE = {"Ref": "AWS::NoValue"}


def rendered_template(stage: str) -> dict[str, Any]:
    """Return the template for a stage.

    Names with the stage become static. Resources that outlive the stack need that, because CloudFormation imports
    existing resources by static names only (AWS CloudFormation User Guide, "Import AWS resources into a CloudFormation
    stack automatically"). The others get shorter by it.
    """
    document: dict[str, Any] = copy.deepcopy(dict(parsed(TEMPLATE.read_text("utf-8"))))
    document["Resources"] = _with_static_names(document["Resources"], stage)
    # CloudFormation takes 51,200 characters. `make deploy --help` has what is left out.
    for described in (*document["Parameters"].values(), *document["Outputs"].values()):
        described.pop("Description", None)
    policy = document["Resources"]["PageHeaders"]["Properties"]["ResponseHeadersPolicyConfig"]
    policy.update(response_headers(json.loads(PAGE_HEADERS.read_text("utf-8"))))
    document["Resources"]["Dashboard"]["Properties"]["DashboardBody"] = _dashboard(document, stage)
    return document


def _with_static_names(value: Any, stage: str) -> Any:  # noqa: ANN401 - any YAML value
    if isinstance(value, list):
        return [_with_static_names(each, stage) for each in value]
    if not isinstance(value, dict):
        return value
    text = value.get("Fn::Sub")
    if isinstance(text, str) and _VARIABLE.findall(text) == ["Stage"]:
        return text.replace("${Stage}", stage)
    return {name: _with_static_names(each, stage) for name, each in value.items()}


def decided(template: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    """Return the template that is sent: shorter, because it has what each `Fn::If` says for these values.

    What decides whether there is a resource at all stays a condition. What a parameter takes was checked before.
    """
    result: dict[str, Any] = {
        name: _decided(each, template, given) for name, each in template.items() if name != "Metadata"
    }
    result["Parameters"] = {
        name: {member: each for member, each in slot.items() if member not in _CONSTRAINTS}
        for name, slot in result["Parameters"].items()
    }
    conditions, used = result["Conditions"], set(_conditions_in([result["Resources"], result["Outputs"]]))
    while not (others := set(_conditions_in([conditions[name] for name in used]))) <= used:
        used |= others
    return {**result, "Conditions": {name: each for name, each in conditions.items() if name in used}}


def _decided(value: Any, template: Mapping[str, Any], given: Mapping[str, str]) -> Any:  # noqa: ANN401 - any YAML value
    if isinstance(value, list):
        elements = [_decided(each, template, given) for each in value]
        return [each for each in elements if each != _NO_VALUE]
    if not isinstance(value, dict):
        return value
    if set(value) == {"Fn::If"}:
        condition, then, otherwise = value["Fn::If"]
        return _decided(then if condition_holds(condition, template, given) else otherwise, template, given)
    members = {name: _decided(each, template, given) for name, each in value.items()}
    return {name: each for name, each in members.items() if each != _NO_VALUE}


def _conditions_in(value: Any) -> Iterator[str]:  # noqa: ANN401 - any YAML value
    if isinstance(value, list):
        for each in value:
            yield from _conditions_in(each)
    elif isinstance(value, dict):
        for name, each in value.items():
            if name == "Condition" and isinstance(each, str):
                yield each
            else:
                yield from _conditions_in(each)


def _dashboard(document: Mapping[str, Any], stage: str) -> dict[str, Any]:
    resources: Mapping[str, Any] = document["Resources"]
    # A graph of the mail table would be one that costs: the dashboard has as many metrics as are free.
    tables = [
        each["Properties"]["TableName"]
        for logical_id, each in resources.items()
        if each["Type"] == "AWS::DynamoDB::Table" and logical_id != "MailTable"
    ]
    alarms: dict[str, list[str]] = {"HasAlarms": []}
    for logical_id, each in resources.items():
        if each["Type"] == "AWS::CloudWatch::Alarm":
            alarms.setdefault(each["Condition"], []).append(logical_id)
    return dashboard_body(stage, tables, alarms)


def parameter_names() -> dict[str, str]:
    """Return the names and descriptions of the template's parameters that the deployment does not set itself."""
    parameters: dict[str, Any] = parsed(TEMPLATE.read_text("utf-8"))["Parameters"]
    secrets = {f"{which}DistributionSecret{what}" for which in ("First", "Second") for what in ("", "Sha256")}
    own = {"Stage", "RestApiId", "DistributionSends", "MailFrom", "SesRegion", "HasMailer", "Webhooks", *secrets}
    return {name: parameter["Description"] for name, parameter in parameters.items() if name not in own}


def refuse_parameters(given: Mapping[str, str]) -> None:
    """Raise DeploymentError for a parameter that is none, or that has a value which CloudFormation would not take."""
    known = parameter_names()
    declared: dict[str, Any] = parsed(TEMPLATE.read_text("utf-8"))["Parameters"]
    for name, value in given.items():
        if name not in known:
            raise DeploymentError(f"there is no parameter {name}. The parameters are: {', '.join(known)}")
        if (wanted := _unmet(declared[name], value)) is not None:
            raise DeploymentError(f"the parameter {name} cannot be {value!r}: it takes {wanted}. {known[name]}")
    if given.get("DomainName") and not given.get("CertificateArn"):
        raise DeploymentError("DomainName needs CertificateArn: a certificate in ACM, in the region us-east-1")
    if given.get("BounceDomain") and given.get("MailDomain") == "":
        raise DeploymentError("BounceDomain needs MailDomain: it belongs to the identity that the stack makes")


def _unmet(declared: Mapping[str, Any], value: str) -> str | None:
    """Return what a parameter takes, None if it takes the value."""
    if declared["Type"] == "Number":
        if re.fullmatch(r"[0-9]+(\.[0-9]+)?", value) is None:
            return "a number"
        if float(value) < declared.get("MinValue", 0):
            return f"{declared['MinValue']} or more"
    allowed = [str(each) for each in declared.get("AllowedValues", [value])]
    if value not in allowed:
        return f"one of {', '.join(allowed)}"
    pattern = declared.get("AllowedPattern", ".*")
    return None if re.fullmatch(pattern, value) else f"what matches {pattern}"


def response_headers(headers: Mapping[str, str]) -> dict[str, Any]:
    """Return the configuration of an AWS::CloudFront::ResponseHeadersPolicy for these headers.

    Raises DeploymentError if Strict-Transport-Security has another form than CloudFront supports.
    """
    security: dict[str, Any] = {}
    custom = []
    for name, value in headers.items():
        match name.lower():
            case "content-security-policy":
                security["ContentSecurityPolicy"] = {"ContentSecurityPolicy": value, "Override": True}
            case "strict-transport-security":
                security["StrictTransportSecurity"] = _strict_transport_security(value)
            case "x-content-type-options":
                security["ContentTypeOptions"] = {"Override": True}
            case "x-frame-options":
                security["FrameOptions"] = {"FrameOption": value, "Override": True}
            case "referrer-policy":
                security["ReferrerPolicy"] = {"ReferrerPolicy": value, "Override": True}
            case _:
                custom.append({"Header": name, "Value": value, "Override": True})
    return {"SecurityHeadersConfig": security, "CustomHeadersConfig": {"Items": custom}}


def _strict_transport_security(value: str) -> dict[str, Any]:
    found = _HSTS.fullmatch(value)
    if found is None:
        raise DeploymentError(f"page-headers.json: Strict-Transport-Security is not understood: {value}")
    return {
        "AccessControlMaxAgeSec": int(found[1]),
        "IncludeSubdomains": found[2] is not None,
        "Preload": found[3] is not None,
        "Override": True,
    }
