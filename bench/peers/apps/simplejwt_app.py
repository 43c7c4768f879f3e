"""Django REST Framework with Simple JWT and its blacklist, as "Getting started" and "Blacklist app" set them up.

Refresh tokens are rotated and the used ones blacklisted, as Lychgate's are good once: two settings that the pages name.
The rest is what `django-admin startproject` writes, SQLite in a file included. A protected call reads the user.
"""

from datetime import timedelta
from pathlib import Path

import django
from django.conf import settings
from django.contrib.auth.hashers import BasePasswordHasher
from worker import PASSWORD, USERNAME, Wsgi, cheap_hash, cheap_verify, repeated, serve


class CheapHasher(BasePasswordHasher):
    """Stands in for PBKDF2."""

    algorithm = "cheap"

    def salt(self):
        return "none"

    def encode(self, password, salt):  # noqa: ARG002 - Django's
        return f"cheap${cheap_hash(password)}"

    def verify(self, password, encoded):
        return cheap_verify(password, encoded.partition("$")[2])

    def must_update(self, encoded):  # noqa: ARG002 - Django's
        return False

    def harden_runtime(self, password, encoded):
        """Cost nothing."""


def set_up(database: Path) -> None:
    settings.configure(
        SECRET_KEY="a secret that is only good for measuring",
        DEBUG=False,
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF="simplejwt_urls",
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "django.contrib.messages",
            "rest_framework",
            "rest_framework_simplejwt",
            "rest_framework_simplejwt.token_blacklist",
        ],
        MIDDLEWARE=[
            "django.middleware.security.SecurityMiddleware",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
            "django.middleware.clickjacking.XFrameOptionsMiddleware",
        ],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": database}},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        USE_TZ=True,
        PASSWORD_HASHERS=["__main__.CheapHasher"],
        REST_FRAMEWORK={
            "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework_simplejwt.authentication.JWTAuthentication"]
        },
        SIMPLE_JWT={
            "ACCESS_TOKEN_LIFETIME": timedelta(hours=1),
            "ROTATE_REFRESH_TOKENS": True,
            "BLACKLIST_AFTER_ROTATION": True,
        },
    )
    django.setup()


if __name__ == "__main__":
    set_up(Path("db.sqlite3").absolute())
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.core.wsgi import get_wsgi_application

    call_command("migrate", verbosity=0)
    User.objects.create_user(USERNAME, password=PASSWORD)
    wsgi = Wsgi(get_wsgi_application())
    credentials = {"username": USERNAME, "password": PASSWORD}
    tokens = wsgi.request("POST", "/api/token/", credentials)

    def refresh() -> None:
        tokens.update(wsgi.request("POST", "/api/token/refresh/", {"refresh": tokens["refresh"]}))

    serve(
        {
            "log-in": repeated(lambda: wsgi.request("POST", "/api/token/", credentials)),
            "refresh": repeated(refresh),
            "protected": repeated(lambda: wsgi.request("GET", "/protected/", token=tokens["access"])),
        }
    )
