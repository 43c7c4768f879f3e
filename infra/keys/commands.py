"""What each command of ``python -m infra.keys`` does to a stage's ring."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.config.api import ApiSettings
from chalicelib.config.signing_secrets import parse_peppers
from chalicelib.errors import ServiceUnavailable
from chalicelib.tokens.keys import parse_signing_keys, public_jwks
from infra.keys import backup as backups
from infra.keys import peppers
from infra.keys import ring as rings
from infra.keys.places import FileRing, FollowingPublicSet, ParameterRing, PlaceError, PublicSet, RingPlace
from infra.keys.users import users_in_table, users_on_disk
from infra.laptop import left_alone
from infra.local.data_directory import DataDirectory
from infra.local.environment import STAGE
from infra.stage_settings import follow_region_of_shell, stage_settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_ssm import SSMClient

Say = Callable[[str], None]
Ask = Callable[[str], str]
MakeSsm = Callable[[], "SSMClient"]
MakeDynamoDB = Callable[[], "DynamoDBClient"]


def run(
    options: argparse.Namespace, *, say: Say, now: int, make_ssm: MakeSsm, make_dynamodb: MakeDynamoDB, ask: Ask
) -> None:
    """Run the command that the arguments name.

    Raises:
        RefusedError: the change would lose what somebody needs.
        PlaceError: the ring, the public set or a backup cannot be read or written, or is none.
        LocalError: the data directory cannot be used.
        UnknownStageError: there is no such stage.
        ConfigurationError: its settings or secrets are wrong.
        ServiceUnavailable: AWS does not answer.
        ClientError: AWS refuses.

    """
    settings = stage_settings(options.project, options.stage)
    if options.stage == STAGE:
        place: RingPlace = FileRing(DataDirectory(options.data_dir))
    else:
        follow_region_of_shell()
        for sentence in left_alone(options.stage, os.environ):
            say(f"{sentence}.")
        place = ParameterRing(make_ssm(), settings.signing_keys_parameter)
    command = _Command(options, settings, place, say, now, make_dynamodb, ask)
    if options.command == "restore":
        command.restore()
        return
    ring = place.read()
    if options.command == "create":
        command.create(ring)
        return
    if ring is None:
        raise PlaceError(
            f"{place.name} does not exist. Create it: `python -m infra.keys create --stage {options.stage}`"
        )
    of_ring = {"list": command.list, "backup": command.back_up, "pepper": command.change_pepper}
    of_ring.get(options.command, command.change_keys)(ring)


@dataclass(frozen=True)
class _Command:
    options: argparse.Namespace
    settings: ApiSettings
    place: RingPlace
    say: Say
    now: int
    make_dynamodb: MakeDynamoDB
    ask: Ask

    def list(self, ring: rings.Ring) -> None:
        """Print what each key and each pepper does."""
        configured = self._public_set().kids()
        try:
            signing_kid = parse_signing_keys(ring).current(self.now).kid
        except ServiceUnavailable:
            signing_kid = ""
            self.say("No key signs now: nobody can log in.")
        self.say(f"Keys in {self.place.name} at {rings.at(self.now)}:")
        for key in ring["keys"]:
            line = f"  {key['kid']}  {key['alg']}  {rings.state(key, now=self.now, signing_kid=signing_kid)}"
            if configured is not None and (key["kid"] in configured) == ("revoked" in key):
                line += "  (the configured public set does not agree: run the last command again)"
            self.say(line)
        self.say("Peppers:")
        for name, state in peppers.states(ring, now=self.now):
            self.say(f"  {name}  {state}")

    def create(self, ring: rings.Ring | None) -> None:
        """Make a new ring, unless there is one, or accounts that need the one that is gone."""
        if ring is not None:
            raise rings.RefusedError(f"{self.place.name} holds a ring already")
        if self.options.stage != STAGE:
            self._refuse_accounts_without_keys()
        alg = self.options.alg
        account = f"A ring of one {alg} key, which signs at once, and a pepper."
        self._apply(rings.Change(rings.new_ring(alg, now=self.now), (account,)))

    def _refuse_accounts_without_keys(self) -> None:
        """Raise RefusedError if there are accounts: none of their passwords would ever be right with a new pepper."""
        table = self.settings.tables.users
        try:
            users = users_in_table(self.make_dynamodb(), table, lambda _: None).users
        except PlaceError:  # no table, so no account
            return
        if users:
            raise rings.RefusedError(
                f"{table} has {users} accounts whose passwords need the pepper that was lost. Restore it from your"
                f" backup: `python -m infra.keys restore FILE --stage {self.options.stage}`. Without one the accounts"
                " are lost: delete the table's items first"
            )

    def change_keys(self, ring: rings.Ring) -> None:
        """Add, retire or revoke a key."""
        options, stage = self.options, self.options.stage
        current = rings.pruned(ring, now=self.now)
        if options.command == "add":
            change = rings.add(current, now=self.now, alg=options.alg, delay=options.delay, stage=stage)
        elif options.command == "retire":
            longest = _longest_token(self.settings)
            change = rings.retire(current, now=self.now, kid=options.kid, longest_token=longest, stage=stage)
        else:
            change = rings.revoke(current, now=self.now, kid=options.kid, stage=stage)
        self._apply(change, unchanged=change.ring == ring)

    def _apply(self, change: rings.Change, *, unchanged: bool = False) -> None:
        """Print what a change does. Unless this is a dry run, write first the ring, then the configuration."""
        parse_signing_keys(change.ring)
        public_set = self._public_set()
        public_set.prepare(public_jwks(change.ring))
        for sentence in change.account:
            self.say(sentence)
        if self.options.dry_run:
            self.say("This was a dry run: nothing was changed. The real run makes another key.")
            return
        # Both are written before anything is printed, because printing into a closed pipe fails.
        for sentence in [self._written(change, unchanged=unchanged), public_set.write()]:
            self.say(sentence)

    def change_pepper(self, ring: rings.Ring) -> None:
        """Add or retire a pepper, which concerns the ring alone."""
        change = self._pepper_change(ring)
        parse_peppers(change.ring)
        for sentence in change.account:
            self.say(sentence)
        if self.options.dry_run:
            self.say("This was a dry run: nothing was changed. The real run makes another pepper, if it makes one.")
            return
        self.say(self._written(change, unchanged=change.ring == ring))

    def _pepper_change(self, ring: rings.Ring) -> rings.Change:
        options = self.options
        if options.pepper_command == "add":
            return peppers.add(ring, now=self.now, delay=options.delay, stage=options.stage)
        table = self.settings.tables.users
        self.say(f"Counting the users of {table} by their peppers.")
        if options.stage == STAGE:
            needs = users_on_disk(DataDirectory(options.data_dir).path, table)
        else:
            needs = users_in_table(self.make_dynamodb(), table, self.say)
        self.say(f"{needs.users} users in all.")
        losing = peppers.Loss(users=options.losing_users, recovery_codes=options.losing_recovery_codes)
        return peppers.retire(ring, now=self.now, pepper_id=options.id, needs=needs, losing=losing, stage=options.stage)

    def back_up(self, ring: rings.Ring) -> None:
        """Write a backup of the ring, and read it back."""
        file, say = self.options.file, self.say
        backup = backups.Backup(self.options.stage, self.now, ring)
        passphrase = backups.passphrase(self.options, self.ask, file, twice=True)
        backups.write_new(file, backups.sealed(backup, passphrase), self.options.project)
        if backups.opened(backups.read(file), passphrase, str(file)) != backup:
            raise PlaceError(f"{file} does not hold what was written: delete it, and use another disk")
        say(f"Written and read back: {file}, a backup of {self.place.name}.")
        say(f"Keys: {', '.join(key['kid'] for key in ring['keys'])}.")
        say(f"Peppers: {', '.join(name for name, _ in peppers.states(ring, now=self.now))}.")
        say(
            "Keep it apart from backups of the tables, and its passphrase apart from both: nothing else opens the file."
        )

    def restore(self) -> None:
        """Restore the ring from a backup."""
        options = self.options
        contents = backups.read(options.file)
        backup = backups.opened(contents, backups.passphrase(options, self.ask, options.file), str(options.file))
        try:
            ring = self.place.read()
        except PlaceError as damaged:
            if not options.replace:
                raise PlaceError(f"{damaged}. With --replace the backup takes its place") from damaged
            ring = None
        change = backups.restored(
            ring, backup, stage=options.stage, add_peppers=options.add_peppers, replace=options.replace
        )
        published = set(self._public_set().kids() or ()) - {key["kid"] for key in change.ring["keys"]}
        for kid in sorted(published):
            self.say(
                f"The key {kid}, which is published, is not in the backup: its tokens are refused after the deployment."
            )
        self._apply(change, unchanged=change.ring == ring)

    def _written(self, change: rings.Change, *, unchanged: bool) -> str:
        return f"Unchanged: {self.place.name}." if unchanged else self.place.write(change.ring)

    def _public_set(self) -> PublicSet | FollowingPublicSet:
        if self.options.stage == STAGE:
            return FollowingPublicSet()
        return PublicSet(self.options.project, self.options.stage)


def _longest_token(settings: ApiSettings) -> int:
    """Return the longest lifetime of a token in seconds. A refresh token lives until its session ends or is idle."""
    return max(
        settings.access_token_lifetime, min(settings.sessions.idle_lifetime, settings.sessions.absolute_lifetime)
    )
