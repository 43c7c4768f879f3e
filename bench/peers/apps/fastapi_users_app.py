"""fastapi-users with SQLAlchemy and its JWT strategy, as its documentation's "Full example" sets it up.

It has no refresh tokens, and a token of it cannot be ended. A protected call reads the user. The helper for passwords
is replaced as "User manager" in that documentation tells.
"""

import asyncio
import json
import uuid
from urllib.parse import urlencode

from fastapi import Depends, FastAPI
from fastapi_users import BaseUserManager, FastAPIUsers, UUIDIDMixin, schemas
from fastapi_users.authentication import AuthenticationBackend, BearerTransport, JWTStrategy
from fastapi_users.db import SQLAlchemyBaseUserTableUUID, SQLAlchemyUserDatabase
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase
from worker import PASSWORD, USERNAME, Operation, cheap_hash, cheap_verify, serve

SECRET = "a secret that is only good for measuring"

engine = create_async_engine("sqlite+aiosqlite:///./test.db")
session_maker = async_sessionmaker(engine, expire_on_commit=False)


class Base(DeclarativeBase):
    pass


class User(SQLAlchemyBaseUserTableUUID, Base):
    pass


class UserCreate(schemas.BaseUserCreate):
    pass


class UserRead(schemas.BaseUser[uuid.UUID]):
    pass


class CheapHelper:
    """Stands in for Argon2."""

    def verify_and_update(self, plain_password, hashed_password):
        return cheap_verify(plain_password, hashed_password), None

    def hash(self, password):
        return cheap_hash(password)

    def generate(self):
        return "never asked for"


class UserManager(UUIDIDMixin, BaseUserManager[User, uuid.UUID]):
    reset_password_token_secret = SECRET
    verification_token_secret = SECRET


async def get_async_session():
    async with session_maker() as session:
        yield session


async def get_user_db(session=Depends(get_async_session)):
    yield SQLAlchemyUserDatabase(session, User)


async def get_user_manager(user_db=Depends(get_user_db)):
    yield UserManager(user_db, CheapHelper())


def get_jwt_strategy():
    return JWTStrategy(secret=SECRET, lifetime_seconds=3600)


backend = AuthenticationBackend(
    name="jwt", transport=BearerTransport(tokenUrl="auth/jwt/login"), get_strategy=get_jwt_strategy
)
fastapi_users = FastAPIUsers[User, uuid.UUID](get_user_manager, [backend])

app = FastAPI()
app.include_router(fastapi_users.get_auth_router(backend), prefix="/auth/jwt", tags=["auth"])
app.include_router(fastapi_users.get_register_router(UserRead, UserCreate), prefix="/auth", tags=["auth"])


@app.get("/authenticated-route")
async def authenticated_route(user=Depends(fastapi_users.current_user(active=True))):
    return {"message": f"Hello {user.email}!"}


async def call(method, path, body=b"", *, media_type="application/json", token=None):
    """Call the application as a server would, without the server (ASGI 3.0), and return the JSON of its answer."""
    headers = [(b"host", b"127.0.0.1"), (b"content-type", media_type.encode())]
    headers.append((b"content-length", str(len(body)).encode()))
    if token is not None:
        headers.append((b"authorization", f"Bearer {token}".encode()))
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    sent = []

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        sent.append(message)

    await app(scope, receive, send)
    answered = b"".join(message.get("body", b"") for message in sent)
    if sent[0]["status"] not in {200, 201}:
        raise AssertionError(f"{method} {path} answered {sent[0]['status']}: {answered!r}")
    return json.loads(answered)


def main() -> None:
    loop = asyncio.new_event_loop()

    async def create_tables() -> None:
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)

    loop.run_until_complete(create_tables())
    loop.run_until_complete(
        call("POST", "/auth/register", json.dumps({"email": USERNAME, "password": PASSWORD}).encode())
    )
    form = urlencode({"username": USERNAME, "password": PASSWORD}).encode()

    def log_in():
        return call("POST", "/auth/jwt/login", form, media_type="application/x-www-form-urlencoded")

    token = loop.run_until_complete(log_in())["access_token"]

    def repeated(request) -> Operation:
        async def all_of_them(calls):
            for _ in range(calls):
                await request()

        return lambda calls: loop.run_until_complete(all_of_them(calls))

    serve(
        {
            "log-in": repeated(log_in),
            "protected": repeated(lambda: call("GET", "/authenticated-route", token=token)),
        }
    )


if __name__ == "__main__":
    main()
