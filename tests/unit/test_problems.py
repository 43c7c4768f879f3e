"""What a problem document says of a second factor, and what the challenge of a 401 does."""

from chalicelib.api.problems import problem
from chalicelib.errors import InsufficientAuthentication, InvalidChallenge, InvalidCode, SecondFactorRequired


def test_a_second_factor_that_is_due_is_403_with_all_that_the_second_step_needs():
    options = {"challenge": "AAAA", "rpId": "site.example"}
    answer = problem(SecondFactorRequired("sealed", methods=("totp", "passkey"), expires_in=300, public_key=options))
    assert answer.status_code == 403
    said = {name: answer.body[name] for name in ("error", "challenge", "methods", "expires_in", "publicKey")}
    assert said == {
        "error": "second_factor_required",
        "challenge": "sealed",
        "methods": ["totp", "passkey"],
        "expires_in": 300,
        "publicKey": options,
    }


def test_it_has_no_challenge_for_a_bearer_token_and_the_log_none_of_its_own():
    answer = problem(SecondFactorRequired("sealed", methods=("totp",), expires_in=300, public_key=None))
    assert "WWW-Authenticate" not in answer.headers
    assert "publicKey" not in answer.body
    assert "sealed" not in repr(answer.evidence)


def test_a_session_that_has_to_reach_a_level_is_told_which_one():
    answer = problem(InsufficientAuthentication(900, "aal2"))
    assert (answer.status_code, answer.body["max_age"], answer.body["acr_values"]) == (401, 900, "aal2")
    assert answer.headers["WWW-Authenticate"] == (
        'Bearer realm="lychgate", error="insufficient_user_authentication",'
        f' error_description="{InsufficientAuthentication.detail}", max_age="900", acr_values="aal2"'
    )


def test_a_session_that_is_only_too_old_is_told_of_no_level():
    answer = problem(InsufficientAuthentication(900))
    assert "acr_values" not in answer.body
    assert "acr_values" not in answer.headers["WWW-Authenticate"]


def test_a_wrong_code_and_a_wrong_challenge_are_401_without_an_error_code_in_the_challenge():
    for error in (InvalidCode("why"), InvalidChallenge("why")):
        answer = problem(error)
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="lychgate"')
        assert "why" not in repr(answer.body)
