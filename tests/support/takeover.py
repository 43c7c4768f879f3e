"""Takes the steps of `infra.doctor` against the API, as a thief or as the owner of an account.

Each step is tried with what the actor really has. What the actor lacks is made up, so a step that the model says to be
closed is tried too.
"""

import base64
import dataclasses
import hashlib

from chalicelib.adapters.dynamodb.items import user_key
from chalicelib.config.api import ApiSettings
from chalicelib.config.signing_secrets import parse_peppers
from chalicelib.credentials.challenges import Challenges, Purpose
from chalicelib.credentials.sealing import Sealer
from chalicelib.credentials.totp import hotp, new_secret, step_at
from chalicelib.tokens.issuer import TokenIssuer
from chalicelib.tokens.keys import parse_signing_keys
from chalicelib.wiring import dynamodb_stores
from infra.doctor.model import (
    ADMIN,
    ADMIN_FRESH,
    FIRST_STEP,
    HANDED_OVER,
    MAKES,
    OWNER,
    OWNER_LATER,
    RENEWABLE,
    SESSION,
    THIEF,
    of,
)
from tests.support.administrators import Administrators
from tests.support.api_client import SITE_ORIGIN
from tests.support.application import clients_of
from tests.support.authenticator import Authenticator, NotAllowed, encoded

A_MOMENT = 31
"""Seconds between two requests, so that the next code of a TOTP app is another one."""
LATER = 901
"""Seconds after which a session is no longer fresh."""
A_MINUTE = 61
"""Seconds after which an address gets another mail."""

NAME = "Alice"
_CHALLENGE_OF_NOBODY = "AAAA"


@dataclasses.dataclass
class Makings:
    """What somebody has made to get into an account with."""

    password: str
    address: str
    authenticator: Authenticator = dataclasses.field(default_factory=Authenticator)
    totp: bytes = dataclasses.field(default_factory=new_secret)
    codes: list = dataclasses.field(default_factory=list)


class Walker:
    """Takes steps, and knows what came of them."""

    def __init__(self, api, mailbox, clock, *, by_address, ring, dynamodb, environment):
        self._api, self._mailbox, self._clock = api, mailbox, clock
        self._by_address, self._ring, self._dynamodb, self._environment = by_address, ring, dynamodb, environment
        self._needs_address = environment.get("LYCHGATE_EMAIL") == "required"
        self._makings = {
            OWNER: Makings("correct horse battery staple", "alice@example.org"),
            OWNER_LATER: Makings("seven old oak boards and a latch", "alice@new.example.org"),
            THIEF: Makings("a password that mallory has chosen", "mallory@example.com"),
        }
        self._tokens = {OWNER: {}, THIEF: {}}
        self._kept = {OWNER: {}, THIEF: {}}
        self._administrator = None

    def make(self, account):
        """Make an account of this kind through the API."""
        own = self._makings[OWNER]
        if self._by_address:
            members = {"email": own.address, **({"password": own.password} if account.password else {})}
            assert self._api.post("/auth/register", members).status == 202
            tokens = self._api.post("/auth/register/confirm", {"token": self._mailbox.token(own.address, "register")})
        else:
            # Where an address is needed, one that nobody confirms is no way in.
            members = {"email": own.address} if account.address or self._needs_address else {}
            tokens = self._api.register(NAME, own.password, **members)
            if account.address:
                token = self._mailbox.token(own.address, "email")
                assert self._api.post("/auth/email/confirm", {"token": token}).status == 204
        assert tokens.status == 201, tokens.body
        self._tokens[OWNER] = dict(tokens.json)
        if account.passkeys:
            assert self._add_passkey(own, OWNER)
        if account.totp:
            assert self._enrol(own, OWNER)
        self._clock.advance(A_MINUTE)

    def register_as_a_thief(self):
        """Let a thief register the owner's address."""
        own, thief = self._makings[OWNER], self._makings[THIEF]
        assert self._api.post("/auth/register", {"email": own.address, "password": thief.password}).status == 202
        self._kept[OWNER]["registration"] = self._mailbox.token(own.address, "register")

    def wait(self, seconds):
        """Let time pass in which the owner goes on with the session."""
        self._clock.advance(seconds)
        assert self._began(self._api.refresh(self._tokens[OWNER]["refresh_token"]), OWNER)

    def steal(self, state):
        """Let the thief have the owner's tokens, as far as the thief holds them."""
        hand, tokens = state.hand(THIEF), self._tokens[OWNER]
        self._tokens[THIEF] = {
            "access_token": tokens.get("access_token", "") if SESSION in hand else "",
            "refresh_token": tokens.get("refresh_token", "") if RENEWABLE in hand else "",
        }
        if ADMIN in hand:
            self._make_administrator(is_fresh=ADMIN_FRESH in hand)

    def _make_administrator(self, *, is_fresh):
        if self._by_address:
            members = {"email": "root@example.org", "password": self._makings[OWNER].password}
            assert self._api.post("/auth/register", members).status == 202
            token = self._mailbox.token("root@example.org", "register")
            tokens = self._api.post("/auth/register/confirm", {"token": token}).json
        else:
            members = {"email": "root@example.org"} if self._needs_address else {}
            tokens = self._api.register("Root", self._makings[OWNER].password, **members).json
        table = self._environment["LYCHGATE_USERS_TABLE"]
        Administrators(self._api, self._dynamodb, table).promote(tokens["user"]["username"])
        self._administrator = tokens
        if not is_fresh:
            self._clock.advance(LATER)

    def is_in(self, actor):
        """Whether somebody has a session."""
        return self._api.me(self._tokens[actor].get("access_token", "")).status == 200

    def take(self, step, state, actor):
        """Try a step. Return whether it did what it is for."""
        self._clock.advance(A_MINUTE if "mailbox" in step.needs else A_MOMENT)
        method, _, path = step.route.partition(" ")
        ways = _WAYS.get(step.route)
        assert ways is not None, f"nobody knows how to try {method} {path}"
        return bool(ways(self, step, state, actor))

    def can_enter(self, state, actor):
        """Whether somebody begins a session by any way in, with all that the state says to be in the hand."""
        self._clock.advance(A_MINUTE)
        self._tokens[actor] = {}
        # The last way is the only one that changes the account.
        ways = (self._by_password, self._by_passkey, self._by_seal, self._by_code, self._by_reset, self._by_a_link)
        return any(self._second(way(state, actor), state, actor) for way in ways)

    def _by_password(self, state, actor):
        return self._log_in(self._password(state, actor), state)

    def _by_passkey(self, state, actor):
        self._clock.advance(A_MOMENT)
        answered = self._answer_of_passkey(state, actor)
        return answered and self._api.post("/auth/login/passkey", answered)

    def _by_code(self, state, actor):
        if not state.holds(actor, "mailbox"):
            return None
        challenge, code = self._ask_for_code(state)
        return self._api.post("/auth/login/code/verify", {"challenge": challenge, "code": code})

    def _by_reset(self, state, actor):
        if not state.holds(actor, "mailbox"):
            return None
        self._clock.advance(A_MINUTE)
        token = self._ask_for_link(state)
        password = self._makings[MAKES[actor]].password
        answer = self._api.post("/auth/password/reset", {"token": token, "new_password": password})
        return self._log_in(password, state) if answer.status == 204 else None

    def _by_a_link(self, state, actor):
        """Get in as somebody who has an administrator's session."""
        if ADMIN not in state.hand(actor) or not self.hand_over(None, state, actor):
            return None
        if state.account.totp and not self.remove_somebodys_totp(None, state, actor):
            return None
        password = self._makings[MAKES[actor]].password
        members = {"token": self._kept[actor]["link"], "new_password": password}
        answer = self._api.post("/auth/password/reset", members)
        return self._log_in(password, state) if answer.status == 204 else None

    def _by_seal(self, state, actor):
        if not state.account.totp or not self.seal(None, state, actor):
            return None
        return self._kept[actor]["first step"]

    def _second(self, answer, state, actor):
        """Go on with a log-in by whatever second factor there is in the hand. Return whether a session has begun."""
        if not answer:
            return False
        if not isinstance(answer, dict):
            if not self._first(answer, actor):
                return False
            answer = answer.json
        if "access_token" in answer:
            return True
        challenge = answer["challenge"]
        self._clock.advance(A_MOMENT)
        for member in (
            {"code": self._totp_code(state, actor)},
            {"recovery_code": self._recovery_code(state, actor)},
            self._credential(answer.get("publicKey"), state, actor),
        ):
            if member and self._began(
                self._api.post("/auth/login/second-factor", {"challenge": challenge, **member}), actor
            ):
                return True
        return False

    def _began(self, answer, actor):
        if not answer or answer.status not in {200, 201}:
            return False
        self._tokens[actor] = {**self._tokens[actor], **answer.json}
        return True

    def _first(self, answer, actor):
        """Keep what the first step of a log-in was answered. Return whether it was right."""
        if answer.status == 403 and answer.error == "second_factor_required":
            self._kept[actor]["first step"] = answer.json
            return True
        return self._began(answer, actor)

    def _log_in(self, password, state):
        return self._api.login(self._name(state), password)

    def _name(self, state):
        return self._makings[state.account.address or OWNER].address if self._by_address else NAME

    def _made_by(self, thing, holder, state, actor):
        """Whose thing the actor uses: that which the account has, if the actor has it, or else the actor's own."""
        return self._makings[holder if holder and of(thing, holder) in state.hand(actor) else MAKES[actor]]

    def _password(self, state, actor):
        return self._made_by("password", state.account.password, state, actor).password

    def _totp_code(self, state, actor):
        thing = "TOTP code" if of("TOTP code", state.account.totp) in state.hand(actor) else "TOTP app"
        secret = self._made_by(thing, state.account.totp, state, actor).totp
        return hotp(secret, step_at(self._clock()))

    def _recovery_code(self, state, actor):
        thing = "recovery code" if of("recovery code", state.account.codes) in state.hand(actor) else "recovery codes"
        codes = self._made_by(thing, state.account.codes, state, actor).codes
        return codes.pop() if codes else "-".join(["abcd"] * 6 + ["ab"])

    def _authenticator(self, state, actor):
        for maker in (*state.account.passkeys, MAKES[actor]):
            if of("passkey", maker) in state.hand(actor) and self._makings[maker].authenticator.credentials:
                return self._makings[maker].authenticator
        if of("authenticator", OWNER) in state.hand(actor):
            return dataclasses.replace(self._makings[OWNER].authenticator, user_verified=False)
        return Authenticator()

    def _credential(self, options, state, actor):
        if options is None:
            return None
        try:
            return {"credential": self._authenticator(state, actor).get(options, SITE_ORIGIN)}
        except NotAllowed:
            return None

    def _answer_of_passkey(self, state, actor):
        """The members of a log-in by passkey, None if the actor's authenticator has none."""
        options = self._api.post("/auth/login/passkey/options").json
        answered = self._credential(options["publicKey"], state, actor)
        return answered and {"challenge": options["challenge"], **answered}

    def _ask_for_link(self, state):
        assert self._api.post("/auth/password/forgot", {"username": self._name(state)}).status == 202
        return self._mailbox.token(self._makings[state.account.address].address, "reset")

    def _ask_for_code(self, state):
        asked = self._api.post("/auth/login/code", {"username": self._name(state)})
        return asked.json["challenge"], self._mailbox.code(self._makings[state.account.address].address)

    def _bearer(self, actor, method, path, members=None):
        return self._api.bearer(method, path, self._tokens[actor].get("access_token") or "none", members)

    def _enrol(self, makings, actor):
        begun = self._bearer(actor, "POST", "/auth/totp")
        pending = begun.json.get("pending", _CHALLENGE_OF_NOBODY)
        if begun.status == 200:
            makings.totp = _from_base32(begun.json["secret"])
        members = {"pending": pending, "code": hotp(makings.totp, step_at(self._clock()))}
        confirmed = self._bearer(actor, "POST", "/auth/totp/confirm", members)
        if confirmed.status == 200:
            makings.codes = list(confirmed.json["recovery_codes"])
        return confirmed.status == 200

    def _add_passkey(self, makings, actor):
        options = self._bearer(actor, "POST", "/auth/passkeys/options")
        if options.status != 200:
            return False
        makings.authenticator = Authenticator()
        credential = makings.authenticator.create(options.json["publicKey"], SITE_ORIGIN)
        members = {"challenge": options.json["challenge"], "credential": credential}
        return self._bearer(actor, "POST", "/auth/passkeys", members).status == 201

    # The steps.

    def login(self, _, state, actor):
        """Log in with a password."""
        return self._first(self._log_in(self._password(state, actor), state), actor)

    def ask_for_code(self, _, state, actor):
        """Ask for a code by mail, and read it."""
        if not state.holds(actor, "mailbox"):
            return False
        self._kept[actor]["code"] = self._ask_for_code(state)
        return True

    def verify_code(self, _, state, actor):
        """Log in with the mailed code, or with one that was seen and a challenge of one's own."""
        challenge, code = self._kept[actor].get("code", (_CHALLENGE_OF_NOBODY, "123456"))
        return self._first(self._api.post("/auth/login/code/verify", {"challenge": challenge, "code": code}), actor)

    def second_factor(self, step, state, actor):
        """Go on with a log-in."""
        asked = self._kept[actor].get("first step", {}) if FIRST_STEP in state.hand(actor) else {}
        challenge = asked.get("challenge", _CHALLENGE_OF_NOBODY)
        if "passkey" in step.needs:
            member = self._credential(asked.get("publicKey"), state, actor)
        elif "recovery code" in step.needs:
            member = {"recovery_code": self._recovery_code(state, actor)}
        else:
            member = {"code": self._totp_code(state, actor)}
        return member is not None and self._began(
            self._api.post("/auth/login/second-factor", {"challenge": challenge, **member}), actor
        )

    def passkey_log_in(self, _, state, actor):
        """Log in with a passkey."""
        answered = self._answer_of_passkey(state, actor)
        return answered is not None and self._began(self._api.post("/auth/login/passkey", answered), actor)

    def refresh(self, _, state, actor):
        """Refresh the session."""
        return self._began(self._api.refresh(self._tokens[actor].get("refresh_token") or "none"), actor)

    def confirm_registration(self, step, state, actor):
        """Press the button of the mail, with a password where the step is to choose one."""
        members = {"token": self._kept[actor].get("registration", "A" * 65)}
        if "own password" in step.gives:
            members["password"] = self._makings[MAKES[actor]].password
        return self._began(self._api.post("/auth/register/confirm", members), actor)

    def forgot(self, _, state, actor):
        """Ask for a link to choose a new password, and read it."""
        if not state.holds(actor, "mailbox"):
            return False
        self._kept[actor]["reset"] = self._ask_for_link(state)
        return True

    def reset(self, step, state, actor):
        """Choose a new password by the link."""
        members = {
            "token": self._kept[actor].get("link" if HANDED_OVER in step.needs else "reset", "A" * 65),
            "new_password": self._makings[MAKES[actor]].password,
        }
        return self._api.post("/auth/password/reset", members).status == 204

    def change_password(self, _, state, actor):
        """Change the password."""
        members = {
            "current_password": self._password(state, actor),
            "new_password": self._makings[MAKES[actor]].password,
        }
        return self._began(self._bearer(actor, "PUT", "/auth/password", members), actor)

    def reauthenticate(self, step, state, actor):
        """Prove again who it is."""
        if "passkey" in step.needs:
            members = self._answer_of_passkey(state, actor)
        else:
            code = {"code": self._totp_code(state, actor)} if "TOTP code" in step.needs else {}
            members = {"password": self._password(state, actor), **code}
        return members is not None and self._began(self._bearer(actor, "POST", "/auth/reauthenticate", members), actor)

    def change_email(self, _, state, actor):
        """Give an address of one's own, and read its mail."""
        own = self._makings[MAKES[actor]].address
        if self._bearer(actor, "PUT", "/auth/email", {"email": own}).status != 202:
            return False
        self._kept[actor]["email"] = self._mailbox.token(own, "email")
        return True

    def confirm_email(self, _, state, actor):
        """Confirm it. Where it is the name, a refresh follows."""
        answer = self._api.post("/auth/email/confirm", {"token": self._kept[actor].get("email", "A" * 65)})
        if answer.status == 204 and self._by_address and self._tokens[actor].get("refresh_token"):
            self._began(self._api.refresh(self._tokens[actor]["refresh_token"]), actor)
        return answer.status == 204

    def delete_email(self, _, state, actor):
        """Remove the address."""
        return self._bearer(actor, "DELETE", "/auth/email").status == 204

    def enrol(self, _, state, actor):
        """Enrol a TOTP app of one's own."""
        return self._enrol(self._makings[MAKES[actor]], actor)

    def remove_totp(self, _, state, actor):
        """Remove the TOTP app."""
        return self._bearer(actor, "DELETE", "/auth/totp").status == 204

    def replace_codes(self, _, state, actor):
        """Get new recovery codes."""
        answer = self._bearer(actor, "POST", "/auth/recovery-codes")
        if answer.status == 200:
            self._makings[MAKES[actor]].codes = list(answer.json["recovery_codes"])
        return answer.status == 200

    def add_passkey(self, _, state, actor):
        """Add a passkey of one's own."""
        return self._add_passkey(self._makings[MAKES[actor]], actor)

    def remove_passkeys(self, _, state, actor):
        """Remove all passkeys but those of one's own making. A thief who may not look knows the ids all the same."""
        makers = state.account.passkeys - {MAKES[actor]} or {OWNER}
        removed = [
            self._bearer(actor, "DELETE", f"/auth/passkeys/{encoded(credential.id)}").status == 204
            for maker in sorted(makers)
            for credential in self._makings[maker].authenticator.credentials
        ]
        return bool(removed) and all(removed)

    def end_others(self, _, state, actor):
        """End each session but one's own. It needs an authentication even if there is none to end."""
        return self._bearer(actor, "DELETE", "/auth/sessions/somebody-elses").status == 404

    def log_out_everywhere(self, _, state, actor):
        """End all sessions."""
        return self._bearer(actor, "POST", "/auth/logout-all").status == 204

    def delete_account(self, step, state, actor):
        """Delete the account."""
        members = {"password": self._password(state, actor)} if "password" in step.needs else {}
        return self._bearer(actor, "POST", "/auth/delete-account", members).status == 204

    def hand_over(self, _, state, actor):
        """Be shown a link, as an administrator is."""
        answer = self._as_administrator("POST", "/reset-password", state, actor)
        if answer.status == 200:
            self._kept[actor]["link"] = answer.json["link"].partition("#reset=")[2]
        return answer.status == 200

    def remove_somebodys_totp(self, _, state, actor):
        """Remove the TOTP app, as an administrator does."""
        return self._as_administrator("DELETE", "/second-factor", state, actor).status == 204

    def log_somebody_out(self, _, state, actor):
        """End all sessions, as an administrator does."""
        return self._as_administrator("POST", "/logout-all", state, actor).status == 204

    def delete_somebodys_account(self, _, state, actor):
        """Delete the account, as an administrator does."""
        return self._as_administrator("DELETE", "", state, actor).status == 204

    def _as_administrator(self, method, path, state, actor):
        """Make a request about the account: with the session of an administrator, or else with the actor's own."""
        tokens = self._tokens[actor]
        if ADMIN in state.hand(actor):
            self._administrator = tokens = self._api.refresh(self._administrator["refresh_token"]).json
        user_id = self._item(state)["user_id"]["S"]
        return self._api.bearer(method, f"/admin/users/{user_id}{path}", tokens.get("access_token") or "none")

    def decrypt(self, _, state, actor):
        """Read the secret of the TOTP app in the tables, with the pepper."""
        if not self._has(state, actor, "tables", "peppers"):
            return False
        item = self._item(state)
        if "totp" not in item:
            return False
        opened = self._sealer().open(item["totp"]["S"], purpose="TOTP secret", about=item["user_id"]["S"])
        return opened == self._makings[state.account.totp].totp

    def seal(self, _, state, actor):
        """Make the challenge of a log-in whose first step was right, with the pepper.

        An account without a second factor has no such step: there it has to be worth nothing.
        """
        if not self._has(state, actor, "tables", "peppers"):
            return False
        item = self._item(state)
        digest = hashlib.sha256(f"{item['password_hash']['S']}\n{item['session_epoch']['N']}".encode()).hexdigest()[:32]
        content = {"user": item["user_id"]["S"], "username": self._name(state), "state": digest, "amr": ["pwd"]}
        challenge = Challenges(self._sealer()).issue(Purpose.SECOND_FACTOR, self._clock(), content)
        self._kept[actor]["first step"] = {"challenge": challenge}
        members = {"challenge": challenge, "code": self._totp_code(state, actor)}
        return bool(state.account.totp) or self._api.post("/auth/login/second-factor", members).status == 200

    def sign(self, _, state, actor):
        """Make the tokens of a session that is in the tables, with the signing key."""
        if not self._has(state, actor, "tables", "signing keys"):
            return False
        settings = ApiSettings.from_environment(self._environment)
        stores = dynamodb_stores(clients_of(dynamodb=self._dynamodb), settings)
        user = stores.users.find(self._name(state))
        session, *_ = stores.sessions.of_user(user.id)
        issuer = self._environment["LYCHGATE_ISSUER"]
        keys = parse_signing_keys(self._ring)
        made = TokenIssuer(issuer=issuer, audience=issuer, signing_keys=keys, access_lifetime=600)
        self._tokens[actor] = dataclasses.asdict(made.token_pair(user, session, self._clock()))
        return self.is_in(actor)

    def _has(self, state, actor, *things):
        return set(things) <= state.hand(actor)

    def _item(self, state):
        table = self._environment["LYCHGATE_USERS_TABLE"]
        return self._dynamodb.get_item(TableName=table, Key=user_key(self._name(state)))["Item"]

    def _sealer(self):
        return Sealer(parse_peppers(self._ring), self._clock)


def _from_base32(text):
    return base64.b32decode(text + "=" * (-len(text) % 8))


_WAYS = {
    "POST /auth/login": Walker.login,
    "POST /auth/login/code": Walker.ask_for_code,
    "POST /auth/login/code/verify": Walker.verify_code,
    "POST /auth/login/second-factor": Walker.second_factor,
    "POST /auth/login/passkey": Walker.passkey_log_in,
    "POST /auth/refresh": Walker.refresh,
    "POST /auth/register/confirm": Walker.confirm_registration,
    "POST /auth/password/forgot": Walker.forgot,
    "POST /auth/password/reset": Walker.reset,
    "PUT /auth/password": Walker.change_password,
    "POST /auth/reauthenticate": Walker.reauthenticate,
    "PUT /auth/email": Walker.change_email,
    "POST /auth/email/confirm": Walker.confirm_email,
    "DELETE /auth/email": Walker.delete_email,
    "POST /auth/totp/confirm": Walker.enrol,
    "DELETE /auth/totp": Walker.remove_totp,
    "POST /auth/recovery-codes": Walker.replace_codes,
    "POST /auth/passkeys": Walker.add_passkey,
    "DELETE /auth/passkeys/{passkey_id}": Walker.remove_passkeys,
    "DELETE /auth/sessions/{session_id}": Walker.end_others,
    "POST /auth/logout-all": Walker.log_out_everywhere,
    "POST /auth/delete-account": Walker.delete_account,
    "POST /admin/users/{user_id}/reset-password": Walker.hand_over,
    "DELETE /admin/users/{user_id}/second-factor": Walker.remove_somebodys_totp,
    "POST /admin/users/{user_id}/logout-all": Walker.log_somebody_out,
    "DELETE /admin/users/{user_id}": Walker.delete_somebodys_account,
    "with a copy: decrypt": Walker.decrypt,
    "with the peppers: seal": Walker.seal,
    "with the keys: sign": Walker.sign,
}
