"""What moto's CloudFront lacks: listing the policies that CloudFormation's emulation has made."""

from unittest import mock

from moto.cloudfront.urls import url_paths

from tests.deployment.recorded_resources import Recorded

_LISTED = {"ResponseHeadersPolicy": "response-headers-policy", "CachePolicy": "cache-policy"}
"""The path below which the policies of each kind are listed."""


def patches():
    """Yield context managers that add it."""
    for kind, path in _LISTED.items():
        yield mock.patch.dict(url_paths, {f"{{0}}/2020-05-31/{path}$": _listing(kind)})


def _listing(kind):
    def list_all(request, full_url, headers):
        names = [made.properties[f"{kind}Config"]["Name"] for made in _made(kind)]
        items = "".join(
            f"<{kind}Summary><Type>custom</Type><{kind}><Id>0</Id><{kind}Config>"
            f"<Name>{name}</Name></{kind}Config></{kind}></{kind}Summary>"
            for name in names
        )
        listed = f"<MaxItems>100</MaxItems><Quantity>{len(names)}</Quantity><Items>{items}</Items>"
        return 200, {}, f"<{kind}List>{listed}</{kind}List>"

    return list_all


def _made(kind):
    return [made for made in Recorded.made.values() if made.kind == f"AWS::CloudFront::{kind}"]
