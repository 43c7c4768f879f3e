"""Settings: what is taken, and the error that names the variable."""

import base64
import json
from email.header import decode_header, make_header

import pytest

from chalicelib.config import mailer
from chalicelib.config.api import ApiSettings
from chalicelib.config.environment import MAX_SITE_NAME
from chalicelib.config.http import HttpSettings
from chalicelib.config.mailer import MailerSettings
from chalicelib.config.passkeys import relying_party
from chalicelib.config.signing_secrets import SigningSecrets
from chalicelib.config.verifier import VerifierSettings
from chalicelib.credentials.peppers import FIRST, Pepper, Peppers
from chalicelib.errors import ConfigurationError
from chalicelib.mailer_wiring import named_address
from chalicelib.mails.rendering import MAX_NAME
from chalicelib.tokens.keys import thumbprint
from tests.support.marks import TESTS

PROJECT = TESTS.parent


def test_the_defaults_are_those_of_the_contract(environment):
    settings = ApiSettings.from_environment({**environment, "LYCHGATE_BCRYPT_COST": ""})
    assert settings.access_token_lifetime == 600
    assert settings.sessions.idle_lifetime == 14 * 24 * 3600
    assert settings.sessions.absolute_lifetime == 90 * 24 * 3600
    assert settings.sessions.retry_window == 20
    assert settings.bcrypt_cost == 12
    assert settings.password_min_length == 15
    assert settings.registration_open
    assert not settings.check_pwned_passwords
    assert settings.context_words == ("lychgate", "site.example", "example", "site")


@pytest.mark.parametrize(
    ("issuer", "words"),
    [
        (
            "https://www.my-site.example/api",
            ("www.my-site.example", "my-site.example", "example", "www", "my-site", "mysite"),
        ),
        ("http://127.0.0.1:8000/api", ()),
        ("http://localhost:8000/api", ("localhost",)),
    ],
)
def test_the_context_words_are_the_names_in_the_issuers_host(environment, issuer, words):
    settings = ApiSettings.from_environment({**environment, "LYCHGATE_ISSUER": issuer})
    assert settings.context_words == ("lychgate", *words)


def test_the_context_words_may_be_set(environment):
    settings = ApiSettings.from_environment({**environment, "LYCHGATE_CONTEXT_WORDS": "Mein Verein, mv"})
    assert settings.context_words == ("Mein Verein", "mv")
    with pytest.raises(ConfigurationError, match="LYCHGATE_CONTEXT_WORDS must list words"):
        ApiSettings.from_environment({**environment, "LYCHGATE_CONTEXT_WORDS": "a,,b"})


def test_the_audience_is_the_issuer_unless_it_is_set(environment):
    assert VerifierSettings.from_environment(environment).audience == "https://site.example/api"
    assert VerifierSettings.from_environment({**environment, "LYCHGATE_AUDIENCE": "orders"}).audience == "orders"


@pytest.mark.parametrize(
    ("variable", "value", "problem"),
    [
        ("LYCHGATE_ISSUER", "", "is not set"),
        ("LYCHGATE_ISSUER", "site.example", "must be a URL"),
        ("LYCHGATE_ISSUER", "https://[site.example/api", "must be a URL"),
        ("LYCHGATE_ISSUER", "https://site.example/api/", "without a trailing slash"),
        ("LYCHGATE_ISSUER", "https://site.example/api?x=1", "must be a URL"),
        ("LYCHGATE_ISSUER", "http://site.example/api", "must begin with https"),
        ("LYCHGATE_ISSUER", "https://site.example:port/api", "must be a URL"),
        ("LYCHGATE_ISSUER", "https://site.example:65536/api", "must be a URL"),
        ("LYCHGATE_ISSUER", "https://:8443/api", "must be a URL"),
        ("LYCHGATE_ISSUER", "https://user@site.example/api", "must be a URL"),
        ("LYCHGATE_ISSUER", "https://:@site.example/api", "must be a URL"),
        ("LYCHGATE_ISSUER", "https://site example/api", "must be a URL"),
        ("LYCHGATE_ISSUER", "https://site%2eexample/api", "must be a URL"),
        ("LYCHGATE_ISSUER", "https://site.example\\api", "must be a URL"),
        ("LYCHGATE_ISSUER", "https://127.1/api", "must be a URL"),
        ("LYCHGATE_ISSUER", "https://0x7f000001/api", "must be a URL"),
        ("LYCHGATE_ISSUER", "https://[::1%eth0]/api", "must be a URL"),
        ("LYCHGATE_ISSUER", "https://site.example/%zz", "must be a URL"),
        ("LYCHGATE_PUBLIC_KEYS", "", "is not set"),
        ("LYCHGATE_PUBLIC_KEYS", "{", "must hold JSON"),
        ("LYCHGATE_PUBLIC_KEYS", "{}", "must be a JWK Set"),
        ("LYCHGATE_PUBLIC_KEYS", '{"keys": []}', "holds no key"),
        ("LYCHGATE_PUBLIC_KEYS", "file://nowhere.json", "cannot be read"),
    ],
)
def test_a_verifier_setting_that_cannot_be_used_is_named(environment, variable, value, problem):
    with pytest.raises(ConfigurationError, match=problem) as refusal:
        VerifierSettings.from_environment({**environment, variable: value})
    assert refusal.value.variable == variable
    assert variable in str(refusal.value)


AS_BROWSERS_WRITE = {
    "https://Site.example/api": "https://site.example/api",
    "HTTPS://site.example/api": "https://site.example/api",
    "https://site.example:443/api": "https://site.example/api",
    "https://site.example:/api": "https://site.example/api",
    "https://site.example:08443/api": "https://site.example:8443/api",
    "http://localhost:80/api": "http://localhost/api",
    "http://LOCALHOST:8000/api": "http://localhost:8000/api",
    "https://[2001:DB8:0:0::1]/api": "https://[2001:db8::1]/api",
    "https://bücher.example/api": "https://xn--bcher-kva.example/api",
    "https://BÜCHER.example:443/api": "https://xn--bcher-kva.example/api",
    "https://site.example/./api": "https://site.example/api",
    "https://site.example/v1/../api": "https://site.example/api",
    "https://site.example/../api": "https://site.example/api",
    "https://site.example/v1/%2E%2e/api": "https://site.example/api",
    "https://site.example/my api": "https://site.example/my%20api",
    "https://site.example/büro": "https://site.example/b%C3%BCro",
    "https://site.example/{api}": "https://site.example/%7Bapi%7D",
}
"""What a browser makes of addresses, which is what its proofs of a key say."""


@pytest.mark.parametrize(("issuer", "written"), AS_BROWSERS_WRITE.items())
def test_an_issuer_that_browsers_write_otherwise_is_refused_with_what_they_write(environment, issuer, written):
    for settings in (VerifierSettings, HttpSettings):
        with pytest.raises(ConfigurationError) as refusal:
            settings.from_environment({**environment, "LYCHGATE_ISSUER": issuer})
        assert str(refusal.value) == f"LYCHGATE_ISSUER must be {written}, as browsers write it"
    assert VerifierSettings.from_environment({**environment, "LYCHGATE_ISSUER": written}).issuer == written


def test_an_issuer_in_another_script_is_refused_where_two_standards_write_it_differently(environment):
    with pytest.raises(ConfigurationError, match=r"must name its host in ASCII, as browsers write it: xn--…"):
        VerifierSettings.from_environment({**environment, "LYCHGATE_ISSUER": "https://straße.example/api"})


@pytest.mark.parametrize(
    "issuer",
    [
        "https://site.example",
        "https://site.example:8443/api",
        "https://xn--bcher-kva.example/api",
        "https://a_b.site.example/v1/api-2~x/%C3%BC",
        "https://192.0.2.1/api",
        "https://[2001:db8::1]/api",
        "http://127.0.0.1:8000/api",
        "http://[::1]:8000/api",
    ],
)
def test_an_issuer_that_browsers_write_so_is_taken(environment, issuer):
    assert VerifierSettings.from_environment({**environment, "LYCHGATE_ISSUER": issuer}).issuer == issuer
    assert HttpSettings.from_environment({**environment, "LYCHGATE_ISSUER": issuer}).own_origin in issuer


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda keys: [{"kty": "oct", "k": "c2VjcmV0", "alg": "HS256", "use": "sig", "kid": "k"}], "public keys only"),
        (lambda keys: [keys[0] | {"d": "AAAA"}], "public keys only"),
        (lambda keys: keys * 2, "two keys with one kid"),
        (lambda keys: [keys[0] | {"use": "enc"}], 'use is not "sig"'),
        (lambda keys: [keys[0] | {"key_ops": ["encrypt"]}], "key_ops"),
        (lambda keys: [keys[0] | {"alg": "RS256"}], "do not fit its alg"),
        (lambda keys: [keys[0] | {"kid": "mine"}], "thumbprint"),
        (lambda keys: [keys[0] | {"exp": "tomorrow"}], "exp is not a NumericDate"),
        (lambda keys: [{**(off := keys[0] | {"y": keys[0]["x"]}), "kid": thumbprint(off)}], "malformed key"),
    ],
)
def test_a_public_key_that_must_not_be_used_is_refused_with_the_name_of_its_setting(environment, change, problem):
    keys = json.loads(environment["LYCHGATE_PUBLIC_KEYS"])["keys"]
    with pytest.raises(ConfigurationError, match=f"LYCHGATE_PUBLIC_KEYS .*{problem}"):
        VerifierSettings.from_environment({**environment, "LYCHGATE_PUBLIC_KEYS": json.dumps({"keys": change(keys)})})


def test_a_setting_nested_beyond_the_parser_is_refused_with_its_name(environment):
    nested = "[" * 100_000
    with pytest.raises(ConfigurationError, match="LYCHGATE_PUBLIC_KEYS must hold JSON"):
        VerifierSettings.from_environment({**environment, "LYCHGATE_PUBLIC_KEYS": nested})
    with pytest.raises(ConfigurationError, match="/p must hold JSON"):
        SigningSecrets.from_json(nested, source="/p")


def test_public_keys_may_stand_in_a_file(environment, tmp_path):
    file = tmp_path / "public-keys.json"
    file.write_text(environment["LYCHGATE_PUBLIC_KEYS"])
    settings = VerifierSettings.from_environment({**environment, "LYCHGATE_PUBLIC_KEYS": f"file://{file}"})
    assert settings.keys.published(0) == json.loads(environment["LYCHGATE_PUBLIC_KEYS"])


@pytest.mark.parametrize(
    ("variable", "value", "problem"),
    [
        ("LYCHGATE_SIGNING_KEYS_PARAMETER", "", "is not set"),
        ("LYCHGATE_USERS_TABLE", " ", "is not set"),
        ("LYCHGATE_SESSIONS_TABLE", "", "is not set"),
        ("LYCHGATE_BCRYPT_COST", "9", "from 10 to 16"),
        ("LYCHGATE_BCRYPT_COST", "twelve", "whole number"),
        ("LYCHGATE_BCRYPT_COST", "１２", "whole number"),
        ("LYCHGATE_PASSWORD_MIN_LENGTH", "7", "from 8 to 64"),
        ("LYCHGATE_ACCESS_TOKEN_LIFETIME", "86400", "from 10 to 3600"),
        ("LYCHGATE_REFRESH_IDLE_LIFETIME", "-1", "whole number"),
        ("LYCHGATE_SESSION_LIFETIME", "1e6", "whole number"),
        ("LYCHGATE_REFRESH_RETRY_WINDOW", "0", "from 1 to 60"),
        ("LYCHGATE_FRESH_SECONDS", "59", "from 60 to 86400"),
        ("LYCHGATE_FRESH_SECONDS", "86401", "from 60 to 86400"),
        ("LYCHGATE_REGISTRATION", "maybe", "open or closed"),
        ("LYCHGATE_PWNED_PASSWORDS", "yes", "on or off"),
        ("LYCHGATE_DBSC", "yes", "on or off"),
    ],
)
def test_an_issuer_setting_that_cannot_be_used_is_named(environment, variable, value, problem):
    with pytest.raises(ConfigurationError, match=problem) as refusal:
        ApiSettings.from_environment({**environment, variable: value})
    assert refusal.value.variable == variable


def test_a_site_is_reached_over_https_and_this_machine_may_be_reached_over_http(environment):
    assert HttpSettings.from_environment(environment).over_https
    assert not HttpSettings.from_environment({**environment, "LYCHGATE_ISSUER": "http://127.0.0.1:8000/api"}).over_https


def test_without_a_list_the_issuers_own_origin_is_allowed(environment):
    settings = HttpSettings.from_environment({**environment, "LYCHGATE_ALLOWED_ORIGINS": ""})
    assert settings.allowed_origins == ("https://site.example",)


@pytest.mark.parametrize(
    "origins", ["*", "null", "https://site.example/", "site.example", "https://a.example,,", "https://[a"]
)
def test_an_origin_that_is_none_is_refused(environment, origins):
    with pytest.raises(ConfigurationError, match="LYCHGATE_ALLOWED_ORIGINS must list origins"):
        HttpSettings.from_environment({**environment, "LYCHGATE_ALLOWED_ORIGINS": origins})


class TestOfPasskeys:
    @staticmethod
    def party(environment, **changes):
        environment = {**environment, "LYCHGATE_ALLOWED_ORIGINS": ""} | {
            f"LYCHGATE_{name}": value for name, value in changes.items()
        }
        return relying_party(ApiSettings.from_environment(environment), HttpSettings.from_environment(environment))

    def test_they_belong_to_the_issuers_host_and_to_its_own_pages(self, environment):
        party = self.party(environment)
        assert (party.id, party.name, party.origins) == ("site.example", "site.example", ("https://site.example",))

    def test_at_a_laptop_they_belong_to_localhost_because_an_address_can_have_none(self, environment):
        for host in ("127.0.0.1", "[::1]", "localhost"):
            party = self.party(
                environment,
                ISSUER=f"http://{host}:8000/api",
                ALLOWED_ORIGINS="http://127.0.0.1:8000,http://[::1]:8000,http://localhost:8000",
            )
            assert (party.id, party.origins) == ("localhost", ("http://localhost:8000",)), host

    def test_pages_of_the_domain_and_below_it_may_use_them_and_no_others(self, environment):
        allowed = (
            "https://login.site.example",
            "https://site.example",
            "https://shop.site.example:8443",
            "http://shop.site.example",
            "https://othersite.example",
            "https://site.example.other",
            "http://localhost:8000",
        )
        party = self.party(
            environment,
            ISSUER="https://login.site.example/api",
            RP_ID="site.example",
            SITE_NAME="The Site",
            ALLOWED_ORIGINS=",".join(allowed),
        )
        assert (party.id, party.name) == ("site.example", "The Site")
        assert party.origins == allowed[:3]

    @pytest.mark.parametrize(
        ("issuer", "rp_id"),
        [
            ("https://login.site.example/api", "othersite.example"),
            ("https://login.site.example/api", "shop.site.example"),
            ("https://login.site.example/api", "ogin.site.example"),
            ("https://login.site.example/api", "example"),
            ("https://login.site.example/api", "https://site.example"),
            ("https://login.site.example/api", ".site.example"),
            ("http://127.0.0.1:8000/api", "127.0.0.1"),
            ("http://localhost:8000/api", "site.example"),
        ],
    )
    def test_a_domain_that_is_none_of_the_site_is_refused_with_what_would_do(self, environment, issuer, rp_id):
        what = "login.site.example, the host of" if issuer.startswith("https") else "localhost, because"
        with pytest.raises(ConfigurationError, match=f"^LYCHGATE_RP_ID must be {what} LYCHGATE_ISSUER"):
            self.party(environment, ISSUER=issuer, RP_ID=rp_id)

    @pytest.mark.parametrize("issuer", ["", "https://[site.example/api"])
    def test_of_an_issuer_that_is_none_nothing_is_said_here(self, environment, issuer):
        settings = ApiSettings.from_environment(
            {**environment, "LYCHGATE_ISSUER": issuer, "LYCHGATE_RP_ID": "site.example"}
        )
        assert (settings.rp_id, settings.site_name) == ("site.example", "")
        with pytest.raises(ConfigurationError, match=r"^LYCHGATE_ISSUER "):
            HttpSettings.from_environment({**environment, "LYCHGATE_ISSUER": issuer})


class TestOfTheSitesName:
    """It is one in mails, in authenticators and in authenticator apps."""

    @staticmethod
    def both(environment):
        return {
            ApiSettings.from_environment(environment).site_name,
            MailerSettings.from_environment(environment).look.site_name,
        }

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({}, "site.example"),
            ({"LYCHGATE_SITE_URL": "https://www.site.example"}, "www.site.example"),
            ({"LYCHGATE_SITE_NAME": " Oak & Latch "}, "Oak & Latch"),
            ({"LYCHGATE_ISSUER": f"https://{'long.' * 20}example/api"}, ("long." * 20)[:MAX_SITE_NAME]),
        ],
    )
    def test_the_api_and_the_mailer_call_the_site_the_same(self, environment, changes, name):
        assert self.both({**environment, **changes}) == {name}

    @pytest.mark.parametrize("name", ["two\nlines", "x" * (MAX_SITE_NAME + 1), "a\u202eb"])
    def test_a_name_that_cannot_be_shown_is_refused_by_both(self, environment, name):
        for settings in (ApiSettings, MailerSettings):
            with pytest.raises(ConfigurationError, match=r"^LYCHGATE_SITE_NAME must have at most 64 printable"):
                settings.from_environment({**environment, "LYCHGATE_SITE_NAME": name})

    def test_a_name_that_is_allowed_can_stand_in_a_mail(self):
        assert MAX_SITE_NAME == MAX_NAME


def test_signing_secrets_are_a_key_and_a_pepper(private_jwks):
    secrets = SigningSecrets.from_json(json.dumps(private_jwks), source="/p")
    assert secrets.signing_keys.current(0).kid == private_jwks["keys"][0]["kid"]
    assert secrets.peppers == Peppers.of(bytes(range(32)))
    assert "pepper" not in repr(secrets)


LATER = {"id": "k7Qw2x9a", "pepper": base64.urlsafe_b64encode(bytes(32)).decode(), "nbf": 100}


def test_signing_secrets_may_hold_several_peppers(private_jwks):
    document = {**private_jwks, "peppers": [LATER]}
    first, later = Pepper(FIRST, bytes(range(32))), Pepper("k7Qw2x9a", bytes(32), 100)
    assert SigningSecrets.from_json(json.dumps(document), source="/p").peppers == Peppers((first, later))
    del document["pepper"]
    assert SigningSecrets.from_json(json.dumps(document), source="/p").peppers == Peppers((later,))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"peppers": {}}, "must hold a list in peppers"),
        ({"peppers": ["x"]}, "must hold objects in peppers"),
        ({"peppers": [{**LATER, "id": ""}]}, "an id of letters"),
        ({"peppers": [{**LATER, "id": "a$b"}]}, "an id of letters"),
        ({"peppers": [{**LATER, "id": 1}]}, "an id of letters"),
        ({"peppers": [{**LATER, "nbf": None}]}, "an nbf"),
        ({"peppers": [{**LATER, "nbf": True}]}, "an nbf"),
        ({"peppers": [{**LATER, "pepper": "AAAA"}]}, "at least 32 bytes"),
        ({"peppers": [LATER, LATER]}, "two peppers with one id"),
        ({"keys": []}, "holds no key"),
        ({"pepper": None}, "must hold a member pepper"),
        ({"pepper": "not base64!"}, "must hold a member pepper"),
        ({"pepper": base64.urlsafe_b64encode(bytes(31)).decode()}, "at least 32 bytes"),
    ],
)
def test_signing_secrets_that_cannot_be_used_name_their_source_and_quote_nothing(private_jwks, change, problem):
    text = json.dumps({**private_jwks, **change})
    with pytest.raises(ConfigurationError, match=problem) as refusal:
        SigningSecrets.from_json(text, source="/lychgate/test/signing-keys")
    assert refusal.value.variable == "/lychgate/test/signing-keys"
    assert private_jwks["keys"][0]["d"] not in str(refusal.value)


def test_signing_secrets_that_are_not_json_are_not_quoted():
    with pytest.raises(ConfigurationError) as refusal:
        SigningSecrets.from_json("hunter2", source="/p")
    assert "hunter2" not in str(refusal.value)


class TestOfTheMailer:
    def test_links_lead_to_the_issuers_origin_and_the_look_is_the_pages(self, environment):
        settings = MailerSettings.from_environment(environment)
        look = settings.look
        assert (look.site_url, look.site_name, look.colour) == ("https://site.example", "site.example", "#24503c")
        assert (settings.sender, settings.sender_name) == ("no-reply@lychgate.example", "site.example")
        assert (settings.language, settings.reply_to) == ("en", None)
        assert (settings.ses_region, settings.configuration_set) == (None, None)

    def test_the_colour_is_that_of_the_page(self):
        styles = (PROJECT / "static-site" / "js" / "elements" / "lychgate.css").read_text("utf-8")
        assert f"var(--lychgate-accent, light-dark({mailer.COLOUR}, " in styles

    def test_each_may_be_set(self, environment):
        settings = MailerSettings.from_environment(
            environment
            | {
                "LYCHGATE_SITE_URL": "http://localhost:8000",
                "LYCHGATE_SITE_NAME": "Kärntner Imker",
                "LYCHGATE_MAIL_COLOUR": "#AA3300",
                "LYCHGATE_MAIL_FROM": '"Imker, Kärnten" <post@imker.example>',
                "LYCHGATE_MAIL_REPLY_TO": "Büro <buero@imker.example>",
                "LYCHGATE_LANGUAGE": "de",
                "LYCHGATE_SES_REGION": "eu-central-1",
                "LYCHGATE_SES_CONFIGURATION_SET": "lychgate-prod",
            }
        )
        look = settings.look
        assert (look.site_url, look.site_name, look.colour) == ("http://localhost:8000", "Kärntner Imker", "#AA3300")
        assert (settings.sender, settings.sender_name) == ("post@imker.example", "Imker, Kärnten")
        assert (settings.language, settings.reply_to) == ("de", "buero@imker.example")
        assert (settings.ses_region, settings.configuration_set) == ("eu-central-1", "lychgate-prod")

    def test_the_language_may_be_one_of_the_sites_own(self, environment):
        settings = MailerSettings.from_environment(
            environment | {"LYCHGATE_LANGUAGE": "fr"}, lambda: ("en", "de", "fr")
        )
        assert settings.language == "fr"

    @pytest.mark.parametrize(
        ("variable", "value"),
        [
            ("LYCHGATE_MAIL_FROM", ""),
            ("LYCHGATE_MAIL_FROM", "post"),
            ("LYCHGATE_MAIL_FROM", "post@imker.example, other@imker.example"),
            ("LYCHGATE_MAIL_FROM", "Imker\r\nBcc: x <post@imker.example>"),
            ("LYCHGATE_MAIL_FROM", "post@imker.example\r\nBcc: all@imker.example"),
            ("LYCHGATE_MAIL_REPLY_TO", "büro@imker.example"),
            ("LYCHGATE_SITE_URL", "https://site.example/club"),
            ("LYCHGATE_SITE_URL", "https://site.example/"),
            ("LYCHGATE_SITE_URL", "http://site.example"),
            ("LYCHGATE_SITE_URL", "https://me@site.example"),
            ("LYCHGATE_SITE_NAME", "two\nlines"),
            ("LYCHGATE_SITE_NAME", "x" * 65),
            ("LYCHGATE_MAIL_COLOUR", "green"),
            ("LYCHGATE_LANGUAGE", "fr"),
            ("LYCHGATE_SES_REGION", "Frankfurt"),
            ("LYCHGATE_SES_CONFIGURATION_SET", "my set"),
            ("LYCHGATE_MAIL_TABLE", ""),
            ("LYCHGATE_THROTTLE_TABLE", ""),
            ("LYCHGATE_USERS_TABLE", ""),
        ],
    )
    def test_an_invalid_one_is_an_error_that_names_it(self, environment, variable, value):
        with pytest.raises(ConfigurationError, match=f"^{variable} "):
            MailerSettings.from_environment({**environment, variable: value})

    def test_a_senders_domain_is_in_lower_case_as_in_the_policy_of_the_function(self, environment):
        settings = MailerSettings.from_environment(environment | {"LYCHGATE_MAIL_FROM": "Post@Imker.Example"})
        assert settings.sender == "Post@imker.example"

    def test_it_needs_no_setting_of_the_keys_and_no_other_table(self, environment):
        without = ("SIGNING_KEYS_PARAMETER", "PUBLIC_KEYS", "SESSIONS_TABLE", "EVENTS_TABLE")
        MailerSettings.from_environment(
            {name: value for name, value in environment.items() if name.removeprefix("LYCHGATE_") not in without}
        )

    @pytest.mark.parametrize(
        ("name", "header"),
        [
            ("Example", "Example <a@site.example>"),
            ("site.example", '"site.example" <a@site.example>'),
            ('The "Club", Inc.', '"The \\"Club\\", Inc." <a@site.example>'),
        ],
    )
    def test_a_senders_name_is_quoted_where_it_has_to_be(self, name, header):
        assert named_address(name, "a@site.example") == header

    @pytest.mark.parametrize("name", ["Kärntner Imker", "ä" * 64, "Музей архитектуры и градостроительства в Берлине"])
    def test_a_senders_name_in_other_letters_is_encoded_in_words_that_are_not_too_long(self, name):
        header = named_address(name, "a@site.example")
        assert header.isascii()
        assert header.isprintable()
        words = header.removesuffix(" <a@site.example>").split(" ")
        assert all(len(word) <= 75 for word in words)
        assert str(make_header(decode_header(" ".join(words)))) == name
