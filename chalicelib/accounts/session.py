"""A session, which begins with a log-in, and the rules of its refresh tokens.

Knows no storage, no HTTP and no token format. Every time is a NumericDate: an integer of seconds since
1970-01-01T00:00:00Z (RFC 7519 section 2).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from chalicelib.accounts.authentication import PASSWORD, acr_of

if TYPE_CHECKING:
    from chalicelib.accounts.caller import Caller
    from chalicelib.accounts.key_proof import KeyProof
    from chalicelib.accounts.user import User


MOST_RETRIED_IN_A_ROW = 2
"""Rotations in a row that may be retried. A lost response is chance, a third one after the other is a companion."""

MOST_PROOFS = 8
"""Proofs of one key that may be made in one second. A client makes one for each refresh, and tabs take turns."""

WITHOUT_KEY_INTERVAL = 24 * 3600
"""Seconds after which the history says once more that somebody without the key has used a session's token."""

ELSEWHERE_INTERVAL = 24 * 3600
"""Seconds in which one retry may come from elsewhere. A device that changes its network does so rarely between a
request and its retry."""


@dataclass(frozen=True, slots=True, eq=False)
class SessionRules:
    """How long sessions last. All values are in seconds."""

    idle_lifetime: int
    """Time without use after which a session can no longer be refreshed."""
    absolute_lifetime: int
    """Time after its log-in at which a session ends, however much it is used."""
    retry_window: int
    """Time after a refresh during which the same refresh token still gets the same successor."""


@dataclass(frozen=True, slots=True)
class Session:
    """A session: the family of refresh tokens that one log-in began (RFC 9700 section 4.14.2).

    A counter tells the refresh tokens of a session apart. The token that carries ``refresh_counter`` is the current
    one. Using it raises the counter by one and makes it the previous token.
    """

    id: str
    user_id: str
    username: str
    """The user's name. With it a refresh finds the user in one read."""
    created_at: int
    authenticated_at: int
    """When its user last proved to be there: at the log-in, or with the password since. A refresh proves nothing."""
    last_used_at: int
    """When the refresh counter was last raised, or else when the session began."""
    idle_expires_at: int
    """From this time on the session cannot be refreshed. Each use moves it."""
    expires_at: int
    """The session ends at this time, however much it is used."""
    refresh_counter: int
    epoch: int
    """The user's ``session_epoch`` when the session began."""
    caller: Caller
    amr: tuple[str, ...] = PASSWORD
    """How its user proved to be there when that was last asked for: words of RFC 8176."""
    last_used_from: str = ""
    """The fingerprint of the caller who last raised the refresh counter. Empty before the first refresh."""
    retried_counter: int = -1
    """The counter of the token whose use was last retried. -1 before the first retry."""
    retried_in_a_row: int = 0
    """How many rotations in a row were retried, the one of ``retried_counter`` included."""
    elsewhere_counter: int = -1
    """The counter of the token whose use was last retried from elsewhere. -1 before the first such retry."""
    elsewhere_at: int = 0
    """When that was."""
    key: str = ""
    """The thumbprint of the key that the session is bound to (RFC 9449). Empty if none."""
    key_proof_at: int = 0
    """The ``iat`` of the last proof by that key."""
    key_proofs: tuple[str, ...] = ()
    """The ids of the proofs of that second."""
    without_key_at: int = 0
    """When it was last noted that the session was to be continued without its key. 0 before the first time."""
    device_key: str = ""
    """The public key of the device that the session is bound to (Device Bound Session Credentials). Empty if none."""
    device_turn: str = ""
    """What challenges for that key have in them, until one is answered: each proof of it ends the turn, and so is good
    once. Empty in the first turn."""
    device_waits: bool = False
    """Whether the session goes on without its device: it has a key, and nobody who has that was on the device yet."""

    @property
    def is_bound(self) -> bool:
        """Whether nobody can continue the session without a key of its client or of its device."""
        return self.key != "" or self.device_key != ""

    @property
    def refresh_expires_at(self) -> int:
        """When the current refresh token expires."""
        return min(self.idle_expires_at, self.expires_at)

    def is_live(self, now: int) -> bool:
        """Return whether the session can still be refreshed at ``now``: it has neither been idle too long nor expired.

        This does not tell whether the session was ended. An ended session is deleted, or has an earlier epoch than its
        user.
        """
        return now < self.refresh_expires_at

    def is_fresh(self, now: int, window: int) -> bool:
        """Return whether the user authenticated at most ``window`` seconds ago.

        The bound is that of ``max_age`` (OpenID Connect Core 1.0 section 3.1.2.1, RFC 9470 section 4).
        """
        return now - self.authenticated_at <= window

    @property
    def acr(self) -> str:
        """The authentication context class of ``amr``."""
        return acr_of(self.amr)

    def belongs_to(self, user: User) -> bool:
        """Return whether the session is this user's and has the user's epoch. Ending all sessions raises the epoch."""
        return self.user_id == user.id and self.epoch == user.session_epoch

    def accepts(self, counter: int, now: int) -> bool:
        """Return whether a refresh token with this counter may be used at ``now`` for the first time.

        A store evaluates this condition in the same atomic step as the write. So exactly one of any number of
        concurrent refreshes with the same token finds it true.
        """
        return self.is_live(now) and counter == self.refresh_counter

    def is_held_by(self, proof: KeyProof | None) -> bool:
        """Return whether a request with this proof comes from the session's client, as far as the session can tell."""
        return not self.key or (proof is not None and proof.key == self.key)

    @property
    def needs_device(self) -> bool:
        """Whether nobody can continue the session away from its device."""
        return self.device_key != "" and not self.device_waits

    def is_on_device(self, caller: Caller) -> bool:
        """Return whether a request comes from the session's device, as far as the session can tell."""
        return not self.needs_device or caller.device_of == self.id

    def allows(self, proof: KeyProof | None) -> bool:
        """Return whether a request with this proof may continue the session: it has no key, or the proof is new.

        A new proof is made later than the last one. Clients count in seconds, so two proofs may be of one: then their
        ids differ. A store evaluates this condition in the same atomic step as the write, as that of ``accepts``.
        """
        if not self.key:
            return True
        if proof is None or proof.key != self.key:
            return False
        if proof.at == self.key_proof_at:
            return proof.id not in self.key_proofs and len(self.key_proofs) < MOST_PROOFS
        return proof.at > self.key_proof_at

    def refusal_of(self, proof: KeyProof | None) -> str:
        """Return why the session does not allow a request with this proof, in words that end a sentence."""
        if proof is None:
            return "there is none, and the session is bound to a key"
        if not self.is_held_by(proof):
            return "it is by another key than the session's"
        if proof.at == self.key_proof_at and proof.id not in self.key_proofs:
            return f"{MOST_PROOFS} of the same second were used before it, and there may be no more"
        return "it was used before, or is older than the last one"

    def after_proof(self, proof: KeyProof | None) -> Session:
        """Return the session after a proof that it allows. A session without a key stays as it is."""
        if not self.key or proof is None:
            return self
        used = self.key_proofs if proof.at == self.key_proof_at else ()
        return replace(self, key_proof_at=proof.at, key_proofs=tuple(sorted((*used, proof.id))))

    def is_retry(self, counter: int, now: int, window: int) -> bool:
        """Return whether a token with this counter is the previous one, presented within ``window`` seconds of its use.

        A second tab does this, and so does a client whose first response was lost.
        """
        return self.is_live(now) and counter == self.refresh_counter - 1 and now - self.last_used_at <= window

    def after_retry(self, counter: int, caller: Caller, now: int) -> Session | None:
        """Return the session after a retry of the token with this counter, or None if the retry counts as reuse.

        Whoever rides along with the owner has to retry, or be retried in, each rotation of the session. So the retries
        of one rotation count once, and only ``MOST_RETRIED_IN_A_ROW`` rotations in a row may be retried. A retry by
        another caller than the one who used the token is accepted once in ``ELSEWHERE_INTERVAL`` seconds.
        """
        after = self
        if counter != self.retried_counter:
            in_a_row = self.retried_in_a_row + 1 if counter == self.retried_counter + 1 else 1
            if in_a_row > MOST_RETRIED_IN_A_ROW:
                return None
            after = replace(after, retried_counter=counter, retried_in_a_row=in_a_row)
        if caller.fingerprint != self.last_used_from and counter != self.elsewhere_counter:
            if self.elsewhere_counter >= 0 and now - self.elsewhere_at < ELSEWHERE_INTERVAL:
                return None
            after = replace(after, elsewhere_counter=counter, elsewhere_at=now)
        return after
