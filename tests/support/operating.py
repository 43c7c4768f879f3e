"""`python -m infra.operator` over the fakes of the stores, run in this process."""

from contextlib import contextmanager

from click.testing import CliRunner

from chalicelib.adapters.dynamodb.events import DynamoDBEventLog
from chalicelib.adapters.dynamodb.sessions import DynamoDBSessionStore
from chalicelib.adapters.dynamodb.throttle import DynamoDBLoginThrottle
from chalicelib.adapters.dynamodb.users import DynamoDBUserStore
from chalicelib.config.api import ApiSettings
from chalicelib.config.signing_secrets import SigningSecrets
from chalicelib.credentials.peppers import Peppers
from chalicelib.tokens.keyring import SigningKeys
from chalicelib.use_cases.ports import Stores
from chalicelib.wiring import (
    dynamodb_administration_store,
    dynamodb_ended_feed,
    dynamodb_factor_store,
    dynamodb_mail_stores,
)
from infra import laptop
from infra.local.environment import stage_environment
from infra.operator.__main__ import operator
from infra.operator.accounts import Accounts
from infra.operator.calls import Reach
from tests.support.fakes import MAIL_RULES, RULES, fake_stores
from tests.support.samples import NOW

PEPPERS = Peppers.of(b"p" * 32)
LATER = NOW + 5
"""The time at which the commands run."""


class FakeSuppressions:
    """Addresses that get no mail, by themselves."""

    def __init__(self):
        self.known = {}

    def all(self):
        return list(self.known.values())

    def find(self, address):
        return self.known.get(address)

    def lift(self, address):
        return self.known.pop(address, None)


def stores_over(database):
    """The stores over tables."""
    return Stores(
        DynamoDBUserStore(database),
        DynamoDBSessionStore(database, limit=50),
        DynamoDBEventLog(database),
        DynamoDBLoginThrottle(database, RULES),
        lambda: dynamodb_mail_stores(database, MAIL_RULES),
        lambda: dynamodb_factor_store(database),
        lambda: dynamodb_administration_store(database),
        lambda: dynamodb_ended_feed(database),
    )


class Operating:
    """Runs commands about the users of a memory."""

    def __init__(self, memory, suppressions=None, *, database=None, segments=1):
        """About the users of ``database``, if it is given."""
        self.memory = memory
        self.database = database
        self.segments = segments
        self.suppressions = suppressions or FakeSuppressions()
        self.at_a_terminal = False
        self.asked_for = []
        """The stages that the commands wanted to reach."""

    def accounts(self, stage="dev", stores=None, **settings):
        """What the commands reach."""
        environment = {**stage_environment(), "LYCHGATE_BCRYPT_COST": "10", **settings}
        laptop.fill_in(environment, port=8000, path="/api")
        return Accounts(
            stage,
            stores or self.make_stores(),
            ApiSettings.from_environment(environment),
            self.suppressions,
            environment,
            lambda: SigningSecrets(SigningKeys(()), PEPPERS),
            lambda: self.database,
            self.segments,
        )

    def make_stores(self):
        return fake_stores(self.memory) if self.database is None else stores_over(self.database)

    def __call__(self, *arguments, stores=None, fails=None, typed="", **settings):
        """Run the command and return its result. ``settings`` are variables of the stage."""

        @contextmanager
        def accounts(stage):
            self.asked_for.append(stage)
            if fails is not None:
                raise fails
            yield self.accounts(stage.name, stores, **settings)

        reach = Reach(accounts, lambda: LATER, can_ask=lambda: self.at_a_terminal)
        return CliRunner().invoke(operator, arguments, obj=reach, input=typed)
