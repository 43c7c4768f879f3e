"""moto's services as WSGI applications, without what they need for requests that nobody sends here."""

from typing import TYPE_CHECKING, Any, Literal

from moto.moto_server.werkzeug_app import create_backend_app

from chalicelib.deferred import left_out, module_of

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


class _Ec2WhenAsked:
    def __getitem__(self, account: str) -> Any:  # noqa: ANN401 - moto's own
        from moto.ec2.models import ec2_backends  # noqa: PLC0415 - see below

        return ec2_backends[account]


# SSM asks EC2 which machines a command goes to, and nothing else. To import EC2 takes longer than all else of a start.
with left_out({"moto.ec2": module_of("moto.ec2", ec2_backends=_Ec2WhenAsked())}):
    import moto.ssm.models  # noqa: F401


def application_of(service: Literal["dynamodb", "ssm"]) -> "WSGIApplication":
    """Return what answers the requests of a service."""
    application: WSGIApplication = create_backend_app(service)
    return application
