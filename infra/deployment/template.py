"""The template as CloudFormation gets it: infra/template.yaml with the page's headers and with names that stand fast.

Owns how infra/page-headers.json becomes a response headers policy. CloudFront has members of its own for the security
headers that it knows and takes them there only; the others are custom headers.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.deployment.errors import DeploymentError
from infra.tables import TEMPLATE, parsed

PAGE_HEADERS = Path(__file__).parents[1] / "page-headers.json"

_HSTS = re.compile(r"max-age=(\d+)(; includeSubDomains)?(; preload)?", re.IGNORECASE)
_NAMED = ("TableName", "LogGroupName")


def rendered_template(stage: str) -> dict[str, Any]:
    """Return the template for a stage.

    Names of what outlives the stack are written out: CloudFormation takes resources in again only by static names
    (AWS CloudFormation User Guide, "Import AWS resources into a CloudFormation stack automatically").
    """
    document: dict[str, Any] = copy.deepcopy(dict(parsed(TEMPLATE.read_text("utf-8"))))
    for resource in document["Resources"].values():
        properties = resource.get("Properties", {})
        for name in _NAMED:
            if "Fn::Sub" in properties.get(name, ()):
                properties[name] = properties[name]["Fn::Sub"].replace("${Stage}", stage)
    policy = document["Resources"]["PageHeaders"]["Properties"]["ResponseHeadersPolicyConfig"]
    policy.update(response_headers(json.loads(PAGE_HEADERS.read_text("utf-8"))))
    return document


def parameter_names() -> dict[str, str]:
    """Return the template's parameters that the deployment does not set by itself, with their descriptions."""
    parameters: dict[str, Any] = parsed(TEMPLATE.read_text("utf-8"))["Parameters"]
    own = {"Stage", "RestApiId", "DistributionSecret", "DistributionSecretSha256"}
    return {name: parameter["Description"] for name, parameter in parameters.items() if name not in own}


def response_headers(headers: Mapping[str, str]) -> dict[str, Any]:
    """Return what an AWS::CloudFront::ResponseHeadersPolicy says for headers by name. Raises DeploymentError."""
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
