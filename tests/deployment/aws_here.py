"""A moto server in a thread, with what moto lacks of the parts that a deployment uses."""

import copy
import functools
import itertools
import subprocess
import urllib.request
from contextlib import ExitStack
from unittest import mock

import moto.backends
import moto.core.responses
from botocore.httpsession import URLLib3Session
from moto.cloudformation.models import cloudformation_backends
from moto.core.base_backend import BackendDict
from moto.moto_server.werkzeug_app import MotoRequestHandler
from moto.server import ThreadedMotoServer

from tests.deployment import api_gateway_here, cloudformation_here, cloudfront_here, iam_here, lambda_here, ses_here
from tests.deployment.recorded_resources import ACCOUNT, REGION, Recorded
from tests.deployment.transport import answer, sent_here
from tests.deployment.warm_chalice import WarmChalice
from tests.support.same_clients import SameClients

EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["*"], "Resource": ["*"]}]}


class AwsHere:
    """The server.

    `failing` makes the creation or change of a resource fail, by its logical id. `limits` are those of the account, and
    how often API Gateway refuses a role that IAM has just made. `readings` are what AWS does where its documentation
    does not say it. `allowed` are the policies of whoever deploys, for IAM's simulation alone. `ses` is what SES lets
    the account do, and what it finds in DNS.
    """

    def __init__(self):
        """Start it. Nothing is patched until `enter`."""
        self.failing = {}
        self.limits = {}
        self.ses = {}
        self.readings = set()
        self.allowed = []
        self.chalice = WarmChalice()
        self._quicker = _Quicker()
        self._patches = ExitStack()
        self._server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        self._server.start()
        host, port = self._server.get_host_and_port()
        self.url = f"http://{host}:{port}"

    def enter(self):
        """Let this process see AWS as it is here, until `leave`."""
        enter = self._patches.enter_context
        enter(mock.patch.object(subprocess, "Popen", self.chalice.popen))
        for patch in itertools.chain(
            self._quicker.patches(self._server._server, self.url),
            cloudformation_here.patches(self.failing, self.readings),
            api_gateway_here.patches(self.limits),
            lambda_here.patches(self.limits),
            cloudfront_here.patches(),
            iam_here.patches(self.allowed),
            ses_here.patches(self.ses),
        ):
            enter(patch)

    def leave(self):
        self._patches.close()

    def stop(self):
        self.chalice.stop()
        self._server.stop()

    def reset(self):
        self.failing.clear()
        self.chalice.is_warm = True
        self.readings.clear()
        self.ses.update({**ses_here.DEFAULTS, "in DNS": set()})
        self.allowed[:] = [EVERYTHING]
        self.limits.update({"executions": 1000, "looks before a role is there": 0, "pending": 0, "failing": ""})
        Recorded.made.clear()
        request = urllib.request.Request(f"{self.url}/moto-api/reset", method="POST")
        urllib.request.urlopen(request, timeout=30).close()
        self.begins_with = self._knobs()

    def is_untouched(self):
        """Whether nobody has called anything, or set anything here, since the last reset."""
        used = {services.service_name for services in BackendDict._instances if services}
        return used <= {"moto_api"} and not Recorded.made and self._knobs() == self.begins_with

    def _knobs(self):
        return copy.deepcopy((self.failing, self.limits, self.ses, self.readings, self.allowed))

    def properties(self, logical_id):
        """What the stack has made of a resource that moto does not know."""
        return Recorded.made[logical_id].properties

    def made(self, logical_id):
        """A resource that moto does not know."""
        return Recorded.made[logical_id]

    def all_made(self):
        """The logical ids of all resources that moto does not know."""
        return set(Recorded.made)

    def stack(self, name):
        (stack,) = [each for each in cloudformation_backends[ACCOUNT][REGION].stacks.values() if each.name == name]
        return stack


class _Quicker:
    """Lets nothing be made again that is the same each time."""

    def __init__(self):
        self._clients = SameClients()
        self._modules = set(moto.backends.list_of_moto_modules())
        self._names_of_methods = functools.cache(moto.core.responses.method_names_from_class)

    def patches(self, server, url):
        """Yield context managers that do."""
        yield from self._clients.patches()
        yield mock.patch.object(moto.backends, "list_of_moto_modules", return_value=self._modules)
        yield mock.patch.object(URLLib3Session, "send", sent_here(server, url))
        yield mock.patch.object(moto.core.responses, "method_names_from_class", self._names_of_methods)
        # Many requests on one connection, each of which would be a thread of its own.
        yield mock.patch.object(MotoRequestHandler, "run_wsgi", answer)
        yield mock.patch.object(MotoRequestHandler, "protocol_version", "HTTP/1.1")
        yield mock.patch.object(MotoRequestHandler, "disable_nagle_algorithm", new=True)
        yield mock.patch.object(MotoRequestHandler, "log_request", return_value=None)
