"""`python -m infra.examples [NAME …]`: runs the development server with the examples, all or those that are named."""

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack

from infra.examples.another_origin import USUAL_PORT as SHOPS_PORT
from infra.examples.another_origin import AnotherOrigin
from infra.examples.example import CommandLine, Example, Members
from infra.examples.processes import DevelopmentServer, kill_all
from infra.examples.vite_react import USUAL_PORT as VITES_PORT
from infra.examples.vite_react import ViteReact
from infra.local.errors import LocalError
from infra.local.interruption import Interruption
from infra.local.output import say
from infra.local.ports import port_number

_ORIGINS = "LYCHGATE_ALLOWED_ORIGINS"
_LOOK_SECONDS = 0.2


def main() -> int:
    """Run until interrupted and return the exit code."""
    options = _parser().parse_args()
    # Before anything is started, so that Ctrl-C always ends all of it.
    interruption = Interruption(kill_all)
    try:
        with ExitStack() as stack:
            examples, left_out = _prepare(options, os.environ, stack)
            server = _serve(examples, os.environ, stack)
            url = server.until_ready()
            places = {name: example.start(url) for name, example in examples.items()}
            say("")
            for name, place in {**places, **left_out}.items():
                say(f"{name:15} {place}")
            say(f"\nThey need an account: {url}/#signup makes one. Ctrl-C ends all of it.")
            while not interruption.comes_within(_LOOK_SECONDS):
                server.must_run()
                for example in examples.values():
                    example.must_run()
            say("Ending.")
    except LocalError as error:
        sys.stderr.write(f"lychgate: {error}\n")
        return 1
    return 0


def _makers(options: argparse.Namespace, environ: Mapping[str, str]) -> dict[str, Callable[[], Example]]:
    return {
        "members": Members,
        "another-origin": lambda: AnotherOrigin(options.another_origin_port),
        "vite-react": lambda: ViteReact(options.vite_react_port, environ),
        "command-line": CommandLine,
    }


def _prepare(
    options: argparse.Namespace, environ: Mapping[str, str], stack: ExitStack
) -> tuple[dict[str, Example], dict[str, str]]:
    """Return the examples by their names, and why others are left out: who has asked for all gets all that can be."""
    makers = _makers(options, environ)
    unknown = [name for name in options.names if name not in makers]
    if unknown:
        raise LocalError(f"there is no example {', '.join(unknown)}. There are {', '.join(makers)}.")
    examples: dict[str, Example] = {}
    left_out: dict[str, str] = {}
    for name in options.names or makers:
        try:
            examples[name] = makers[name]()
        except LocalError as error:
            if options.names:
                raise
            left_out[name] = f"is left out: {error}"
        else:
            stack.callback(examples[name].stop)
    return examples, left_out


def _serve(examples: Mapping[str, Example], environ: Mapping[str, str], stack: ExitStack) -> DevelopmentServer:
    origins = [environ.get(_ORIGINS), *(example.origin for example in examples.values())]
    arguments = [argument for example in examples.values() for argument in example.arguments]
    server = DevelopmentServer(arguments, {**environ, _ORIGINS: ",".join(filter(None, origins))})
    stack.callback(server.stop)
    return server


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.examples", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="members, another-origin, vite-react or command-line")
    for name, usual in (("another-origin", SHOPS_PORT), ("vite-react", VITES_PORT)):
        parser.add_argument(
            f"--{name}-port", type=port_number, default=usual, help=f"port of this page; 0: any free one ({usual})"
        )
    return parser


if __name__ == "__main__":
    sys.exit(main())
