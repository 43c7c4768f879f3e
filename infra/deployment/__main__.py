"""`python -m infra.deployment COMMAND STAGE`: deploys a stage to AWS, watches it, rolls it back, or removes it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from infra.deployment.alone import alone
from infra.deployment.checks.all_checks import check_all
from infra.deployment.dependencies import DEFAULTS, Dependencies
from infra.deployment.deploy import Request, deploy
from infra.deployment.deployer import deployer_policies, print_policies
from infra.deployment.destroy import destroy
from infra.deployment.errors import DeploymentError, explained
from infra.deployment.plan import plan
from infra.deployment.preflight import check, refuse_unusable
from infra.deployment.progress import Progress, Say
from infra.deployment.shipping import commands as shipping
from infra.deployment.template import parameter_names
from infra.local.environment import PROJECT

# The exit code of a program that SIGINT ended: 128 + 2.
_INTERRUPTED = 130


def main(arguments: list[str] | None = None, *, say: Say | None = None, dependencies: Dependencies = DEFAULTS) -> int:
    """Run the command and return the exit code."""
    options = _parser().parse_args(arguments)
    progress = Progress(say)
    try:
        with explained():
            if options.command in shipping.COMMANDS:
                shipping.run(options, progress, dependencies)
            elif options.command == "policy":
                _policy(options)
            elif options.command == "destroy":
                with alone(options.project):
                    destroy(
                        options.stage,
                        options.project,
                        progress,
                        lambda question: options.yes_delete or _answer(question, dependencies),
                        dependencies,
                        with_data=options.with_data,
                    )
            else:
                request = Request(
                    options.stage,
                    options.project,
                    dict(options.parameter),
                    new_secret=options.new_secret,
                    mail_from=options.mail_from,
                    smoke=not options.no_smoke,
                )
                if options.check:
                    checked = check_all(
                        request.stage,
                        request.project,
                        request.parameters,
                        progress,
                        dependencies,
                        mail_from=request.mail_from,
                    )
                    return 0 if checked else 1
                if options.dry_run:
                    plan(request, progress, dependencies)
                else:
                    with alone(options.project):
                        deploy(request, progress, dependencies)
    except DeploymentError as error:
        sys.stderr.write(f"{options.command}: {progress.step}: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write(
            f"\n{options.command}: stopped at: {progress.step}. AWS continues what it has begun. Run"
            f" `make {options.command} STAGE={options.stage}` again to continue.\n"
        )
        return _INTERRUPTED
    return 0


def _policy(options: argparse.Namespace) -> None:
    parameters = dict(options.parameter)
    if options.account and options.region:
        refuse_unusable(options.stage, options.project, parameters)
        partition, region, account = options.partition, options.region, options.account
    else:
        place = check(options.stage, options.project, parameters)
        partition, region, account = place.partition, place.region, place.account_id
    documents = deployer_policies(
        options.stage, partition=partition, region=region, account=account, parameters=parameters
    )
    for text in print_policies(documents, options.to):
        sys.stdout.write(f"{text}\n")


def _answer(question: str, dependencies: Dependencies) -> str:
    try:
        return dependencies.ask(question).strip()
    except EOFError:
        raise DeploymentError(
            "there is no terminal to confirm this on: name the stage with --yes-delete STAGE"
        ) from None


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("stage", help="a stage of .chalice/config.json, such as prod; created if it does not exist")
    common.add_argument("--project", type=Path, default=PROJECT, help=argparse.SUPPRESS)
    parser = argparse.ArgumentParser(prog="python -m infra.deployment", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser(
        "deploy",
        parents=[common],
        help="create or update the resources of the stage",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="parameters, which keep their values until they are given again:\n"
        + "\n".join(f"  {name:17} {description}" for name, description in parameter_names().items()),
    )
    up.add_argument("--check", action="store_true", help="look whether a deployment would fail, and change nothing")
    up.add_argument("--dry-run", action="store_true", help="print what would be done, and change nothing")
    up.add_argument("--parameter", type=_parameter, action="append", default=[], metavar="NAME=VALUE", help="see below")
    up.add_argument(
        "--mail-from",
        metavar="ADDRESS",
        help='send mails from this address, "" for none; it is kept in .chalice/config.json',
    )
    up.add_argument("--new-secret", action="store_true", help="replace the distribution's secret")
    up.add_argument("--no-smoke", action="store_true", help="skip the smoke test")
    allowed = commands.add_parser("policy", parents=[common], help="print the IAM policies of who deploys the stage")
    allowed.add_argument("--account", metavar="ID", help="with --region, instead of those of the credentials")
    allowed.add_argument("--region", help="see --account")
    allowed.add_argument("--partition", default="aws", help="see --account (aws)")
    allowed.add_argument(
        "--parameter", type=_parameter, action="append", default=[], metavar="NAME=VALUE", help="as for deploy"
    )
    allowed.add_argument(
        "--to", type=Path, metavar="FOLDER", help="write a file for each, and print what to do with it"
    )
    down = commands.add_parser("destroy", parents=[common], help="remove the stage")
    down.add_argument("--with-data", action="store_true", help="delete accounts, logs and signing keys as well")
    down.add_argument("--yes-delete", metavar="STAGE", help="the stage's name again, instead of the question")
    shipping.add_commands(commands, common)
    return parser


def _parameter(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=VALUE")
    return name, value


if __name__ == "__main__":
    sys.exit(main())
