"""The checks that each mailed token has to pass."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from chalicelib.accounts.addresses import canonical_address
from chalicelib.accounts.mail import MailKind
from chalicelib.credentials.mailed import MailedProof, read_token
from chalicelib.errors import LinkExpired

if TYPE_CHECKING:
    from chalicelib.accounts.user import User
    from chalicelib.use_cases.mail_ports import Outbox
    from chalicelib.use_cases.ports import UserStore


def proof_of(outbox: Outbox, token: str, *kinds: MailKind, now: int) -> MailedProof:
    """Return what a mailed token stands for. Raises LinkExpired unless it is good for one of these kinds of action."""
    read = read_token(token)
    proof = outbox.find(read[0]) if read is not None else None
    if read is None or proof is None or not _is_known(read[1], proof):
        raise LinkExpired("unknown")
    if (problem := proof.problem(kinds, now)) is not None:
        raise LinkExpired(problem)
    return proof


def shows_mailbox(token: str, proof: MailedProof) -> bool:
    """Return whether a token that is good came with an invitation by mail: whoever has it gets mail at the address.

    What an administrator was shown says nothing of a mailbox. Other mails go to an address that is verified.
    """
    read = read_token(token)
    if read is None or proof.kind is not MailKind.INVITATION or proof.shown_digest is None:
        return False
    return not hmac.compare_digest(read[1], proof.shown_digest)


def goes_to(user: User, proof: MailedProof) -> bool:
    """Return whether a proof was mailed to what is the user's verified address still.

    Whoever gives another address may have lost the mailbox before. What an administrator was shown needs no mailbox,
    and is void as soon as the account has another address.
    """
    email = user.verified_email
    if proof.handed_over:
        email = user.contact.email if user.contact is not None else None
        if email is None or proof.email is None:
            return email is proof.email
    return email is not None and proof.email is not None and canonical_address(email) == canonical_address(proof.email)


def user_of(users: UserStore, proof: MailedProof) -> User:
    """Return the user that a proof is for, as last written. Raises LinkExpired if there is none any more."""
    user = users.find(proof.username) if proof.username is not None else None
    if user is None or user.id != proof.user_id or user.disabled:
        raise LinkExpired("the user is gone or disabled")
    return user


def _is_known(digest: str, proof: MailedProof) -> bool:
    shown = () if proof.shown_digest is None else (proof.shown_digest,)
    return any(hmac.compare_digest(digest, known) for known in (*proof.token_digests, *shown))
