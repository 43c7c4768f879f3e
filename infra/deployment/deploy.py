"""The steps of a deployment. Each checks what exists and does what is missing, so an interrupted run can be repeated.

The distribution comes first, without the API, because the API's settings name its domain. The API comes next. Then the
distribution gets the API's id (docs/decisions/0014-one-stack-in-two-passes.md).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from botocore.exceptions import ClientError

from infra.deployment import distribution
from infra.deployment.chalice_command import run_chalice, source_digest
from infra.deployment.checks.all_checks import of_mails, of_passkeys, refuse_wrong, refuse_wrong_code
from infra.deployment.checks.names import taken_bucket
from infra.deployment.dependencies import DEFAULTS, Dependencies
from infra.deployment.errors import DeploymentError, code_of
from infra.deployment.foundation import APP_NAME, Foundation
from infra.deployment.limits import reservations, throttle
from infra.deployment.live import record
from infra.deployment.observation import observe
from infra.deployment.preflight import check
from infra.deployment.progress import Progress
from infra.deployment.resources import Resources, StackParameters
from infra.deployment.webhooks import OFF
from infra.keys.places import PlaceError
from infra.laptop import left_alone
from infra.stages import ANSWERING, FUNCTIONS, function_name
from infra.versions import live_configuration

SOURCE_TAG = "lychgate:source"
"""A tag of the API's function: a digest of its sources. Chalice removes all tags that it did not set. So after a manual
`chalice deploy` the tag is missing, and the next deployment by this command is not skipped."""


ONE_BY_ONE = "the indexes of the users are made or removed one by one, each of which takes some minutes"


@dataclass(frozen=True)
class Request:
    """The arguments of a deployment."""

    stage: str
    project: Path
    parameters: Mapping[str, str] = field(default_factory=dict)
    new_secret: bool = False
    mail_from: str | None = None
    """Another sender of mails than the stage has: "" for none, None for the same."""
    smoke: bool = True
    """Whether the smoke test is the last step."""


def deploy(request: Request, progress: Progress, dependencies: Dependencies = DEFAULTS) -> None:
    """Deploy a stage. Raises DeploymentError, or what botocore raises. The next run continues after either."""
    with progress.of("Preflight"):
        place = check(request.stage, request.project, request.parameters)
        progress(f"stage {request.stage} in account {place.account_id}, region {place.region}, as {place.identity}")
        for sentence in left_alone(request.stage, os.environ):
            progress(sentence)
        resources = Resources(request.stage, request.project, place, dependencies, mail_from=request.mail_from)
        refuse_wrong(resources, request.parameters)
        refuse_wrong_code(request.stage, request.project, dependencies)
        for sentence in of_passkeys(resources, request.parameters):
            progress(sentence)
    with progress.of("Foundation: tables, logs, bucket, distribution"):
        foundation = _lay_foundation(resources, request, progress)
    with progress.of("Signing keys"):
        public_keys = _signing_keys(resources, foundation, progress)
    with progress.of("Configuration of the stage"):
        reserved = reservations(resources.session.client("lambda"), resources.files.concurrency())
        contents = resources.files.contents(foundation, public_keys, resources.tags, reserved.concurrency)
        changed = resources.files.write(contents)
        progress(f"written, please commit: {', '.join(changed)}" if changed else "unchanged")
        progress(reserved.reason)
    with progress.of("chalice deploy"):
        api = _deploy_api(resources, foundation, progress)
    with progress.of("Throttle of the API"):
        _throttle(resources, api, progress)
    with progress.of("Logs and tracing of the API"):
        for sentence in observe(resources, foundation, api, dependencies.sleep):
            progress(sentence)
    with progress.of("Encryption of the keys"):
        _encrypt(resources, progress)
    with progress.of("Site"):
        changed_site = _upload(resources, progress)
    with progress.of("Distribution"):
        again = resources.second_pass(resources.stack.parameters(), request.parameters, api)
        if again is None:
            progress(f"unchanged: it serves the API {api}")
        else:
            _change(resources, again, request.parameters, progress)
    with progress.of("Mails"):
        for finding in of_mails(resources, request.parameters):
            progress(finding)
    with progress.of("Webhooks"):
        progress(f"to {foundation.webhook_url}" if foundation.webhook_url else OFF)
    with progress.of("Invalidation"):
        _invalidate(resources, progress, changed=changed_site)
    if request.smoke:
        with progress.of("Smoke test"):
            if not dependencies.smoke(foundation.site_origin, foundation.api_address(api)):
                raise DeploymentError(
                    f"everything is deployed, but {foundation.site_origin} does not work: see above."
                    f' `make smoke URL={foundation.site_origin} ARGS="--api {foundation.api_address(api)}"` repeats the'
                    " test"
                )
    with progress.of("Record of what is live"):
        commit = dependencies.commit(request.project)
        record(resources, api, commit)
        progress(f"commit {commit}" if commit else "no commit: there are changes that no commit has")
    progress.end(f"Ready: {foundation.site_origin}/")


def refuse_taken_name(resources: Resources, parameters: Mapping[str, str]) -> None:
    """Raise DeploymentError if a bucket with the name of the new one exists already, in any account."""
    if (taken := taken_bucket(resources, parameters)) is not None:
        raise DeploymentError(taken)


def refuse_unknown_secret(resources: Resources) -> None:
    """Raise DeploymentError if a function behind the API does not know both secrets of the distribution yet.

    The distribution may change only to a secret that the API takes already.
    """
    outputs = resources.stack.outputs()
    if "SiteOrigin" not in outputs:
        return
    client = resources.session.client("lambda")
    answering = (live_configuration(client, function_name(APP_NAME, resources.stage, name)) for name in ANSWERING)
    known = {
        found.get("Environment", {}).get("Variables", {}).get("LYCHGATE_DISTRIBUTION_SECRET_SHA256")
        for found in answering
        if found is not None
    }
    if known - {outputs.get("DistributionSecretSha256")}:
        raise DeploymentError(
            "the API does not know yet which secret the distribution would send next, because an earlier deployment was"
            " not completed. Run `make deploy` without --new-secret first"
        )


def is_deployed(resources: Resources, foundation: Foundation, digest: str) -> bool:
    """Return whether the functions and the API exist and were made from the sources with this digest."""
    if resources.record(foundation).rest_api_id() is None:
        return False
    arn = foundation.arn("lambda", f"function:{foundation.api_function}")
    try:
        tags = resources.session.client("lambda").list_tags(Resource=arn)["Tags"]
    except ClientError as error:
        if code_of(error) == "ResourceNotFoundException":
            return False
        raise
    return tags.get(SOURCE_TAG) == digest


def _lay_foundation(resources: Resources, request: Request, progress: Progress) -> Foundation:
    exists = resources.stack.make_ready(progress)
    current = resources.stack.parameters() if exists else {}
    if not exists:
        refuse_taken_name(resources, request.parameters)
    if request.new_secret:
        refuse_unknown_secret(resources)
    passes = resources.first_passes(current, request.parameters, new_secret=request.new_secret)
    for number, parameters in enumerate(passes, start=1):
        if len(passes) > 1:
            progress(f"update {number} of {len(passes)}: {ONE_BY_ONE}")
        _change(resources, parameters, request.parameters, progress)
    return resources.foundation()


def _change(resources: Resources, parameters: StackParameters, asked: Mapping[str, str], progress: Progress) -> None:
    stack = resources.stack
    adoption = resources.adopting(parameters, asked)
    for sentence in adoption.sentences:
        progress(sentence)
    planned = stack.plan(adoption.template, parameters.given, set(parameters.kept), resources.tags)
    if planned is None:
        progress("unchanged")
        return
    change_set, changes = planned
    for change in changes:
        progress(str(change))
    progress("This takes a few minutes.")
    stack.apply(change_set, changes, progress)


def _signing_keys(resources: Resources, foundation: Foundation, progress: Progress) -> str:
    name = resources.signing_keys_parameter
    if foundation.webhook_url:
        _webhook_secret(resources, progress)
    public_keys = resources.keys.public_keys()
    if public_keys is not None:
        progress(f"unchanged: {name}")
        return public_keys
    public_keys = resources.keys.make(foundation.users_table, resources.tags, resources.kms_key())
    progress(f"created: a key and a pepper in {name}. Back them up: without the pepper no password can be verified.")
    progress(f"To back them up: python -m infra.keys backup FILE --stage {resources.stage}")
    return public_keys


def _webhook_secret(resources: Resources, progress: Progress) -> None:
    try:
        is_new = resources.webhook_secrets.make(resources.tags, resources.kms_key())
    except PlaceError as damaged:
        raise DeploymentError(str(damaged)) from damaged
    if is_new:
        progress(f"created: a secret for webhooks in {resources.webhook_secrets.name}. To tell it to the receiver:")
        progress(f"python -m infra.operator webhooks secrets --stage {resources.stage}")


def _deploy_api(resources: Resources, foundation: Foundation, progress: Progress) -> str:
    record = resources.record(foundation)
    amiss = record.put_right(resources.stack.parameters().get("RestApiId", ""))
    if amiss is not None:
        progress(f"Chalice's record {record.path.name} {amiss}: corrected")
    digest = source_digest(resources.project, resources.stage)
    if is_deployed(resources, foundation, digest):
        progress("unchanged")
    else:
        run_chalice("deploy", resources.stage, resources.project, foundation.region, progress)
        _tag(resources, foundation, record.rest_api_id() or "", digest)
    api = record.rest_api_id()
    if api is None:
        raise DeploymentError(f"Chalice has recorded no API in {record.path}. Delete the file and run again")
    return api


def _throttle(resources: Resources, api: str, progress: Progress) -> None:
    outputs = resources.stack.outputs()
    rate, burst = outputs["ThrottleRate"], outputs["ThrottleBurst"]
    changed = throttle(resources.session.client("apigateway"), api, rate=rate, burst=burst)
    progress(f"{'set' if changed else 'unchanged'}: {rate} requests a second, {burst} at once")


def _encrypt(resources: Resources, progress: Progress) -> None:
    key = resources.kms_key()
    changed = resources.keys.encrypt_with(key)
    try:
        changed |= resources.webhook_secrets.encrypt_with(key)
    except PlaceError as damaged:
        raise DeploymentError(str(damaged)) from damaged
    progress(f"{resources.signing_keys_parameter} is now encrypted with {key}" if changed else f"unchanged: {key}")


def _tag(resources: Resources, foundation: Foundation, api: str, digest: str) -> None:
    session = resources.session
    tags = [{"Key": key, "Value": value} for key, value in resources.tags.items()]
    for function in FUNCTIONS:
        session.client("iam").tag_role(RoleName=f"{APP_NAME}-{resources.stage}-{function}", Tags=tags)  # type: ignore[arg-type]
    session.client("apigateway").tag_resource(
        resourceArn=f"arn:{foundation.partition}:apigateway:{foundation.region}::/restapis/{api}", tags=resources.tags
    )
    # Last, because this tag says that everything before is done.
    session.client("lambda").tag_resource(
        Resource=foundation.arn("lambda", f"function:{foundation.api_function}"), Tags={SOURCE_TAG: digest}
    )


def _upload(resources: Resources, progress: Progress) -> bool:
    page = resources.site(resources.stack.outputs()["SiteBucket"])
    differences = page.differences()
    page.apply(differences)
    for name in differences.upload:
        progress(f"uploaded {name}")
    for name in differences.delete:
        progress(f"deleted {name}")
    if not differences:
        progress("unchanged")
    return bool(differences)


def _invalidate(resources: Resources, progress: Progress, *, changed: bool) -> None:
    outputs = resources.stack.outputs()
    client = resources.session.client("cloudfront")
    digest = resources.site(outputs["SiteBucket"]).content_digest()
    if not changed and distribution.is_invalidated_for(client, outputs["DistributionId"], digest):
        progress("not needed")
        return
    distribution.invalidate(client, outputs["DistributionId"], digest)
    progress("requested: visitors get the new page in about a minute")
