"""A Relying Party, and passkeys that an authenticator in software has made for it."""

import copy

from chalicelib.accounts.factors import Passkey
from chalicelib.credentials import webauthn
from tests.support.authenticator import Authenticator, decoded, encoded
from tests.support.samples import NOW

ORIGIN = "https://site.example"
RELYING_PARTY = webauthn.RelyingParty("site.example", "Site", (ORIGIN, "https://www.site.example"))
USER_ID = "u1"
CREATED, ASKED = bytes(range(32)), bytes(range(32, 64))
"""The challenges of a registration and of an assertion."""


def registration(authenticator=None, *, origin=ORIGIN, **behaviour):
    """Return a RegistrationResponseJSON."""
    authenticator = authenticator or Authenticator(**behaviour)
    options = webauthn.creation_options(RELYING_PARTY, challenge=CREATED, user_id=USER_ID, username="Alice", exclude=())
    return authenticator.create(options, origin)


def assertion(authenticator, *, origin=ORIGIN):
    """Return an AuthenticationResponseJSON."""
    return authenticator.get(webauthn.request_options(RELYING_PARTY, challenge=ASKED), origin)


def verified(credential, **others):
    """Return what a registration is found to be."""
    return webauthn.verify_registration(credential, RELYING_PARTY, challenge=CREATED, **others)


def used(credential, passkey, *, relying_party=RELYING_PARTY, **others):
    """Return what an assertion is found to say."""
    return webauthn.verify_assertion(credential, relying_party, passkey, challenge=ASKED, **others)


def passkey_of(new, *, user_id=USER_ID, rp_id=RELYING_PARTY.id):
    """Return a new credential as it is stored."""
    return Passkey(
        id=new.id,
        user_id=user_id,
        username="Alice",
        public_key=new.public_key,
        algorithm=new.algorithm,
        sign_count=new.sign_count,
        backup_eligible=new.backup_eligible,
        backed_up=new.backed_up,
        transports=new.transports,
        rp_id=rp_id,
        label="Laptop",
        created_at=NOW,
    )


def enrolled(**behaviour):
    """Return an authenticator, and the passkey that it has made."""
    authenticator = Authenticator(**behaviour)
    return authenticator, passkey_of(verified(registration(authenticator)))


def changed(credential, path, value):
    """Return a credential with another value at a path such as ``response.signature``; `...` takes the member away."""
    credential = copy.deepcopy(credential)
    *parents, name = path.split(".")
    members = credential
    for parent in parents:
        members = members[parent]
    if value is ...:
        del members[name]
    else:
        members[name] = value
    return credential


def with_octets(credential, path, change):
    """Return a credential with the octets at a path changed by a function."""
    members = credential
    for name in path.split("."):
        members = members[name]
    return changed(credential, path, encoded(change(decoded(members))))
