"""The steps of removing a stage. Data that cannot be recreated is kept unless its deletion is requested.

Accounts, logs and signing keys outlive the stack, because deleting them by mistake cannot be undone. The next
`make deploy` uses them again. Each step checks what exists, so an interrupted run can be repeated.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from botocore.exceptions import ClientError

from infra.deployment import site
from infra.deployment.chalice_command import run_chalice
from infra.deployment.dependencies import DEFAULTS, Dependencies
from infra.deployment.errors import DeploymentError, code_of
from infra.deployment.foundation import Foundation
from infra.deployment.preflight import check
from infra.deployment.progress import Progress
from infra.deployment.resources import Resources
from infra.tables import copies_of

Confirm = Callable[[str], str]


def destroy(
    stage: str,
    project: Path,
    progress: Progress,
    confirm: Confirm,
    dependencies: Dependencies = DEFAULTS,
    *,
    with_data: bool,
) -> None:
    """Remove a stage. Raises DeploymentError, or what botocore raises. The next run continues after either."""
    with progress.of("Preflight"):
        place = check(stage, project, {})
        resources = Resources(stage, project, place, dependencies)
        progress(f"stage {stage} in account {place.account_id}, region {place.region}, as {place.identity}")
        for sentence in _losses(resources, with_data=with_data):
            progress(sentence)
    if confirm(f"Type the name of the stage to confirm ({stage}): ") != stage:
        raise DeploymentError("the name was not confirmed; nothing was changed")
    with progress.of("chalice delete"):
        _delete_api(resources, progress)
    with progress.of("Site"):
        _empty_bucket(resources, progress)
    with progress.of("Stack"):
        if resources.stack.described() is None:
            progress("is not there")
        else:
            progress("This takes a few minutes.")
            resources.stack.delete(progress)
            progress(f"deleted {resources.stack.name}")
    if with_data:
        with progress.of("Data"):
            _delete_data(resources, progress)
    progress.end("Removed." if with_data else "Removed, except the data: `make deploy` uses it again.")


def _losses(resources: Resources, *, with_data: bool) -> list[str]:
    outputs = resources.stack.outputs()
    where = outputs.get("SiteOrigin", "what exists of the stage")
    sentences = [f"This removes {where}: page, API, distribution, alarms. A later deployment has another address."]
    tables = {name: count for name in resources.tables() if (count := _items(resources, name)) is not None}
    fate = "This DELETES PERMANENTLY" if with_data else "This keeps (--with-data deletes it)"
    for name, count in tables.items():
        sentences.append(f"{fate}: the table {name}, about {count} items")
    copies = copies_of(resources.session.client("dynamodb"), resources.tables())
    sentences += [f"{fate}: the copy {name}, which a restore has left" for name in copies]
    sentences.append(f"{fate}: the signing keys and the pepper, {resources.signing_keys_parameter}")
    if outputs.get("WebhookDeadLetters"):
        sentences.append(f"{fate}: the secrets that sign webhooks, {resources.webhook_secrets.name}")
    sentences.append(f"{fate}: the logs of functions and gateway")
    if outputs.get("MailIdentity"):
        sentences.append(
            f"This keeps in any case: the identity {outputs['MailIdentity']} in SES, whose records are in DNS. `aws"
            f" sesv2 delete-email-identity --email-identity {outputs['MailIdentity']}` deletes it"
        )
    return sentences


def _items(resources: Resources, table: str) -> int | None:
    try:
        return int(resources.session.client("dynamodb").describe_table(TableName=table)["Table"]["ItemCount"])
    except ClientError as error:
        if code_of(error) == "ResourceNotFoundException":
            return None
        raise


def _delete_api(resources: Resources, progress: Progress) -> None:
    place = resources.place
    foundation = Foundation(
        stage=resources.stage,
        partition=place.partition,
        region=place.region,
        account_id=place.account_id,
        site_origin="",
        signing_keys_parameter=resources.signing_keys_parameter,
        distribution_secret_sha256="",
        users_table="",
        sessions_table="",
        events_table="",
        throttle_table="",
        mail_table="",
        mail_stream="",
    )
    record = resources.record(foundation)
    apis = record.deployed_apis()
    record.recover(apis[0] if apis else "")
    if record.is_empty():
        progress("is not there")
    else:
        run_chalice("delete", resources.stage, resources.project, place.region, progress)
    # Chalice's record has one API. An interrupted deployment may have made more.
    for api in apis[1:]:
        resources.session.client("apigateway").delete_rest_api(restApiId=api)
        progress(f"deleted the API {api} too")
    record.path.unlink(missing_ok=True)


def _empty_bucket(resources: Resources, progress: Progress) -> None:
    bucket = resources.stack.outputs().get("SiteBucket")
    client = resources.session.client("s3")
    if bucket is None or not site.exists(client, bucket):
        progress("is not there")
        return
    progress(f"deleted {site.empty(client, bucket)} files and old versions of files")


def _delete_data(resources: Resources, progress: Progress) -> None:
    client = resources.session.client("dynamodb")
    for name in (*resources.tables(), *copies_of(client, resources.tables())):
        if _items(resources, name) is not None:
            client.update_table(TableName=name, DeletionProtectionEnabled=False)
            client.get_waiter("table_exists").wait(TableName=name)
            client.delete_table(TableName=name)
            progress(f"deleted the table {name}")
    logs = resources.session.client("logs")
    for name in resources.log_groups():
        try:
            logs.delete_log_group(logGroupName=name)
            progress(f"deleted the logs {name}")
        except ClientError as error:
            if code_of(error) != "ResourceNotFoundException":
                raise
    if resources.keys.delete():
        progress(f"deleted the parameter {resources.signing_keys_parameter}")
    if resources.webhook_secrets.delete():
        progress(f"deleted the parameter {resources.webhook_secrets.name}")
    resources.files.remove()
    progress(f"removed the stage {resources.stage} from .chalice/")
