"""A passkey as a file for an import has it."""

from tests.support.authenticator import ES256, encoded, new_key, spki

PASSKEY = {
    "id": "abc",
    "public_key": encoded(spki(new_key(ES256))),
    "algorithm": ES256,
    "sign_count": 0,
    "backup_eligible": True,
    "backed_up": False,
    "transports": [],
    "rp_id": "site.example",
    "label": "Phone",
    "created_at": "2026-01-02T03:04:05Z",
}
