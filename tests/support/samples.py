"""A user with a session and some history, for tests of several folders."""

from chalicelib.accounts.caller import Caller
from chalicelib.accounts.events import EventType, SecurityEvent
from chalicelib.accounts.session import Session
from chalicelib.accounts.user import User
from chalicelib.credentials.throttling import Admission, Attempt, Failures, Known

ISSUER = "https://site.example/api"
NOW = 1_800_000_000
CALLER = Caller(ip="203.0.113.7", user_agent="Mozilla/5.0 (ümlaut)")
ALICE = User(
    id="u1",
    username="Alice",
    password_hash="$2b$10$old",
    roles=("editor", "user"),
    created_at=NOW,
)
SESSION = Session(
    id="s1",
    user_id="u1",
    username="Alice",
    created_at=NOW,
    authenticated_at=NOW,
    last_used_at=NOW,
    idle_expires_at=NOW + 100,
    expires_at=NOW + 1000,
    refresh_counter=0,
    epoch=0,
    caller=CALLER,
)
REGISTERED = SecurityEvent(EventType.REGISTERED, "u1", NOW, CALLER)
LOGGED_IN = SecurityEvent(EventType.LOGIN_SUCCEEDED, "u1", NOW + 1, CALLER)
CHANGED = SecurityEvent(EventType.PASSWORD_CHANGED, "u1", NOW + 2, CALLER)
REVOKED = SecurityEvent(EventType.SESSION_REVOKED, "u1", NOW + 3, CALLER)
DELETED = SecurityEvent(EventType.ACCOUNT_DELETED, None, NOW + 4, CALLER, subject="u1")
CLAIMS = {
    "iss": ISSUER,
    "sub": "u1",
    "aud": ISSUER,
    "exp": NOW + 600,
    "iat": NOW,
    "auth_time": NOW,
    "jti": "j1",
    "sid": "s1",
    "preferred_username": "alice",
    "roles": ["user"],
}
"""What an access token says."""


def admitted(user):
    """Return an attempt inside Alice's session, as if it had been counted."""
    return Admission(Attempt(user.username, CALLER, Known("session", "s1", user.id)), user, Failures())
