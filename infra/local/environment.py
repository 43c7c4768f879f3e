"""The environment variables of the stage `dev`, without the developer's own AWS settings."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra import laptop, stages

STAGE = stages.LAPTOP
PROJECT = Path(__file__).parents[2]


def forget_aws() -> None:
    """Remove the shell's AWS settings: profile, keys, session, endpoints and files. Call this before using boto3."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ["AWS_CONFIG_FILE"] = os.devnull
    os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    # botocore would send even requests to 127.0.0.1 through the shell's proxy.
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, [os.environ.get(name), "127.0.0.1", "localhost"]))


def stage_environment(project: Path = PROJECT, stage: str = STAGE, function: str = "api_handler") -> dict[str, str]:
    """Return the environment variables of a function of a stage, merged as Chalice merges them.

    The stage `dev` runs on this machine: what this process's environment sets wins over .chalice/config.json, and what
    neither has is the laptop's own. A deployed function sees nothing of this environment.
    """
    config: Mapping[str, Any] = json.loads((project / ".chalice" / "config.json").read_text("utf-8"))
    of_stage: Mapping[str, Any] = config["stages"][stage]
    of_function: Mapping[str, Any] = of_stage.get("lambda_functions", {}).get(function, {})
    configured = {
        name: value
        for holder in (config, of_stage, of_function)
        for name, value in holder.get("environment_variables", {}).items()
    }
    if stage != STAGE:
        return configured
    return {**laptop.DEFAULTS, **configured, **laptop.settings_in(os.environ)}


def enter_stage(
    configured: Mapping[str, str], *, port: int, aws_port: int, public_keys: str, credentials: Path
) -> None:
    """Set the stage's environment variables, and those that depend on this run's ports, keys and credentials."""
    keys = laptop.settings_in(os.environ).get("LYCHGATE_PUBLIC_KEYS", public_keys)
    os.environ.update(configured)
    os.environ.update(
        {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{aws_port}",
            "AWS_REGION": configured["AWS_DEFAULT_REGION"],
            "LYCHGATE_PUBLIC_KEYS": keys,
            "LYCHGATE_LOCAL_CREDENTIALS": str(credentials),
            # Chalice's command line sets this too. It tells code that it does not run on Lambda.
            "AWS_CHALICE_CLI_MODE": "true",
        }
    )
    laptop.fill_in(os.environ, port=port, path="/api")
