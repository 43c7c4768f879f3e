"""The application in this process, over moto."""

import logging

import pytest

from tests.support.api_client import in_process
from tests.support.application import application as make_application
from tests.support.application import clients_of

__all__ = ["all_hashes_are_cheap", "api", "application", "mailbox", "settings"]


@pytest.fixture(autouse=True)
def all_hashes_are_cheap(hashes_are_cheap):
    """Before anything counts what is hashed."""


@pytest.fixture
def settings(environment):
    """The settings of the application. It reads them at the first request, so that a test can change them before."""
    return dict(environment)


@pytest.fixture
def application(aws, aws_clients, settings, clock):
    dynamodb, ssm = aws_clients
    return make_application(settings, clients=clients_of(dynamodb=dynamodb, ssm=ssm), clock=clock)


@pytest.fixture
def api(application):
    logging.getLogger("lychgate").setLevel(logging.INFO)
    return in_process(application)


@pytest.fixture
def mailbox(aws, aws_clients, settings, clock):
    """The mails of the site."""
    # Imported here, as most tests need no mailer.
    from tests.support.mailbox import InProcess

    return InProcess(settings, aws_clients[0], clock).mailbox()
