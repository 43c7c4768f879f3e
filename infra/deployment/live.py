"""What is live in a stage: the site's address, and the commit that was deployed last and completely.

The commit is a tag of the API, which `chalice deploy` leaves alone. It is written when a deployment is complete, so
after a failed one it names the commit before.
"""

from __future__ import annotations

from infra.deployment.resources import Resources

COMMIT_TAG = "lychgate:commit"
"""The tag with the commit, "" if there were changes that no commit has."""


def live(resources: Resources) -> dict[str, str]:
    """Return the URL of the stage's site and the commit that is live, each "" if it is not known."""
    api = resources.stack.parameters().get("RestApiId")
    tags = resources.session.client("apigateway").get_rest_api(restApiId=api).get("tags", {}) if api else {}
    return {"url": resources.stack.outputs().get("SiteOrigin", ""), "commit": tags.get(COMMIT_TAG, "")}


def record(resources: Resources, api: str, commit: str | None) -> None:
    """Write that this commit is live, or, with None, that no commit is."""
    place = resources.place
    resources.session.client("apigateway").tag_resource(
        resourceArn=f"arn:{place.partition}:apigateway:{place.region}::/restapis/{api}",
        tags={COMMIT_TAG: commit or ""},
    )
