"""A user and a session that several test modules use."""

from chalicelib.accounts.caller import Caller
from chalicelib.accounts.session import Session
from chalicelib.accounts.user import User

ISSUER = "https://site.example/api"
NOW = 1_800_000_000
USER = User(id="u1", username="Ålice", password_hash="x", roles=("user", "admin"), created_at=NOW)
SESSION = Session(
    id="s1",
    user_id="u1",
    username="Ålice",
    created_at=NOW,
    last_used_at=NOW,
    idle_expires_at=NOW + 1000,
    expires_at=NOW + 5000,
    refresh_counter=3,
    epoch=0,
    caller=Caller(ip="203.0.113.7", user_agent=""),
)
