"""Transactions that also put a mail into the outbox, or use up what was mailed.

Most transactions do neither. So the modules that know of mails are loaded when one does.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from chalicelib.adapters.dynamodb.transactions import Database, transact

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from chalicelib.accounts.mail import Mail
    from chalicelib.adapters.dynamodb.attributes import Item
    from chalicelib.adapters.dynamodb.updates import Changes
    from chalicelib.credentials.mailed import MailedProof

_NONCE_BYTES = 12


def transact_with_mail(
    database: Database,
    actions: Sequence[TransactWriteItemTypeDef],
    *,
    mail: Mail | None = None,
    proof: MailedProof | None = None,
    at: int = 0,
) -> dict[int, Item | None]:
    """Do the same as ``transact``, put the mail into the outbox and use up the proof at ``at``, if there are any.

    A proof that has been used already is a failed condition at a position behind those of ``actions``.
    """
    if mail is None and proof is None:
        return transact(database, actions)
    # Few transactions need it.
    from chalicelib.adapters.dynamodb.mails import put_mail, use_proof, used_by  # noqa: PLC0415

    # Tells that a repetition of this transaction, after an answer that was lost, finds what the first time has done.
    nonce = secrets.token_urlsafe(_NONCE_BYTES)
    used = use_proof(database.tables, proof, at, nonce)
    # Whether a proof was used before says what another failed condition means.
    together = [*actions, *used, *put_mail(database.tables, mail)]
    failed = transact(database, together, sees_all=proof is not None)
    return {} if proof is not None and used_by(failed.get(len(actions))) == nonce else failed


def require_version(changes: Changes, proof: MailedProof) -> str:
    """Return the condition that a user's password has not changed since the proof was mailed."""
    changes.values |= {":version": proof.password_version, ":never": 0}
    return "(password_version = :version OR (attribute_not_exists(password_version) AND :version = :never))"
