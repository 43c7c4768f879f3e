"""The use cases behind the check of proofs of keys, as the routes call them, for models of bound sessions."""

from dataclasses import replace

from chalicelib.errors import InvalidDPoPProof
from chalicelib.tokens.dpop import ProofVerifier
from tests.support.samples import ISSUER

PASSWORD = "correct horse battery staple"
REGISTER, LOG_IN, REFRESH, LOG_OUT = "/auth/register", "/auth/login", "/auth/refresh", "/auth/logout"


class ProvenRequests:
    """Requests that carry a proof, or None. Each raises InvalidDPoPProof for one that no route would let pass."""

    def __init__(self, use_cases, clock):
        self._use_cases = use_cases
        self._proofs = ProofVerifier(issuer=ISSUER, clock=clock)

    def sent_by(self, caller, path, proof):
        """Return the caller as the route of a path knows it after it has verified the proof."""
        if proof is None:
            return caller
        return replace(caller, key_proof=self._proofs.verify(proof, method="POST", path=path))

    def register(self, username, caller, proof=None):
        """Return the refresh token of a new user."""
        sender = self.sent_by(caller, REGISTER, proof)
        return self._use_cases.registration.register(username, PASSWORD, sender).tokens.refresh_token

    def log_in(self, username, caller, proof=None, *, cookies=()):
        """Return the refresh token of a new session, which takes the place of those in the cookies."""
        sender = self.sent_by(caller, LOG_IN, proof)
        logged_in = self._use_cases.log_in.with_password(username, PASSWORD, sender)
        self._use_cases.refresh_tokens.replace(list(cookies), sender)
        return logged_in.tokens.refresh_token

    def refresh(self, token, caller, proof=None):
        """Return the successor of a refresh token."""
        sender = self._sent_with(token, caller, REFRESH, proof)
        return self._use_cases.refresh_tokens.exchange(token, sender).tokens.refresh_token

    def log_out(self, token, caller, proof=None):
        self._use_cases.refresh_tokens.revoke([token], self._sent_with(token, caller, LOG_OUT, proof))

    def _sent_with(self, token, caller, path, proof):
        """Do what ``sent_by`` does, for a route whose refresh token says whose session a wrong proof is about."""
        try:
            return self.sent_by(caller, path, proof)
        except InvalidDPoPProof as refusal:
            self._use_cases.refresh_tokens.refuse([token], caller, refusal)
