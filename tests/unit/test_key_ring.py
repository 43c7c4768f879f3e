"""Rotation as users live through it: what each change of the ring does to tokens, before and after deployments."""

import re
from dataclasses import replace

import jwt
import pytest

from chalicelib.errors import InvalidGrant, InvalidToken
from chalicelib.tokens.issuer import TokenIssuer
from chalicelib.tokens.keys import parse_signing_keys, parse_verification_keys, public_jwks
from chalicelib.tokens.kinds import ACCESS_TOKEN, REFRESH_TOKEN
from chalicelib.tokens.verifier import TokenVerifier
from infra.keys import ring as rings
from tests.support.samples import ALICE, ISSUER, NOW, SESSION

DAY = 24 * 3600
LONGEST = 14 * DAY


class Deployment:
    """What one deployment's Lambdas know: the public set of its configuration, the ring as it was at their start."""

    def __init__(self, ring, clock, *, configured=None):
        self.public = parse_verification_keys(configured or public_jwks(ring))
        self.clock = clock
        self.issuer = TokenIssuer(
            issuer=ISSUER,
            audience=ISSUER,
            signing_keys=parse_signing_keys(ring).known_to(self.public),
            access_lifetime=600,
        )
        self.verifier = TokenVerifier(issuer=ISSUER, audience=ISSUER, keys=self.public, clock=clock)

    def kid(self):
        return jwt.get_unverified_header(self.issuer.refresh_token(SESSION, self.clock()))["kid"]


def session_at(now):
    return replace(SESSION, last_used_at=now, idle_expires_at=now + LONGEST, expires_at=now + 90 * DAY)


def add(ring, now, delay=None, alg="ES256"):
    return rings.add(ring, now=now, alg=alg, delay=delay, stage="prod")


def retire(ring, now, kid=None):
    return rings.retire(ring, now=now, kid=kid, longest_token=LONGEST, stage="prod")


def revoke(ring, now, kid):
    return rings.revoke(ring, now=now, kid=kid, stage="prod")


@pytest.fixture
def ring():
    return rings.new_ring(now=NOW)


@pytest.fixture
def old(ring):
    return ring["keys"][0]["kid"]


class TestAWholeRotation:
    def test_logs_nobody_out_and_leaves_no_moment_without_a_key(self, ring, old, clock):
        before = Deployment(ring, clock)
        ring = add(ring, NOW).ring
        new = ring["keys"][1]["kid"]
        published = Deployment(ring, clock)
        assert published.kid() == old

        clock.now = NOW + DAY - 1
        last_access = published.issuer.access_token(ALICE, session_at(clock.now), clock.now)
        last_refresh = published.issuer.refresh_token(session_at(clock.now), clock.now)
        assert jwt.get_unverified_header(last_refresh)["kid"] == old
        assert before.verifier.verify(ACCESS_TOKEN, last_access)

        clock.now = NOW + DAY
        assert published.kid() == new
        first_of_new = published.issuer.access_token(ALICE, session_at(clock.now), clock.now)
        assert published.verifier.verify(ACCESS_TOKEN, first_of_new)
        assert published.verifier.verify(ACCESS_TOKEN, last_access)

        clock.now = NOW + 2 * DAY
        ring = retire(ring, clock.now).ring
        retired = Deployment(ring, clock)
        clock.now = NOW + DAY - 1 + LONGEST - 1
        assert retired.verifier.verify(REFRESH_TOKEN, last_refresh).session_id == "s1"

        ends_at = ring["keys"][0]["exp"]
        clock.now = ends_at
        assert retired.kid() == new
        assert [key["kid"] for key in retired.public.published(clock.now)["keys"]] == [new]
        assert [key["kid"] for key in rings.pruned(ring, now=clock.now)["keys"]] == [new]

    def test_a_late_deployment_lets_no_process_sign_with_a_key_that_it_cannot_verify(self, ring, old, clock):
        configured = public_jwks(ring)
        ring = add(ring, NOW).ring
        clock.now = NOW + 2 * DAY
        started_late = Deployment(ring, clock, configured=configured)
        assert started_late.kid() == old
        token = started_late.issuer.access_token(ALICE, session_at(clock.now), clock.now)
        assert started_late.verifier.verify(ACCESS_TOKEN, token)


class TestAdd:
    def test_the_new_key_signs_a_day_later_unless_told_otherwise(self, ring):
        assert add(ring, NOW).ring["keys"][1]["nbf"] == NOW + DAY
        assert add(ring, NOW, delay=7200).ring["keys"][1]["nbf"] == NOW + 7200

    def test_it_never_signs_before_the_published_set_has_left_every_cache(self, ring):
        with pytest.raises(rings.RefusedError, match="at the earliest"):
            add(ring, NOW, delay=599)

    def test_twice_makes_one_key(self, ring):
        once = add(ring, NOW).ring
        again = add(once, NOW + 60)
        assert again.ring == once
        assert "waits already" in again.account[0]

    def test_twice_with_a_time_moves_it(self, ring):
        once = add(ring, NOW).ring
        moved = add(once, NOW + 60, delay=2 * DAY).ring
        assert [key["kid"] for key in moved["keys"]] == [key["kid"] for key in once["keys"]]
        assert moved["keys"][1]["nbf"] == NOW + 60 + 2 * DAY

    @pytest.mark.parametrize("alg", ["ES256", "RS256", "EdDSA"])
    def test_makes_keys_of_each_algorithm_that_the_application_takes(self, ring, alg):
        changed = add(ring, NOW, alg=alg).ring
        assert parse_signing_keys(changed).keys[1].alg == alg

    def test_keeps_the_pepper(self, ring):
        assert add(ring, NOW).ring["pepper"] == ring["pepper"]


class TestRetire:
    def test_the_only_key_stays(self, ring):
        with pytest.raises(rings.RefusedError, match="nothing to retire"):
            retire(ring, NOW)

    def test_the_newest_key_stays(self, ring, old):
        with pytest.raises(rings.RefusedError, match="newest"):
            retire(ring, NOW, kid=old)

    def test_a_key_whose_successor_waits_is_not_retired_unasked(self, ring):
        with pytest.raises(rings.RefusedError, match="nothing to retire"):
            retire(add(ring, NOW).ring, NOW)

    def test_a_key_whose_successor_waits_ends_counted_from_that_ones_time(self, ring, old):
        changed = retire(add(ring, NOW).ring, NOW, kid=old[:8]).ring
        assert changed["keys"][0]["exp"] == NOW + DAY + LONGEST + rings.RETIREMENT_MARGIN

    def test_twice_does_not_lengthen_its_life(self, ring, old):
        once = retire(add(ring, NOW).ring, NOW + 2 * DAY).ring
        for again in (retire(once, NOW + 3 * DAY), retire(once, NOW + 3 * DAY, kid=old)):
            assert again.ring == once
            assert rings.at(once["keys"][0]["exp"]) in again.account[0]

    def test_states_the_time(self, ring):
        change = retire(add(ring, NOW).ring, NOW + 2 * DAY)
        assert rings.at(NOW + 2 * DAY + LONGEST + rings.RETIREMENT_MARGIN) in change.account[0]


class TestRevoke:
    def test_the_tokens_of_the_key_die_with_the_deployment_and_a_new_key_signs(self, ring, old, clock):
        before = Deployment(ring, clock)
        access_token = before.issuer.access_token(ALICE, session_at(NOW), NOW)
        refresh_token = before.issuer.refresh_token(session_at(NOW), NOW)
        after = Deployment(revoke(ring, NOW, old).ring, clock)
        with pytest.raises(InvalidToken):
            after.verifier.verify(ACCESS_TOKEN, access_token)
        with pytest.raises(InvalidGrant):
            after.verifier.verify(REFRESH_TOKEN, refresh_token)
        assert after.kid() != old
        assert after.verifier.verify(ACCESS_TOKEN, after.issuer.access_token(ALICE, session_at(NOW), NOW))

    def test_a_process_that_starts_before_the_deployment_still_works(self, ring, old, clock):
        configured = public_jwks(ring)
        between = Deployment(revoke(ring, NOW, old).ring, clock, configured=configured)
        assert between.kid() == old

    def test_a_process_that_starts_before_the_deployment_prefers_any_other_key(self, ring, old, clock):
        ring = add(ring, NOW, delay=600).ring
        new = ring["keys"][1]["kid"]
        configured = public_jwks(ring)
        clock.now = NOW + 700
        assert Deployment(revoke(ring, clock.now, new).ring, clock, configured=configured).kid() == old

    def test_a_key_that_waits_steps_in(self, ring, old):
        waiting = add(ring, NOW).ring
        changed = revoke(waiting, NOW, old).ring
        assert [key["kid"] for key in changed["keys"]] == [key["kid"] for key in waiting["keys"]]
        assert changed["keys"][1]["nbf"] == NOW

    def test_a_retiring_key_does_not_step_in(self, ring, old):
        ring = retire(add(ring, NOW).ring, NOW + 2 * DAY).ring
        changed = revoke(ring, NOW + 2 * DAY, ring["keys"][1]["kid"]).ring
        assert parse_signing_keys(changed).current(NOW + 2 * DAY).kid == changed["keys"][2]["kid"]

    def test_the_private_key_leaves_the_ring_within_the_hour(self, ring, old):
        changed = revoke(ring, NOW, old).ring
        assert old not in {key["kid"] for key in rings.pruned(changed, now=NOW + 3600)["keys"]}

    def test_twice_makes_one_new_key(self, ring, old):
        once = revoke(ring, NOW, old).ring
        assert revoke(once, NOW + 60, old).ring == once

    def test_changes_nothing_of_the_ring_that_it_was_given(self, ring, old):
        waiting = add(ring, NOW).ring
        before = repr(waiting)
        revoke(waiting, NOW, old)
        assert repr(waiting) == before

    @pytest.mark.parametrize("kid", ["", "nobody's"])
    def test_a_kid_that_names_not_one_key_is_refused(self, ring, kid):
        with pytest.raises(rings.RefusedError, match="keys of the ring"):
            revoke(add(ring, NOW).ring, NOW, kid)


def test_no_account_tells_a_secret(ring, old):
    waiting = add(ring, NOW)
    changes = [waiting, retire(waiting.ring, NOW + 2 * DAY), revoke(waiting.ring, NOW, old)]
    secrets = [key["d"] for change in changes for key in change.ring["keys"]] + [ring["pepper"]]
    told = " ".join(sentence for change in changes for sentence in change.account)
    assert re.search(r"\d{4}-\d\d-\d\dT", told)
    assert not any(secret in told for secret in secrets)
