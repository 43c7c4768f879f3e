"""Which stages ``chalice deploy`` may deploy by itself: those that ``make deploy`` has deployed before, from here.

Anything else would be a second API that nothing leads to, or one that reaches no tables and has no keys.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
from chalice.config import Config
from chalice.deploy.models import APICall, Model, Plan
from chalice.deploy.planner import PlanStage

from infra.stages import DEPLOYING, FUNCTIONS, LAPTOP, policy_file

Validate = Callable[..., None]
MakePlan = Callable[[PlanStage, list[Model]], Plan]


class NotDeployable(click.ClickException):
    """Raised instead of a deployment, with a message that says what to do."""


def only_deployable_stages(stock: Validate) -> Validate:
    """Return the replacement of ``validate_python_version``, one of the checks with which a deployment begins.

    It does not compare Pythons: which one runs on Lambda does not follow from the one that runs here.
    """

    @functools.wraps(stock)
    def validate(config: Config, *_: object) -> None:
        if _is_deployed_by_hand(config.chalice_stage):
            refuse_unless_deployable(config.chalice_stage, Path(config.project_dir), config.config_from_disk)

    return validate


def without_a_second_api(stock: MakePlan) -> MakePlan:
    """Return ``PlanStage.execute``, wrapped to refuse a plan that makes an API for a stage that has one."""

    @functools.wraps(stock)
    def execute(stage: PlanStage, resources: list[Model]) -> Plan:
        plan = stock(stage, resources)
        made = {call.method_name for call in plan.instructions if isinstance(call, APICall)}
        context = click.get_current_context(silent=True)
        name = context.params.get("stage", "") if context else ""
        if "import_rest_api" in made and _is_deployed_by_hand(name):
            raise NotDeployable(
                f"the API that .chalice/deployed/{name}.json names is not in this account and region, so another one "
                "would be made. Set AWS_PROFILE and AWS_DEFAULT_REGION to those of the stage; or, if the API was "
                f"deleted, run `make deploy STAGE={name}`"
            )
        return plan

    return execute


def refuse_unless_deployable(stage: str, project: Path, config: Mapping[str, Any]) -> None:
    """Raise NotDeployable unless ``make deploy`` has deployed a stage from this project before.

    ``config`` is what .chalice/config.json says.
    """
    deploy = f"`make deploy STAGE={stage}`"
    entry = config.get("stages", {}).get(stage)
    if stage == LAPTOP:
        raise NotDeployable(
            f"the stage {LAPTOP} is this machine's: its settings lead to 127.0.0.1, so an API on AWS would reach "
            "nothing. Name another stage: `make deploy STAGE=prod` makes it, `chalice deploy --stage prod` updates it"
        )
    if entry is None:
        raise NotDeployable(f"there is no stage {stage} in .chalice/config.json. {deploy} makes it, on AWS and there")
    functions = entry.get("lambda_functions", {})
    files = [functions.get(name, {}).get("iam_policy_file") for name in FUNCTIONS]
    made = files == [policy_file(stage, name) for name in FUNCTIONS]
    if not made or not all(project.joinpath(".chalice", file).is_file() for file in files):
        raise NotDeployable(
            f"the stage {stage} in .chalice/config.json was not written by `make deploy`, so it lacks tables, keys and "
            f"policies. Run {deploy}, which adds them and keeps the other settings; or use `chalice package --stage "
            f"{stage}`, and deploy its template by your own means"
        )
    if not _names_an_api(project / ".chalice" / "deployed" / f"{stage}.json"):
        raise NotDeployable(
            f".chalice/deployed/{stage}.json does not say which API is the stage's, so a second one would be made. Run "
            f"{deploy}, which finds it and writes that file"
        )


def _is_deployed_by_hand(stage: str) -> bool:
    """Return whether ``chalice deploy`` was typed: not another command, and not run by ``make deploy``."""
    context = click.get_current_context(silent=True)
    return context is not None and context.info_name == "deploy" and os.environ.get(DEPLOYING) != stage


def _names_an_api(record: Path) -> bool:
    try:
        resources = json.loads(record.read_text("utf-8"))["resources"]
        return any(each["resource_type"] == "rest_api" and each["rest_api_id"] for each in resources)
    except (OSError, ValueError, KeyError, TypeError):
        return False
