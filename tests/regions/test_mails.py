"""Mails where two regions serve one site: each region has an outbox and a mailer of its own.

Alice's home is "a", which eu serves at first, and us stands by.
"""

import pytest

from chalicelib.accounts.caller import Caller
from chalicelib.accounts.mail import MailKind
from chalicelib.errors import InvalidCredentials, LinkExpired, ServiceUnavailable
from chalicelib.tokens.kinds import ACCESS_TOKEN
from tests.regions.homes import Rules, verifier_at
from tests.regions.test_two_regions import BEGINS, SMALL, small_world, take_over, without
from tests.support.post_office import PostOffice

ADDRESS = "alice@example.org"
OLD, NEW = "seven old oak boards and a latch", "a quite different passphrase"
CALLER = Caller(ip="203.0.113.7", user_agent="browser")


class Desk:
    """The database of a region, as a mailer there reaches it."""

    def __init__(self, region):
        self._database = region.database
        self.scan = region.database.scan
        self.get_item = region.database.get_item

    def update_item(self, **update):
        self._database.transact_write_items(TransactItems=[{"Update": update}])


class Site:
    """A world in which nothing happens by itself, with a mailer in each region."""

    def __init__(self, rules=Rules()):  # noqa: B008 - it does not change
        self.world = small_world(1, rules)
        self.world.is_calm = True
        for person in self.world.people:
            person.due = float("inf")
        self.network = self.world.network
        self.post = {name: PostOffice(Desk(region), SMALL) for name, region in self.network.regions.items()}

    def ask(self, do, at="eu"):
        """Return what comes of a request, which a region gets first, and let it be replicated."""
        answer = self.network.regions[at].serve("a", do, pause=lambda: None)
        self.world.replicate_all()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def log_in(self, password, at="eu"):
        return self.ask(lambda here: here.log_in.with_password("alice", password, CALLER), at)

    def forgot(self, at="eu"):
        """Ask for a new password, and return the token that a mailer sends."""
        self.ask(lambda here: here.password_reset.ask(ADDRESS, CALLER, device=None, language="en"), at)
        letters = [letter for post in self.post.values() for letter in post.deliver()]
        (letter,) = letters
        assert (letter.kind, letter.to) == (MailKind.RESET, ADDRESS)
        return letter.token

    def reset(self, token, at="eu"):
        return self.ask(lambda here: here.password_reset.reset(token, NEW, CALLER), at)


@pytest.fixture
def site():
    return with_an_address(Site())


def with_an_address(site):
    tokens = site.log_in(OLD).tokens
    principal = verifier_at(lambda: site.world.now).verify(ACCESS_TOKEN, tokens.access_token)
    site.ask(lambda here: here.addresses.change(principal, ADDRESS, CALLER, language="en"))
    (letter,) = site.post["eu"].deliver()
    site.ask(lambda here: here.addresses.confirm(letter.token, CALLER))
    return site


def outboxes(site):
    """The kinds of mails in each region's outbox."""
    return {
        name: sorted(item["kind"]["S"] for item in region.database.scan(TableName="mail")["Items"])
        for name, region in site.network.regions.items()
    }


def test_a_mail_is_in_one_outbox_only_and_so_is_sent_once(site):
    site.reset(site.forgot())

    assert outboxes(site) == {"eu": ["email", "password_reset", "reset"], "us": []}
    assert [letter.kind for letter in site.post["eu"].deliver()] == [MailKind.PASSWORD_RESET]


def test_after_a_take_over_an_address_finds_its_user_and_a_link_of_before_is_void(site):
    token = site.forgot()
    site.network.down.add("eu")
    take_over(site.world)
    site.world.advance(BEGINS)

    with pytest.raises(LinkExpired):
        site.reset(token, at="us")
    site.reset(site.forgot(at="us"), at="us")

    assert site.log_in(NEW, at="us")
    with pytest.raises(InvalidCredentials):
        site.log_in(OLD, at="us")


def test_after_a_change_of_places_a_link_of_before_is_void_and_another_is_sent_by_the_new_server(site):
    token = site.forgot()
    site.network.regions["eu"].hand_over("a")
    site.world.advance(BEGINS)

    for at in ("eu", "us"):
        with pytest.raises(LinkExpired):
            site.reset(token, at=at)
    site.reset(site.forgot(at="us"), at="us")
    assert outboxes(site)["us"] == ["password_reset", "reset"]
    assert site.log_in(NEW)


def test_a_link_that_was_used_before_a_take_over_is_not_used_again_when_its_region_is_back(site):
    token = site.forgot()
    site.reset(token)
    site.network.down.add("eu")
    take_over(site.world)
    site.world.advance(BEGINS)
    site.network.down.clear()
    site.network.regions["us"].take_in("a")
    site.network.regions["us"].hand_over("a")
    site.world.advance(BEGINS)

    with pytest.raises(LinkExpired):
        site.reset(token)


@pytest.mark.parametrize("fenced", [True, False])
def test_a_slow_reset_in_the_region_before_is_fenced_like_every_write(fenced):
    site = with_an_address(Site(Rules() if fenced else without("writes_are_fenced")))
    token = site.forgot()
    eu = site.network.regions["eu"]
    steps = iter(range(10))

    def pause():
        if next(steps) == 2:
            take_over(site.world)
            site.world.advance(3)

    def reset():
        return eu.serve("a", lambda here: here.password_reset.reset(token, NEW, CALLER), pause=pause)

    with pytest.raises(ServiceUnavailable):
        reset()
    site.world.replicate_all()
    site.world.advance(BEGINS)
    # Without the fence what nobody was told has happened, in the region that no longer serves.
    assert site.log_in(OLD if fenced else NEW, at="us")
