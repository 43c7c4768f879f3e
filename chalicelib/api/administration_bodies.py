"""The bodies of requests and answers of administrators, loaded when one of their routes is first asked for."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

from chalicelib.accounts import usernames
from chalicelib.accounts.roles import MAX_ROLES, NAME
from chalicelib.api.bodies import request_body
from chalicelib.api.factor_bodies import FactorsBody
from chalicelib.api.responses import EventBody, Seconds, Timestamp, UserBody
from chalicelib.api.schemas import Keywords, NewEmail, OrNull
from chalicelib.use_cases.administration import MOST_USERS, USER_ID

UserId = Annotated[str, Keywords(pattern=f"^{USER_ID.pattern}$", description="The `id` of a user.")]
NewName = Annotated[
    str,
    Keywords(
        component="NewName",
        description="A username as for a registration, or an address where the address is the username.",
        minLength=usernames.MIN_USERNAME_LENGTH,
        maxLength=usernames.MAX_RAW_LENGTH,
        # What a username or an address may be made of. Which of them it is, is a setting.
        pattern=r"^(?:[A-Za-z0-9.@!#$%&'*+/=?^_`{|}~-]|[^\x00-\x7F])*$",
        examples=["alice"],
    ),
]
Roles = Annotated[
    list[Annotated[str, Keywords(pattern=f"^{NAME.pattern}$")]],
    Keywords(
        description=f"1 to {MAX_ROLES} names of at most 32 of `a-z 0-9 _ -`, the first of them a letter.",
        minItems=1,
        maxItems=MAX_ROLES,
        examples=[["user"]],
    ),
]
Link = Annotated[
    str,
    Keywords(
        description="Shown this once. Whoever has it can set the password.",
        examples=["https://site.example/account.html#reset=…"],
    ),
]


@request_body
class UsersQuery:
    """Which users are listed."""

    limit: Annotated[int, Keywords(minimum=1, maximum=MOST_USERS, description="Users on a page, at most.")] = 50
    cursor: Annotated[str, Keywords(description="The `next_cursor` of the page before, of the same prefix.")] | None = (
        None
    )
    username: Annotated[
        str,
        Keywords(
            description="What the username begins with. Case and compatibility forms do not count.",
        ),
    ] = ""


@request_body
class NewUserBody:
    """The body that creates an account.

    Where the address is the username, `username` is the address, and `email` is left out.
    """

    username: NewName
    email: NewEmail | None = None
    roles: Roles | None = None


@request_body
class UserChangesBody:
    """The body that changes an account. What is left out stays as it is."""

    roles: Roles | None = None
    disabled: bool | None = None


class UsersBody(TypedDict):
    """A page of users, in the order of their names."""

    users: list[UserBody]
    next_cursor: Annotated[
        str | None,
        Keywords(type=["string", "null"], description="What the next page is asked for with. Null: there is none."),
    ]


class UsersSessionBody(TypedDict):
    """A session of a user, for an administrator."""

    id: str
    created_at: Timestamp
    last_used_at: Timestamp
    expires_at: Timestamp
    ip: str
    user_agent: str
    bound: Annotated[bool, Keywords(description="Whether nobody can continue it without a key of its client.")]


class SuppressedBody(TypedDict):
    """Why an address gets no mail."""

    reason: Literal["bounce", "complaint"]
    at: Timestamp


class ShownUserBody(TypedDict):
    """A user, with the live sessions, the 20 newest entries of the history, and what one logs in with."""

    user: UserBody
    sessions: list[UsersSessionBody]
    recent_events: list[EventBody]
    factors: FactorsBody
    suppressed: Annotated[SuppressedBody | None, OrNull(description="Null: mails to the address are sent.")]


class ChangedUserBody(TypedDict):
    """A user, after the change."""

    user: UserBody


class NewUserAnswerBody(TypedDict):
    """The new user, and a link that sets the first password."""

    user: UserBody
    link: Link
    expires_in: Seconds


class PasswordLinkBody(TypedDict):
    """A link that sets a new password."""

    link: Link
    expires_in: Seconds
