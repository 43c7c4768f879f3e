"""`--check`: says of each thing that a deployment needs whether it is there, in a line, and changes nothing.

What is cheap and would only fail minutes later is looked at by every deployment too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

from infra.deployment.checks import account, domain, mails, names, passkeys
from infra.deployment.checks.findings import Check, Finding, State
from infra.deployment.dependencies import DEFAULTS, Dependencies
from infra.deployment.deployer import permissions
from infra.deployment.errors import DeploymentError
from infra.deployment.preflight import Place, identified, made_elsewhere, refuse_unusable, session_of_shell
from infra.deployment.progress import Progress
from infra.deployment.resources import Resources
from infra.deployment.webhooks import OFF

Look = Callable[[Resources, Mapping[str, str]], tuple[State, str]]


def check_all(
    stage: str,
    project: Path,
    parameters: Mapping[str, str],
    progress: Progress,
    dependencies: Dependencies = DEFAULTS,
    *,
    mail_from: str | None = None,
) -> bool:
    """Print a line for each check, and return whether a deployment may begin.

    ``mail_from`` is another sender of mails than the stage has: see ``StageFiles``.
    """
    findings = []
    with progress.of("Preflight: nothing is changed"):
        for finding in _findings(stage, project, parameters, dependencies, mail_from):
            progress(str(finding))
            findings.append(finding)
    wrong = list(dict.fromkeys(finding.name for finding in findings if finding.state is State.WRONG))
    unknown = [finding.name for finding in findings if finding.state is State.UNKNOWN]
    rest = f" Not known: {', '.join(unknown)}." if unknown else ""
    progress.end(
        f"Not ready: {', '.join(wrong)}.{rest}" if wrong else f"Ready: `make deploy STAGE={stage}` may begin.{rest}"
    )
    return not wrong


def refuse_wrong(resources: Resources, parameters: Mapping[str, str]) -> None:
    """Raise DeploymentError for what a deployment would fail of later. What is unknown is no reason to stop."""
    all_parameters = {**resources.stack.parameters(), **parameters}
    of_webhooks = Check("webhooks", partial(_webhooks, resources))
    of_sender = Check("mails", partial(mails.sender, resources, all_parameters))
    of_domain = Check("passkeys", partial(passkeys.settings, resources, all_parameters))
    checks = [of_sender, of_webhooks, of_domain, *_of_parameters(resources, parameters)]
    if names.is_new(resources):
        checks.append(Check("names", partial(_taken_names, resources)))
    for each in checks:
        finding = each.finding()
        if finding.state is State.WRONG:
            raise DeploymentError(f"{finding.name}: {finding.sentence}")


def refuse_wrong_code(stage: str, project: Path, dependencies: Dependencies) -> None:
    """Raise DeploymentError, with a line for each mistake, if the site's own code could not be what is meant."""
    if problems := dependencies.own_code(project, stage):
        raise DeploymentError("\n".join(["the site's own code has mistakes", *problems]))


def of_running(resources: Resources) -> Iterator[Check]:
    """Yield the checks of a stage that is deployed: of its stack, its domain, its passkeys and its mails."""
    yield Check("stack", partial(names.stack, resources))
    try:
        parameters = resources.stack.parameters()
    except ClientError:  # the line above says so
        parameters = {}
    yield from _of_parameters(resources, parameters)
    yield Check("webhooks", partial(_webhooks, resources))
    yield Check("passkeys", partial(passkeys.relying_party, resources, parameters))
    yield from _of_mails(resources, parameters)


def of_mails(resources: Resources, asked: Mapping[str, str]) -> Iterator[str]:
    """Yield what a deployment says of the stage's mails: a line for each check of them. None stops it."""
    for each in _of_mails(resources, {**resources.stack.parameters(), **asked}):
        finding = each.finding()
        yield finding.sentence if finding.name == "mails" else f"{finding.name}: {finding.sentence}"


def of_passkeys(resources: Resources, asked: Mapping[str, str]) -> Iterator[str]:
    """Yield what a deployment says of the domain that passkeys are made for, if it fixes that or changes it."""
    parameters = {**resources.stack.parameters(), **asked}
    finding = Check("passkeys", partial(passkeys.news, resources, parameters)).finding()
    if finding.state is State.OK and finding.sentence:
        yield f"{finding.name}: {finding.sentence}"


def _findings(
    stage: str, project: Path, parameters: Mapping[str, str], dependencies: Dependencies, mail_from: str | None
) -> Iterator[Finding]:
    usable = Check("stage and parameters", partial(_usable, stage, project, parameters)).finding()
    yield usable
    if usable.state is not State.WRONG:
        yield from _of_own_code(stage, project, dependencies)
    session = session_of_shell()
    region = Check("region", partial(account.region, session)).finding()
    yield region
    if State.WRONG in {usable.state, region.state}:
        return
    caller = _Caller(session, stage, project)
    credentials = Check("credentials", caller.look).finding()
    yield credentials
    if caller.answer is not None:
        yield Check("clock", partial(account.clock, caller.answer, dependencies.now())).finding()
    if credentials.state is not State.OK or caller.place is None:
        return
    resources = Resources(stage, project, caller.place, dependencies, mail_from=mail_from)
    for each in _of_stage(resources, parameters):
        yield each.finding()


def _of_own_code(stage: str, project: Path, dependencies: Dependencies) -> Iterator[Finding]:
    problems = dependencies.own_code(project, stage)
    for problem in problems:
        yield Finding("own code", State.WRONG, problem)
    if not problems:
        yield Finding("own code", State.OK, "the site's routes and hooks are as they must be")


class _Caller:
    """Who the credentials are of. Keeps AWS's answer, a refusal too: it says what time it is."""

    def __init__(self, session: boto3.session.Session, stage: str, project: Path) -> None:
        self._session = session
        self._stage = stage
        self._project = project
        self.place: Place | None = None
        self.answer: Mapping[str, Any] | None = None

    def look(self) -> tuple[State, str]:
        try:
            self.place, answer = identified(self._session)
            self.answer = dict(answer)
        except ClientError as error:
            self.answer = dict(error.response)
            if account.is_region_off(self._session, error):
                return State.WRONG, (
                    "they are good, but the region is not enabled for the account. Enable it (AWS Account Management,"
                    " EnableRegion), or choose another: AWS_REGION=…"
                )
            raise
        elsewhere = made_elsewhere(self._stage, self._project, self.place)
        if elsewhere is not None:
            return State.WRONG, elsewhere
        return State.OK, f"account {self.place.account_id}, as {self.place.identity}"


def _usable(stage: str, project: Path, parameters: Mapping[str, str]) -> tuple[State, str]:
    refuse_unusable(stage, project, parameters)
    return State.OK, ", ".join([stage, *sorted(parameters)])


def _of_stage(resources: Resources, asked: Mapping[str, str]) -> Iterator[Check]:
    yield Check("stack", partial(names.stack, resources))
    try:
        parameters = {**resources.stack.parameters(), **asked}
    except ClientError:  # the line above says so
        parameters = dict(asked)
    yield Check("names", partial(names.names, resources, parameters))
    yield Check("Lambda", partial(account.concurrency, resources))
    yield Check("API Gateway", partial(account.gateway, resources, parameters))
    yield Check("CloudFront", partial(account.cloudfront, resources))
    yield from _of_parameters(resources, parameters)
    yield Check("webhooks", partial(_webhooks, resources))
    yield Check("passkeys", partial(passkeys.relying_party, resources, parameters))
    yield from _of_mails(resources, parameters)
    yield Check("permissions", partial(permissions, resources.place, resources.stage, parameters))


def _of_parameters(resources: Resources, parameters: Mapping[str, str]) -> Iterator[Check]:
    looks: list[tuple[str, str, Look]] = [
        ("certificate", "DomainName", domain.certificate),
        ("domain", "DomainName", domain.alias),
        ("hosted zone", "HostedZoneId", domain.hosted_zone),
        ("KMS key", "KmsKeyArn", domain.kms_key),
    ]
    for name, parameter, look in looks:
        if parameters.get(parameter) and (parameter != "HostedZoneId" or parameters.get("DomainName")):
            yield Check(name, partial(look, resources, parameters))


def _of_mails(resources: Resources, parameters: Mapping[str, str]) -> Iterator[Check]:
    yield (of_sender := Check("mails", partial(mails.sender, resources, parameters)))
    if of_sender.finding().state is State.OK and resources.mailing().is_on:
        yield Check("SES", partial(mails.account, resources))
        yield Check("SES identity", partial(mails.identity, resources, parameters))


def _webhooks(resources: Resources) -> tuple[State, str]:
    url = resources.webhook_url()
    return State.OK, f"to {url}" if url else OFF


def _taken_names(resources: Resources) -> tuple[State, str]:
    taken = list(names.taken_names(resources))
    return (State.WRONG, ". ".join(taken)) if taken else (State.OK, "they are free")
