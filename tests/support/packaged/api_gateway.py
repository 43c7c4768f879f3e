"""An emulation of API Gateway's REST API, with the features that this project's Swagger uses.

Owns the order of the checks of a request. Each rule is from the API Gateway Developer Guide, and the modules beside
this one name the pages. Not emulated: throttling, WAF, resource policies, access logs, caches of responses, VTL.
"""

import threading
import time
import uuid
from collections.abc import Callable, Collection, Mapping
from http import HTTPStatus

from infra.local.http_server import HttpServer
from tests.support.packaged.function import ACCOUNT, REGION, LambdaFunction
from tests.support.packaged.gateway_responses import Refusal, gateway_response
from tests.support.packaged.messages import Request, Response, served
from tests.support.packaged.package import Package
from tests.support.packaged.proxy_integration import proxy_event, proxy_response, request_context
from tests.support.packaged.rest_api import Method, Mock, Resource, RestApi
from tests.support.packaged.token_authorizer import TokenAuthorization

PAYLOAD_LIMIT = 10 * 1024 * 1024
"""Bytes ("Quotas for configuring and running a REST API")."""

HEADER_LIMIT = 10_240
"""Bytes of the request line and all header values together (the same page)."""

INTEGRATION_SECONDS = 29.0
"""The default and longest time for an integration (the same page)."""

API_ID = "a1b2c3d4e5"
SOURCE_IP = "127.0.0.1"

# Above the gateway's own limit, so that the gateway enforces it.
_SERVER_LIMIT = 4 * PAYLOAD_LIMIT


class ApiGateway:
    """Answers requests with the functions of a package, by the package's own Swagger.

    Raises UnsupportedTemplateError if that says anything that is not understood.
    """

    def __init__(
        self,
        package: Package,
        functions: Mapping[str, LambdaFunction],
        *,
        clock: Callable[[], float] = time.time,
        api_keys: Collection[str] = (),
    ) -> None:
        """Take functions by Chalice's names.

        ``clock`` is that by which authorizers' answers are kept, ``api_keys`` are the keys of the stage's usage plan.
        """
        self._api_keys = api_keys
        self._api = RestApi(package.swagger)
        self._stage = package.stage_name
        self._functions = functions
        self._authorizers = {
            name: TokenAuthorization(definition, functions[definition.function], clock)
            for name, definition in self._api.authorizers.items()
        }
        self._lock = threading.Lock()
        self.latest_request_id = ""
        """`$context.requestId` of the request that came last."""

    def serve(self) -> HttpServer:
        """Listen on a free port of this machine, and answer. The caller stops the server."""
        server = HttpServer(0, body_limit=_SERVER_LIMIT)
        server.start(served(self))
        return server

    def forget_authorizations(self) -> None:
        """Empty the authorizers' caches."""
        for authorizer in self._authorizers.values():
            authorizer.forget()

    def __call__(self, request: Request) -> Response:
        """Answer a request, whose path begins with the stage's name."""
        request_id = str(uuid.uuid4())
        with self._lock:
            self.latest_request_id = request_id
        stage, path = _split(request.path)
        if stage != self._stage:
            # No API, so no gateway responses either.
            response = Response(403, (("x-amzn-ErrorType", "ForbiddenException"),), b'{"message":"Forbidden"}')
        elif _header_bytes(request) > HEADER_LIMIT:
            # What reads HTTP says so, in words of its own and before it knows the API. The status is not documented.
            response = Response(431, (), b'{"message":"HTTP header is larger than 10240 bytes."}')
        else:
            try:
                response = self._answer(request, path, request_id)
            except Refusal as refusal:
                context = {"context.requestId": request_id, "context.stage": stage, "context.path": request.path}
                response = gateway_response(refusal, self._api.gateway_responses, request, context)
        traced = (("x-amzn-RequestId", request_id), ("x-amz-apigw-id", request_id[:16]))
        return Response(response.status, (*response.headers, *traced), response.body)

    def _answer(self, request: Request, path: str, request_id: str) -> Response:
        resource, variables, method = self._find(request, path)
        if len(request.body) > PAYLOAD_LIMIT:
            raise Refusal("REQUEST_TOO_LARGE")
        context = request_context(
            request,
            request_id=request_id,
            resource=resource.path,
            stage=self._stage,
            api_id=API_ID,
            account=ACCOUNT,
            source_ip=SOURCE_IP,
        )
        if method.authorizer is not None:
            arn = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{API_ID}/{self._stage}/{request.method}{path}"
            authorization = self._authorizers[method.authorizer.name]
            context["authorizer"] = authorization.authorize(request.header(method.authorizer.header), arn)
        # After the authorizer: an execution log has "Verifying Usage Plan" below "Successfully completed authorizer
        # execution". A key may belong to any plan of the stage ("Choose an API key source in API Gateway").
        if method.needs_key and request.header("x-api-key") not in self._api_keys:
            raise Refusal("INVALID_API_KEY")
        if isinstance(method.integration, Mock):
            return _mocked(method.integration, request)
        event = proxy_event(
            _forwarded(request),
            resource=resource.path,
            path=path,
            variables=variables,
            context=context,
            binary=_media_type(request) in self._api.binary_media_types,
        )
        return self._run(self._functions[method.integration], event, request)

    def _run(self, function: LambdaFunction, event: object, request: Request) -> Response:
        # The first limit decides: the function's makes an error of it, the gateway's a time-out.
        result = function.invoke(event, timeout=min(INTEGRATION_SECONDS, function.definition.timeout))
        if result.error is not None:
            timed_out = result.error.get("errorType") == "Sandbox.Timedout"
            if timed_out and function.definition.timeout >= INTEGRATION_SECONDS:
                raise Refusal("INTEGRATION_TIMEOUT")
            raise Refusal("INTEGRATION_FAILURE")
        return proxy_response(result.answer, request, self._api.binary_media_types)

    def _find(self, request: Request, path: str) -> tuple[Resource, dict[str, str], Method]:
        found = self._api.match(path, request.method)
        if found is None:
            # The gateway then expects an AWS signature in the Authorization header. Access logs of real APIs have this
            # type for it, and not INVALID_SIGNATURE. Newer ones quote a hash of the header.
            header = request.header("Authorization")
            if header:
                message = f"'{header}' not a valid key=value pair (missing equal-sign) in Authorization header"
                raise Refusal("DEFAULT_4XX", message, HTTPStatus.FORBIDDEN, "IncompleteSignatureException")
            raise Refusal("MISSING_AUTHENTICATION_TOKEN")
        return found


def _mocked(mock: Mock, request: Request) -> Response:
    """Return the answer of a MOCK integration ("Method request behavior for payloads without mapping templates")."""
    if (_media_type(request) or "application/json") not in mock.request_types:
        raise Refusal("UNSUPPORTED_MEDIA_TYPE")
    return Response(mock.status, tuple(mock.headers.items()), mock.body.encode())


def _header_bytes(request: Request) -> int:
    line = f"{request.method} {request.target} HTTP/1.1"
    return sum(len(text.encode("latin-1", "replace")) for text in (line, *(value for _, value in request.headers)))


def _split(path: str) -> tuple[str, str]:
    stage, _, rest = path.removeprefix("/").partition("/")
    return stage, f"/{rest}"


def _media_type(request: Request) -> str:
    return (request.header("Content-Type") or "").partition(";")[0].strip().lower()


def _forwarded(request: Request) -> Request:
    """Return the request to forward, with the peer's address at the end of X-Forwarded-For."""
    before = request.header("X-Forwarded-For")
    kept = [pair for pair in request.headers if pair[0].lower() not in {"x-forwarded-for", "x-forwarded-proto"}]
    addresses = f"{before}, {SOURCE_IP}" if before else SOURCE_IP
    added = [("X-Forwarded-For", addresses), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Port", "443")]
    return Request(request.method, request.target, (*kept, *added), request.body)
