"""What moto's CloudFront lacks: listing the response headers policies, which CloudFormation's emulation has made."""

from unittest import mock

from moto.cloudfront.urls import url_paths

from tests.deployment.recorded_resources import Recorded

_KIND = "AWS::CloudFront::ResponseHeadersPolicy"


def patches():
    """Yield context managers that add it."""
    yield mock.patch.dict(url_paths, {"{0}/2020-05-31/response-headers-policy$": _list})


def _list(request, full_url, headers):
    names = [made.properties["ResponseHeadersPolicyConfig"]["Name"] for made in _made()]
    items = "".join(
        "<ResponseHeadersPolicySummary><Type>custom</Type><ResponseHeadersPolicy><Id>0</Id><ResponseHeadersPolicyConfig>"
        f"<Name>{name}</Name></ResponseHeadersPolicyConfig></ResponseHeadersPolicy></ResponseHeadersPolicySummary>"
        for name in names
    )
    return (
        200,
        {},
        (
            f"<ResponseHeadersPolicyList><MaxItems>100</MaxItems><Quantity>{len(names)}</Quantity>"
            f"<Items>{items}</Items></ResponseHeadersPolicyList>"
        ),
    )


def _made():
    return [made for made in Recorded.made.values() if made.kind == _KIND]
