"""Two other verifiers of passkeys, asked for the same as Lychgate demands: Yubico's fido2, and py_webauthn.

py_webauthn is in a folder of its own: it needs pyOpenSSL, which botocore and urllib3 would take to. So are the other
programs that tests compare ours with.
"""

import os
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from fido2.cose import CoseKey
from fido2.server import Fido2Server
from fido2.webauthn import Aaguid, AttestedCredentialData, PublicKeyCredentialRpEntity

from tests.support.authenticator import cbor, cose_key, encoded
from tests.support.ceremonies import ASKED, CREATED, RELYING_PARTY

_FOLDER = Path(__file__).parents[2] / ".tools" / "oracles"

if not _FOLDER.exists() and not os.environ.get("CI"):
    pytest.skip("the oracles are installed by `make test`", allow_module_level=True)


@contextmanager
def found_in_oracles():
    """Let what is imported meanwhile be found in the folder, and nothing afterwards."""
    # Last, so that what both folders have is taken from the tests' environment.
    sys.path.append(str(_FOLDER))
    try:
        yield
    finally:
        sys.path.remove(str(_FOLDER))
        for name in [name for name in sys.modules if name.partition(".")[0] == "OpenSSL"]:
            del sys.modules[name]


with found_in_oracles():
    import webauthn as py_webauthn

_FIDO2 = Fido2Server(
    PublicKeyCredentialRpEntity(id=RELYING_PARTY.id, name=RELYING_PARTY.name),
    verify_origin=lambda origin: origin in RELYING_PARTY.origins,
)
_ORIGINS = list(RELYING_PARTY.origins)


def fido2_registration(credential):
    """Raise unless fido2 takes a registration. It looks neither at ids nor at what else the JSON says."""
    _FIDO2.register_complete(_state(CREATED), credential)


def py_webauthn_registration(credential):
    """Raise unless py_webauthn takes a registration."""
    py_webauthn.verify_registration_response(
        credential=credential,
        expected_challenge=CREATED,
        expected_rp_id=RELYING_PARTY.id,
        expected_origin=_ORIGINS,
        require_user_verification=True,
    )


def fido2_assertion(credential, key):
    """Raise unless fido2 takes an assertion by an authenticator's credential."""
    known = AttestedCredentialData.create(Aaguid.NONE, key.id, CoseKey.parse(cose_key(key.private_key)))
    _FIDO2.authenticate_complete(_state(ASKED), [known], credential)


def py_webauthn_assertion(credential, key, *, sign_count):
    """Raise unless py_webauthn takes an assertion by an authenticator's credential."""
    py_webauthn.verify_authentication_response(
        credential=credential,
        expected_challenge=ASKED,
        expected_rp_id=RELYING_PARTY.id,
        expected_origin=_ORIGINS,
        credential_public_key=cbor(cose_key(key.private_key)),
        credential_current_sign_count=sign_count,
        require_user_verification=True,
    )


def _state(challenge):
    return {"challenge": encoded(challenge), "user_verification": "required"}
