"""`--dry-run`: prints the steps of a deployment without changing anything."""

from __future__ import annotations

import os

from infra.deployment.chalice_command import source_digest
from infra.deployment.checks.all_checks import of_mails, of_passkeys, refuse_wrong_code
from infra.deployment.dependencies import DEFAULTS, Dependencies
from infra.deployment.deploy import ONE_BY_ONE, Request, is_deployed, refuse_taken_name, refuse_unknown_secret
from infra.deployment.limits import reservations
from infra.deployment.observation import foreseen
from infra.deployment.preflight import check
from infra.deployment.progress import Progress
from infra.deployment.resources import Resources, StackParameters
from infra.intrinsic_functions import condition_holds
from infra.laptop import left_alone
from infra.stages import FUNCTIONS


def plan(request: Request, progress: Progress, dependencies: Dependencies = DEFAULTS) -> None:
    """Print what `deploy` would do. Raises DeploymentError, or what botocore raises."""
    with progress.of("Preflight"):
        place = check(request.stage, request.project, request.parameters)
        progress(f"stage {request.stage} in account {place.account_id}, region {place.region}, as {place.identity}")
        for sentence in left_alone(request.stage, os.environ):
            progress(sentence)
        resources = Resources(request.stage, request.project, place, dependencies, mail_from=request.mail_from)
        refuse_wrong_code(request.stage, request.project, dependencies)
        for sentence in of_passkeys(resources, request.parameters):
            progress(sentence)
    described = resources.stack.described()
    if described is None or "Outputs" not in described:
        _first(resources, request, progress)
    else:
        _next(resources, request, progress)
    progress.end("This was a dry run: nothing was changed.")


def _first(resources: Resources, request: Request, progress: Progress) -> None:
    refuse_taken_name(resources, request.parameters)
    with progress.of("Foundation: the stack would be created"):
        first, *others = resources.first_passes({}, request.parameters)
        adoption = resources.adopting(first, request.parameters)
        for sentence in adoption.sentences:
            progress(sentence)
        webhooks = "on" if resources.webhook_url() else "off"
        given = {**first.given, "RestApiId": "later", "HasMailer": "true", "Webhooks": webhooks}
        for name, resource in resources.template["Resources"].items():
            condition = resource.get("Condition")
            if condition is None or condition_holds(condition, resources.template, given):
                action = "Import" if name in adoption.existing else "Add"
                progress(f"{action:7} {name} ({resource['Type']})")
        _more(others, progress)
    with progress.of("Signing keys"):
        progress("exist" if resources.keys.public_keys() else f"created in {resources.signing_keys_parameter}")
    with progress.of("Configuration of the stage"):
        progress(f"written: .chalice/config.json and the policies of the stage {request.stage}")
        progress(reservations(resources.session.client("lambda"), resources.files.concurrency()).reason)
    with progress.of("chalice deploy"):
        progress(f"creates {len(FUNCTIONS)} functions, their roles, and the API")
    _observe(resources, request, progress)
    _mails(resources, request, progress)
    with progress.of("Site, distribution, invalidation, smoke test"):
        progress("all files of static-site/ are uploaded; the distribution gets the API's id")


def _next(resources: Resources, request: Request, progress: Progress) -> None:
    if request.new_secret:
        refuse_unknown_secret(resources)
    with progress.of("Foundation"):
        parameters, *others = resources.first_passes(
            resources.stack.parameters(), request.parameters, new_secret=request.new_secret
        )
        adoption = resources.adopting(parameters, request.parameters)
        for sentence in adoption.sentences:
            progress(sentence)
        planned = resources.stack.plan(adoption.template, parameters.given, set(parameters.kept), resources.tags)
        if planned is None:
            progress("unchanged")
        else:
            for change in planned[1]:
                progress(str(change))
            resources.stack.discard(planned[0])
        _more(others, progress)
    foundation = resources.foundation()
    public_keys = resources.keys.public_keys()
    with progress.of("Signing keys"):
        progress("unchanged" if public_keys else f"created in {resources.signing_keys_parameter}")
    with progress.of("Configuration of the stage"):
        reserved = reservations(resources.session.client("lambda"), resources.files.concurrency())
        contents = resources.files.contents(foundation, public_keys or "{}", resources.tags, reserved.concurrency)
        changed = [path for path, text in contents.items() if not path.exists() or path.read_text("utf-8") != text]
        progress(f"written: {', '.join(path.name for path in changed)}" if changed else "unchanged")
        progress(reserved.reason)
    with progress.of("chalice deploy"):
        digest = source_digest(resources.project, request.stage)
        same = not changed and is_deployed(resources, foundation, digest)
        progress("unchanged" if same else "functions and API are deployed again")
    _observe(resources, request, progress)
    with progress.of("Site"):
        differences = resources.site(resources.stack.outputs()["SiteBucket"]).differences()
        for name in differences.upload:
            progress(f"upload {name}")
        for name in differences.delete:
            progress(f"delete {name}")
        if not differences:
            progress("unchanged")
    _mails(resources, request, progress)
    with progress.of("Distribution, invalidation, smoke test"):
        progress(
            "the distribution gets the API's id" if not resources.stack.parameters().get("RestApiId") else "as needed"
        )


def _more(others: list[StackParameters], progress: Progress) -> None:
    if others:
        progress(f"then {len(others)} more update{'s' if len(others) > 1 else ''}: {ONE_BY_ONE}")


def _mails(resources: Resources, request: Request, progress: Progress) -> None:
    with progress.of("Mails"):
        for sentence in of_mails(resources, request.parameters):
            progress(sentence)


def _observe(resources: Resources, request: Request, progress: Progress) -> None:
    with progress.of("Logs and tracing of the API"):
        for sentence in foreseen(resources, request.parameters):
            progress(sentence)
