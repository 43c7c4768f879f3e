"""The composition root of the API Lambda: the only module that builds adapters and connects them."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.adapters.aws import dynamodb_client, ssm_client
from chalicelib.adapters.dynamodb.events import DynamoDBEventLog
from chalicelib.adapters.dynamodb.sessions import DynamoDBSessionStore
from chalicelib.adapters.dynamodb.throttle import DynamoDBLoginThrottle
from chalicelib.adapters.dynamodb.transactions import Database, pause_at_most
from chalicelib.adapters.dynamodb.users import DynamoDBUserStore
from chalicelib.adapters.parameter_store import read_secret
from chalicelib.adapters.pwned_passwords import PwnedPasswords
from chalicelib.assembly import Parts, Unhooked, UseCases
from chalicelib.clock import Clock, system_clock
from chalicelib.config.api import ApiSettings
from chalicelib.config.http import HttpSettings
from chalicelib.config.signing_secrets import SigningSecrets
from chalicelib.config.verifier import VerifierSettings
from chalicelib.credentials.password_policy import PasswordPolicy
from chalicelib.credentials.passwords import PasswordHasher
from chalicelib.errors import ConfigurationError
from chalicelib.telemetry.log import log_unusable_hash
from chalicelib.telemetry.requests import announce
from chalicelib.tokens.issuer import TokenIssuer
from chalicelib.tokens.verifier import TokenVerifier
from chalicelib.use_cases.account import Account
from chalicelib.use_cases.begin_session import BeginSession
from chalicelib.use_cases.devices import Devices
from chalicelib.use_cases.hooks import Hooks
from chalicelib.use_cases.log_in import LogIn
from chalicelib.use_cases.notices import Notices
from chalicelib.use_cases.password_guard import PasswordGuard
from chalicelib.use_cases.ports import Announce, EndedFeed, Stores
from chalicelib.use_cases.refresh import RefreshTokens
from chalicelib.use_cases.registration import Registration

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_ssm import SSMClient

    from chalicelib.credentials.throttling import MailRules
    from chalicelib.tokens.dpop import ProofVerifier
    from chalicelib.tokens.keyring import SigningKeys
    from chalicelib.use_cases.administration_ports import AdministrationStore
    from chalicelib.use_cases.factor_ports import FactorStore
    from chalicelib.use_cases.hooked import Hooked
    from chalicelib.use_cases.mail_ports import MailStores


@dataclass(frozen=True, slots=True, eq=False)
class Clients:
    """How AWS is reached. The factory of a client is called when the client is first needed."""

    dynamodb: Callable[[], DynamoDBClient] = dynamodb_client
    ssm: Callable[[], SSMClient] = ssm_client
    pause: Callable[[float], None] = pause_at_most
    """Waits before a retry, at most so many seconds."""

    def made_once(self) -> Clients:
        """Return the same, with factories that return the client that they made before."""
        return Clients(functools.cache(self.dynamodb), functools.cache(self.ssm), self.pause)


def dynamodb_stores(clients: Clients, settings: ApiSettings) -> Stores:
    """Return the stores in DynamoDB."""
    database = Database(clients.dynamodb(), settings.tables, clients.pause)
    return Stores(
        users=DynamoDBUserStore(database),
        sessions=DynamoDBSessionStore(database, limit=settings.max_sessions),
        events=DynamoDBEventLog(database),
        throttle=DynamoDBLoginThrottle(database, settings.throttle),
        make_mail_stores=lambda: dynamodb_mail_stores(database, settings.mails),
        make_factor_store=lambda: dynamodb_factor_store(database),
        make_administration_store=lambda: dynamodb_administration_store(database),
        make_ended_feed=lambda: dynamodb_ended_feed(database),
    )


def dynamodb_mail_stores(database: Database, rules: MailRules) -> MailStores:
    """Return the stores in DynamoDB that only mails need."""
    # Most processes never need them.
    from chalicelib.adapters.dynamodb.addresses import DynamoDBAddressStore  # noqa: PLC0415
    from chalicelib.adapters.dynamodb.outbox import DynamoDBOutbox  # noqa: PLC0415
    from chalicelib.use_cases import mail_ports  # noqa: PLC0415

    return mail_ports.MailStores(addresses=DynamoDBAddressStore(database), outbox=DynamoDBOutbox(database, rules))


def dynamodb_factor_store(database: Database) -> FactorStore:
    """Return the store in DynamoDB of second factors and passkeys."""
    from chalicelib.adapters.dynamodb.factors import DynamoDBFactorStore  # noqa: PLC0415 - most processes never need it

    return DynamoDBFactorStore(database)


def dynamodb_administration_store(database: Database) -> AdministrationStore:
    """Return the store in DynamoDB of what only administrators see and do."""
    from chalicelib.adapters.dynamodb.administration import DynamoDBAdministrationStore  # noqa: PLC0415

    return DynamoDBAdministrationStore(database)


def dynamodb_ended_feed(database: Database) -> EndedFeed:
    """Return the reader in DynamoDB of the feed of ended sessions."""
    from chalicelib.adapters.dynamodb.ended import DynamoDBEndedFeed  # noqa: PLC0415 - most requests never need it

    return DynamoDBEndedFeed(database)


class Lychgate:
    """The settings, clock and use cases of one process of the API. Each is built once, at its first use.

    If building fails, it raises ConfigurationError, or ServiceUnavailable if a later attempt may succeed. The next use
    tries again.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        clients: Clients | None = None,
        clock: Clock = system_clock,
        make_stores: Callable[[Clients, ApiSettings], Stores] = dynamodb_stores,
        make_hasher: Callable[..., PasswordHasher] = PasswordHasher,
        announce: Announce = announce,
        hooks: Hooks | None = None,
    ) -> None:
        """Read settings from ``environment``. ``hooks`` are the site's own.

        The other arguments replace the parts that reach outside.
        """
        self._environment = environment
        self._clients = (clients or Clients()).made_once()
        self.clock = clock
        self._make_stores = make_stores
        self._make_hasher = make_hasher
        self._announce = announce
        self._hooks = hooks
        self._failure: Exception | None = None

    @functools.cached_property
    def http(self) -> HttpSettings:
        """The settings of the HTTP layer."""
        return HttpSettings.from_environment(self._environment)

    @functools.cached_property
    def verifying(self) -> VerifierSettings:
        """The settings for verifying tokens, with the public keys."""
        return VerifierSettings.from_environment(self._environment)

    @functools.cached_property
    def key_proofs(self) -> ProofVerifier:
        """The verifier of the proofs with which clients show that they hold a key."""
        from chalicelib.tokens.dpop import ProofVerifier  # noqa: PLC0415 - some sites have plain sessions only

        return ProofVerifier(issuer=self.verifying.issuer, clock=self.clock)

    @functools.cached_property
    def settings(self) -> ApiSettings:
        """The other settings, which the use cases are built from."""
        return ApiSettings.from_environment(self._environment)

    @functools.cached_property
    def use_cases(self) -> UseCases:
        """The use cases."""
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        return self._build()

    def prepare(self) -> None:
        """Build the use cases before the first request. If that fails, the first use of them raises the error.

        Lambda gives a starting process a whole CPU, whatever its memory, and starts some processes before they are
        needed. An error must not escape here: Lambda would start process after process, and no request would get a
        problem document.
        """
        try:
            self.use_cases  # noqa: B018 - reading the property builds it
        except Exception as failure:  # noqa: BLE001 - the first request raises it again and answers it
            self._failure = failure

    def make_clients(self) -> None:
        """Read the settings and make the clients, without a call to AWS. Errors are left to ``prepare``."""
        with contextlib.suppress(Exception):
            self.http, self.verifying, self.settings  # noqa: B018 - reading a property builds it
            self._clients.dynamodb()
            self._clients.ssm()

    def _build(self) -> UseCases:
        # Settings first: what they lack can be said without a call to AWS.
        verifying = self.verifying
        settings = self.settings
        secrets = SigningSecrets.from_json(
            read_secret(
                self._clients.ssm(), settings.signing_keys_parameter, variable="LYCHGATE_SIGNING_KEYS_PARAMETER"
            ),
            source=settings.signing_keys_parameter,
        )
        stores = self._make_stores(self._clients, settings)
        plain_issuer = TokenIssuer(
            issuer=verifying.issuer,
            audience=verifying.audience,
            signing_keys=self._known_signing_keys(secrets),
            access_lifetime=settings.access_token_lifetime,
        )
        verifier = TokenVerifier(
            issuer=verifying.issuer,
            audience=verifying.audience,
            keys=verifying.keys,
            clock=self.clock,
        )
        hasher = self._make_hasher(
            peppers=secrets.peppers, cost=settings.bcrypt_cost, clock=self.clock, report=log_unusable_hash
        )
        policy = PasswordPolicy(
            min_length=settings.password_min_length,
            context_words=settings.context_words,
            leaked=PwnedPasswords() if settings.check_pwned_passwords else None,
        )
        hooked = self._hooking(stores, hasher)
        issuer, announce = hooked(plain_issuer), hooked.announcing(self._announce)
        clock, rules = self.clock, settings.sessions
        guard = PasswordGuard(stores=stores, hasher=hasher, clock=clock, announce=announce)
        notices = Notices(sends=settings.email != "off")
        begin_session = hooked(
            BeginSession(
                stores=stores,
                issuer=issuer,
                rules=rules,
                clock=clock,
                announce=announce,
                second_factors=lambda: parts.second_factors,
            )
        )
        parts = Parts(
            settings=settings,
            http=self.http,
            stores=stores,
            issuer=plain_issuer,
            begin_session=begin_session,
            guard=guard,
            hasher=hasher,
            policy=policy,
            peppers=secrets.peppers,
            verifier=verifier,
            notices=notices,
            clock=clock,
            announce=announce,
            hooked=hooked,
        )
        return UseCases(
            registration=hooked(
                Registration(
                    stores=stores,
                    begin_session=begin_session,
                    hasher=hasher,
                    policy=policy,
                    is_open=settings.registration_open,
                    email=settings.email,
                    clock=clock,
                    announce=announce,
                )
            ),
            log_in=hooked(LogIn(guard=guard, begin_session=begin_session)),
            refresh_tokens=hooked(
                RefreshTokens(
                    stores=stores,
                    issuer=issuer,
                    verifier=verifier,
                    rules=rules,
                    notices=notices,
                    clock=clock,
                    announce=announce,
                )
            ),
            devices=Devices(issuer=plain_issuer, verifier=verifier, clock=clock),
            account=Account(
                stores=stores,
                guard=guard,
                begin_session=begin_session,
                hasher=hasher,
                policy=policy,
                fresh_seconds=settings.fresh_seconds,
                notices=notices,
                clock=clock,
                announce=announce,
            ),
            _parts=parts,
        )

    def _hooking(self, stores: Stores, hasher: PasswordHasher) -> Unhooked | Hooked:
        """Return what gives parts the hooks of the site, which are loaded if it has any."""
        if not self._hooks:
            return Unhooked()
        from chalicelib.use_cases.hooked import Hooked  # noqa: PLC0415

        return Hooked(self._hooks, stores=stores, hasher=hasher, settings=self.settings, clock=self.clock)

    def _known_signing_keys(self, secrets: SigningSecrets) -> SigningKeys:
        """Return the private keys whose public halves are configured. Raises ConfigurationError if none may sign."""
        known = secrets.signing_keys.known_to(self.verifying.keys)
        if not any(key.is_good(self.clock()) for key in known.keys):
            raise ConfigurationError(
                "LYCHGATE_PUBLIC_KEYS", "does not hold the key that signs: nobody could use its tokens"
            )
        return known
