"""Clients of AWS that are made once: making one reads the model of its service, and takes longer than most tests do."""

import os
from unittest import mock

import botocore.session
from botocore.loaders import create_loader


class SameClients:
    """Makes one client for all sessions that would make the same."""

    def __init__(self):
        self._loader = create_loader()
        self._create = botocore.session.Session.create_client
        self._made = {}

    def patches(self):
        """Yield context managers that let every session take its clients here."""

        def create_client(session, service_name, *arguments, **how):
            return self._client(session, service_name, *arguments, **how)

        yield mock.patch.object(botocore.session, "create_loader", return_value=self._loader)
        yield mock.patch.object(botocore.session.Session, "create_client", create_client)

    def _client(self, session, service_name, *arguments, **how):
        environment = frozenset(each for each in os.environ.items() if each[0].startswith("AWS_"))
        options = {name: vars(value) if name == "config" and value else value for name, value in how.items()}
        key = (
            service_name,
            environment,
            session.profile,
            session.get_config_variable("region"),
            repr((arguments, options)),
        )
        if key not in self._made:
            self._made[key] = self._create(session, service_name, *arguments, **how)
        return self._made[key]
