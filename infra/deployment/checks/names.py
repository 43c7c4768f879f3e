"""Checks of names: whether what a new stage would be called belongs to something else already.

Tables, logs and keys of an earlier stage of this name are its own: the deployment takes them in again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import ClientError

from infra.deployment import site
from infra.deployment.checks.findings import State
from infra.deployment.errors import code_of
from infra.deployment.foundation import APP_NAME
from infra.stages import FUNCTIONS, function_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from infra.deployment.resources import Resources

T = TypeVar("T")

_MISSING = frozenset({"NoSuchEntity", "ResourceNotFoundException"})
_STAGE_TAG = "lychgate:stage"
_STACK_TAG = "aws:cloudformation:stack-name"
_CHALICE_TAG = "aws-chalice"


def stack(resources: Resources) -> tuple[State, str]:
    """Look whether the stack can be changed."""
    described = resources.stack.described()
    if described is None:
        return State.OK, f"{resources.stack.name} does not exist yet"
    unready = resources.stack.unready()
    if unready is not None:
        return State.WRONG, unready
    return State.OK, f"{resources.stack.name} is {described['StackStatus']}"


def names(resources: Resources, parameters: Mapping[str, str]) -> tuple[State, str]:
    """Look whether the names of a stage without a stack are free, or the stage's own."""
    if not is_new(resources):
        return State.OK, "the stage has its names already"
    found = [taken for taken in (taken_bucket(resources, parameters), *taken_names(resources)) if taken]
    if found:
        return State.WRONG, ". ".join(found)
    return State.OK, "they are free, or of an earlier stage of this name"


def is_new(resources: Resources) -> bool:
    """Return whether the stage has no stack with anything in it. What a stack is making has its names already."""
    return not resources.stack.has_resources()


def taken_bucket(resources: Resources, parameters: Mapping[str, str]) -> str | None:
    """Return what to do if a bucket with the name of the new one exists already, in any account, None if none does."""
    name = resources.bucket_name(parameters)
    unseen = ""
    try:
        if not site.exists(resources.session.client("s3"), name):
            return None
    except ClientError as error:
        if code_of(error) not in {"301", "403", "AccessDenied"}:  # 301: in another region
            raise
        if code_of(error) != "301":  # an answer to HEAD does not say which of the two it is
            unseen = ". If this account has it, a permission is missing: s3:ListBucket"
    return (
        f"the name of the bucket, {name}, is taken, by you or by another account: bucket names are unique in all of"
        f" AWS. Delete that bucket if it is yours, or choose another name: --parameter SiteBucketName=…{unseen}"
    )


def taken_names(resources: Resources) -> Iterator[str]:
    """Yield a sentence for each function, role, table and part of a distribution that belongs to something else."""
    stage = resources.stage
    for name in FUNCTIONS:
        function, role = function_name(APP_NAME, stage, name), f"{APP_NAME}-{stage}-{name}"
        is_ours = _function_is_ours(resources, function)
        if is_ours is False:
            yield _taken("function", function)
        if is_ours is None and not _role_is_ours(resources, role):
            yield _taken("role", role)
    for table in resources.tables():
        owner = _stack_of_table(resources, table)
        if owner not in {None, resources.stack.name}:
            yield f"the table {table} belongs to the stack {owner}. Take it out of that, or choose another stage name"
    yield from _taken_in_cloudfront(resources)


def _taken(kind: str, name: str) -> str:
    return f"the {kind} {name} exists, and Lychgate has not made it. Rename or delete it, or choose another stage name"


def _function_is_ours(resources: Resources, name: str) -> bool | None:
    """Return whether Chalice made the function for this stage, None if there is none."""
    place = resources.place
    arn = f"arn:{place.partition}:lambda:{place.region}:{place.account_id}:function:{name}"
    tags = _or_none(lambda: resources.session.client("lambda").list_tags(Resource=arn)["Tags"])
    if tags is None:
        return None
    return str(tags.get(_CHALICE_TAG, "")).endswith(f":stage={resources.stage}:app={APP_NAME}")


def _role_is_ours(resources: Resources, name: str) -> bool:
    """Return whether there is no such role, or one of an interrupted deployment, with or without its tag."""
    client = resources.session.client("iam")
    role = _or_none(lambda: client.get_role(RoleName=name)["Role"])
    if role is None:
        return True
    tags = {tag["Key"]: tag["Value"] for tag in role.get("Tags", [])}
    if tags.get(_STAGE_TAG) == resources.stage:
        return True
    trusted: Any = role.get("AssumeRolePolicyDocument", {})
    statements = trusted.get("Statement", []) if isinstance(trusted, dict) else []
    principals = [statement.get("Principal", {}).get("Service") for statement in statements]
    return principals == ["lambda.amazonaws.com"] and set(client.list_role_policies(RoleName=name)["PolicyNames"]) <= {
        name
    }


def _stack_of_table(resources: Resources, name: str) -> str | None:
    place = resources.place
    arn = f"arn:{place.partition}:dynamodb:{place.region}:{place.account_id}:table/{name}"
    client = resources.session.client("dynamodb")
    tags = _or_none(lambda: client.list_tags_of_resource(ResourceArn=arn)["Tags"])
    return next((tag["Value"] for tag in tags or [] if tag["Key"] == _STACK_TAG), None)


def _taken_in_cloudfront(resources: Resources) -> Iterator[str]:
    """Yield a sentence for each name that CloudFront has already. Its names are unique in an account."""
    client = resources.session.client("cloudfront")
    name = f"{APP_NAME}-{resources.stage}-{resources.place.region}"
    policies = client.list_response_headers_policies(Type="custom")["ResponseHeadersPolicyList"].get("Items", [])
    if any(item["ResponseHeadersPolicy"]["ResponseHeadersPolicyConfig"]["Name"] == name for item in policies):
        yield f"CloudFront has a response headers policy {name}, and the stage has no stack. Delete it"
    caches = client.list_cache_policies(Type="custom")["CachePolicyList"].get("Items", [])
    if any(item["CachePolicy"]["CachePolicyConfig"]["Name"] == name for item in caches):
        yield f"CloudFront has a cache policy {name}, and the stage has no stack. Delete it"
    controls = client.list_origin_access_controls()["OriginAccessControlList"].get("Items", [])
    if any(item["Name"] == name for item in controls):
        yield f"CloudFront has an origin access control {name}, and the stage has no stack. Delete it"


def _or_none(ask: Callable[[], T]) -> T | None:
    """Return the answer, None if there is no such thing."""
    try:
        return ask()
    except ClientError as error:
        if code_of(error) in _MISSING:
            return None
        raise
