"""What a stage on AWS has besides: its functions with their policies, backups, its domain and its mails."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from chalicelib.clock import Clock
from infra.deployment.checks import account
from infra.deployment.checks.all_checks import of_running
from infra.deployment.checks.findings import Check
from infra.deployment.errors import code_of
from infra.deployment.foundation import APP_NAME
from infra.deployment.preflight import identified, made_elsewhere, session_of_shell
from infra.deployment.resources import Resources
from infra.local.environment import stage_environment
from infra.operator.accounts import Stage
from infra.operator.health import watched
from infra.operator.health.diagnosis import Diagnosis, Grade, examined, of_check
from infra.stages import FUNCTIONS, function_name, policy_file
from infra.versions import live_configuration

if TYPE_CHECKING:
    import boto3

_ASK = "Ask for the permission that the message names, or look with other credentials."


def surroundings(stage: Stage, clock: Clock) -> Iterator[Diagnosis]:
    """Look at everything around the tables of a stage. Raises what botocore raises if it cannot be asked at all."""
    session = session_of_shell()
    place, answer = identified(session)
    elsewhere = made_elsewhere(stage.name, stage.project, place)
    if elsewhere is not None:
        yield Diagnosis("credentials", Grade.WRONG, elsewhere)
        return
    yield Diagnosis("credentials", Grade.OK, f"account {place.account_id}, {place.region}, as {place.identity}")
    yield of_check(Check("clock", lambda: account.clock(dict(answer), clock())))
    resources = Resources(stage.name, stage.project, place)
    for check in of_running(resources):
        yield of_check(check)
    yield from examined("backups", lambda: _backups(resources), _ASK)
    yield from watched.of_stage(resources, clock, _ASK)
    for function in FUNCTIONS:
        name = f"function {function}"
        yield from examined(name, lambda named=function: _function(session, stage, named), _ASK)  # type: ignore[misc]  # mypy infers no type of such a lambda


def _backups(resources: Resources) -> Iterator[Diagnosis]:
    """Look whether each table can be restored to any second of the last days, if the stage is a protected one."""
    client: Any = resources.session.client("dynamodb")
    off = []
    for table in resources.tables():
        try:
            found = client.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
        except ClientError as error:
            if code_of(error) in {"TableNotFoundException", "ResourceNotFoundException"}:  # another diagnosis says so
                continue
            raise
        if found.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus") != "ENABLED":
            off.append(table)
    protected = resources.stack.parameters().get("Protect") == "true"
    turn_on = f'make deploy STAGE={resources.stage} ARGS="--parameter Protect=true"'
    if off:
        grade = Grade.WRONG if protected else Grade.ADVICE
        yield Diagnosis("backups", grade, f"point-in-time recovery is off for {', '.join(off)}", turn_on)
    else:
        yield Diagnosis("backups", Grade.OK, "point-in-time recovery is on for all tables")


def _function(session: boto3.session.Session, stage: Stage, function: str) -> Iterator[Diagnosis]:
    """Look whether a function answers with the settings and the policy of this checkout."""
    name, again = f"function {function}", f"make deploy STAGE={stage.name}"
    found = live_configuration(session.client("lambda"), function_name(APP_NAME, stage.name, function))
    if found is None:
        yield Diagnosis(name, Grade.WRONG, "it does not exist", again)
        return
    wanted = stage_environment(stage.project, stage.name, function)
    differ = _different(wanted, found.get("Environment", {}).get("Variables", {}))
    if differ:
        yield Diagnosis(
            name, Grade.WRONG, f"it has other settings than .chalice/config.json: {', '.join(differ)}", again
        )
    problem = _policy_problem(session, stage, function)
    if problem:
        yield Diagnosis(name, Grade.WRONG, problem, again)
    if not (differ or problem):
        yield Diagnosis(name, Grade.OK, "it answers with the settings and the policy of this checkout")


def _different(wanted: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    names = {name for name in {*wanted, *found} if name.startswith("LYCHGATE_")}
    return sorted(name for name in names if wanted.get(name) != found.get(name))


def _policy_problem(session: boto3.session.Session, stage: Stage, function: str) -> str:
    file: Path = stage.project / ".chalice" / policy_file(stage.name, function)
    if not file.exists():
        return f"{file.name} is missing in .chalice/"
    role = f"{APP_NAME}-{stage.name}-{function}"
    try:
        answer: Any = session.client("iam").get_role_policy(RoleName=role, PolicyName=role)
    except ClientError as error:
        if code_of(error) == "NoSuchEntity":
            return f"its role {role} has no policy of that name"
        raise
    if answer["PolicyDocument"] != json.loads(file.read_text("utf-8")):
        return f"its role {role} may something else than .chalice/{file.name} says"
    return ""
