"""A user with a session and some history, as the contract's tests know them."""

from chalicelib.accounts.user import Client, EventType, SecurityEvent, Session, User

NOW = 1_800_000_000
CLIENT = Client(ip="203.0.113.7", user_agent="Mozilla/5.0 (ümlaut)")
ALICE = User(
    id="u1",
    username="Alice",
    password_hash="$2b$10$old",
    roles=("admin", "user"),
    created_at=NOW,
    session_bound=1,
)
SESSION = Session(
    id="s1",
    user_id="u1",
    username="Alice",
    created_at=NOW,
    last_used_at=NOW,
    idle_expires_at=NOW + 100,
    expires_at=NOW + 1000,
    refresh_counter=0,
    epoch=0,
    client=CLIENT,
)
REGISTERED = SecurityEvent(EventType.REGISTERED, "u1", NOW, CLIENT)
LOGGED_IN = SecurityEvent(EventType.LOGIN_SUCCEEDED, "u1", NOW + 1, CLIENT)
CHANGED = SecurityEvent(EventType.PASSWORD_CHANGED, "u1", NOW + 2, CLIENT)
REVOKED = SecurityEvent(EventType.SESSION_REVOKED, "u1", NOW + 3, CLIENT)
