"""The names by which commands know a stage: the laptop's, and that of the one which `make deploy` deploys."""

LAPTOP = "dev"
"""The stage of `make dev` and `chalice local`. It is not deployed."""

DEPLOYING = "MAKE_DEPLOY_STAGE"
"""The environment variable in which `make deploy` tells Chalice which stage it deploys, after it looked at AWS."""


FUNCTIONS = ("api_handler", "authorizer", "mailer", "admin", "webhooks")
"""The functions of a stage, by Chalice's names."""

ANSWERING = ("api_handler", "admin")
"""Those of them that answer requests. Of each of these versions are published, one of which is live."""


def function_name(app: str, stage: str, function: str) -> str:
    """Return the name of a function in Lambda, as Chalice gives it."""
    return f"{app}-{stage}" if function == "api_handler" else f"{app}-{stage}-{function}"


def policy_file(stage: str, function: str) -> str:
    """Return the name of the file in .chalice/ with a function's policy."""
    return f"policy-{stage}-{function}.json"
