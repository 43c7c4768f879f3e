"""What every stage has to have: settings, tables, keys that fit one another, and a directory of its users."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from chalicelib.adapters.aws import error_code
from chalicelib.clock import Clock
from chalicelib.config.verifier import VerifierSettings
from chalicelib.errors import ServiceUnavailable
from infra import directory
from infra.doctor.advice import warnings
from infra.doctor.settings import site
from infra.keys.peppers import name_of
from infra.keys.users import Needs, users_in_table
from infra.local.environment import STAGE
from infra.operator.accounts import Accounts, Stage
from infra.operator.health.diagnosis import Diagnosis, Grade
from infra.operator.output import counted, is_or_are
from infra.tables import TableDefinition, table_definitions

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_PUBLIC_KEYS = "LYCHGATE_PUBLIC_KEYS"


def settings(stage: Stage) -> Iterator[Diagnosis]:
    """Look at the settings. Raises ConfigurationError if one is not valid."""
    found = site(stage.project, stage.name)
    for sentence in found.left_alone:
        yield Diagnosis("settings", Grade.ADVICE, f"{sentence}.", "Unset them in this shell.")
    advice = warnings(found)
    for each in advice:
        yield Diagnosis(each.setting, Grade.ADVICE, each.what, each.do)
    if not advice:
        yield Diagnosis("settings", Grade.OK, "they are valid, and none makes a theft worse than it has to be")


def tables(client: DynamoDBClient, stage: str) -> Iterator[Diagnosis]:
    """Look whether the tables are as the template has them: keys, indexes, streams, time to live."""
    for definition in table_definitions(stage):
        problems = list(_of_table(client, definition, stage))
        yield from problems
        if not problems:
            yield Diagnosis(f"table {definition.name}", Grade.OK, _as_it_is(definition))


def _of_table(client: DynamoDBClient, definition: TableDefinition, stage: str) -> Iterator[Diagnosis]:
    name, again = f"table {definition.name}", _repair(stage)
    try:
        found: Mapping[str, Any] = client.describe_table(TableName=definition.name)["Table"]
    except ClientError as error:
        if error_code(error) != "ResourceNotFoundException":
            raise
        yield Diagnosis(name, Grade.WRONG, "it does not exist in this region", again)
        return
    if found.get("TableStatus", "ACTIVE") not in {"ACTIVE", "UPDATING"}:
        yield Diagnosis(name, Grade.WRONG, f"it is {found['TableStatus']}", "Wait until it is ACTIVE, and look again.")
    if _keys(found) != _keys(definition.create):
        yield Diagnosis(name, Grade.WRONG, "it has another key than Lychgate's table", "It is another program's table?")
    yield from _of_indexes(found, definition, stage)
    wanted = definition.create.get("StreamSpecification")
    if wanted and found.get("StreamSpecification", {}).get("StreamViewType") != wanted["StreamViewType"]:
        yield Diagnosis(name, Grade.WRONG, "its stream is off: what is to be sent from it waits", again)
    yield from _of_time_to_live(client, definition, again)


def _of_indexes(found: Mapping[str, Any], definition: TableDefinition, stage: str) -> Iterator[Diagnosis]:
    there = {index["IndexName"]: index for index in found.get("GlobalSecondaryIndexes", [])}
    for wanted in definition.create.get("GlobalSecondaryIndexes", []):
        name = f"index {wanted['IndexName']} of {definition.name}"
        index = there.get(wanted["IndexName"])
        if index is None or _keys(index) != _keys(wanted):
            yield Diagnosis(
                name, Grade.WRONG, "it does not exist: users cannot be listed or found by id", _repair(stage)
            )
        elif index.get("IndexStatus", "ACTIVE") != "ACTIVE":
            yield Diagnosis(name, Grade.WRONG, f"it is {index['IndexStatus']}", "Wait until it is ACTIVE.")


def _of_time_to_live(client: DynamoDBClient, definition: TableDefinition, again: str) -> Iterator[Diagnosis]:
    wanted = definition.time_to_live
    if wanted is None:
        return
    found = client.describe_time_to_live(TableName=definition.name)["TimeToLiveDescription"]
    is_on = found.get("TimeToLiveStatus") in {"ENABLED", "ENABLING"}
    if not is_on or found.get("AttributeName") != wanted["AttributeName"]:
        yield Diagnosis(
            f"table {definition.name}",
            Grade.WRONG,
            f"time to live is not on for {wanted['AttributeName']}: what has ended is never deleted",
            again,
        )


def _as_it_is(definition: TableDefinition) -> str:
    indexes = [index["IndexName"] for index in definition.create.get("GlobalSecondaryIndexes", [])]
    parts = ["its key"]
    parts += [f"the indexes {', '.join(indexes)}"] if indexes else []
    parts += ["its stream"] if "StreamSpecification" in definition.create else []
    parts += ["time to live"] if definition.time_to_live is not None else []
    return f"it has {', '.join(parts)}"


def keys(accounts: Accounts, clock: Clock, public_keys: str | None) -> Iterator[Diagnosis]:
    """Look whether a key signs, whether others can verify what it signs, and which pepper new hashes use.

    ``public_keys`` are the public ones, None for those of the settings. Raises ConfigurationError.
    """
    listing = f"Look at them: python -m infra.keys list --stage {accounts.stage}"
    secrets = accounts.read_secrets()
    environment = dict(accounts.environment)
    if public_keys is not None:
        environment[_PUBLIC_KEYS] = public_keys
    published = VerifierSettings.from_environment(environment).keys
    now = clock()
    known = secrets.signing_keys.known_to(published)
    try:
        signs = known.current(now)
    except ServiceUnavailable:
        yield Diagnosis(
            "signing keys", Grade.WRONG, "no key signs whose public half is published: nobody can log in", listing
        )
        return
    unpublished = [key.kid for key in secrets.signing_keys.keys if key.kid not in published and not key.revoked]
    if unpublished:
        yield Diagnosis(
            "signing keys",
            Grade.WRONG,
            f"{', '.join(unpublished)}: the public half is not published, so it never signs",
            f"Deploy the stage, and run the last command of infra.keys again. {listing}",
        )
    elif signs.revoked:
        yield Diagnosis("signing keys", Grade.WRONG, f"{signs.kid}, which signs, is revoked", listing)
    else:
        yield Diagnosis("signing keys", Grade.OK, f"{signs.kid} signs ({signs.alg}), and its public half is published")
    yield Diagnosis("peppers", Grade.OK, f"{name_of(secrets.peppers.current(now).id)} is in use for new hashes")


def everybody(accounts: Accounts, advance: Callable[[int], None]) -> Iterator[Diagnosis]:
    """Read the whole table of users: whether all are listed, who administers, and which peppers they need."""
    database = accounts.make_database()
    found = directory.reindex(database, segments=accounts.segments, dry_run=True, advance=advance)
    reindex = f"python -m infra.operator users reindex --stage {accounts.stage}"
    if found.listed:
        yield Diagnosis(
            "list of users",
            Grade.WRONG,
            f"{found.listed} of {counted(found.users, 'user')} {is_or_are(found.listed)} not in it",
            f"Run `{reindex}`.",
        )
    else:
        all_of_them = "the only user is" if found.users == 1 else f"all {found.users} users are"
        yield Diagnosis("list of users", Grade.OK, f"{all_of_them} in it")
    yield _administrators(found, reindex, accounts.stage)
    yield from _peppers(users_in_table(database.client, database.tables.users, lambda _: None), accounts)


def _administrators(found: directory.Directory, reindex: str, stage: str) -> Diagnosis:
    if found.joined or found.left:
        return Diagnosis(
            "administrators",
            Grade.WRONG,
            f"the item that keeps the last one from going lacks {found.joined}, and counts {found.left} who are none",
            f"Run `{reindex}`.",
        )
    if not found.administrators:
        return Diagnosis(
            "administrators",
            Grade.ADVICE,
            "there is none: only this command line can help users",
            f"python -m infra.operator users create NAME --role admin --stage {stage}",
        )
    if found.administrators == 1:
        return Diagnosis(
            "administrators",
            Grade.ADVICE,
            "there is one only. Whoever loses that account needs you",
            "Make a second one.",
        )
    return Diagnosis("administrators", Grade.OK, f"{found.administrators} are active")


def _peppers(needs: Needs, accounts: Accounts) -> Iterator[Diagnosis]:
    peppers = accounts.read_secrets().peppers
    lost = {
        pepper: needs.passwords[pepper] + needs.totp[pepper] + needs.recovery_codes[pepper]
        for pepper in {*needs.passwords, *needs.totp, *needs.recovery_codes}
        if peppers.find(pepper) is None
    }
    if lost:
        which = ", ".join(f"{name_of(pepper)} ({number})" for pepper, number in sorted(lost.items()))
        yield Diagnosis(
            "peppers",
            Grade.WRONG,
            f"users need peppers that are gone, and cannot log in: {which}",
            f"Put them back from a backup: python -m infra.keys restore FILE --add-peppers --stage {accounts.stage}",
        )
    else:
        yield Diagnosis(
            "peppers",
            Grade.OK,
            f"all are there, for {counted(needs.users, 'user')}",
        )


def _repair(stage: str) -> str:
    return "Start `make dev` again." if stage == STAGE else f"make deploy STAGE={stage}"


def _keys(described: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(key["AttributeName"], key["KeyType"]) for key in described["KeySchema"]]
