"""The names by which commands know a stage: the laptop's, and that of the one which `make deploy` deploys."""

LAPTOP = "dev"
"""The stage of `make dev` and `chalice local`. It is not deployed."""

DEPLOYING = "MAKE_DEPLOY_STAGE"
"""The environment variable in which `make deploy` tells Chalice which stage it deploys, after it looked at AWS."""


FUNCTIONS = ("api_handler", "authorizer", "mailer", "webhooks")
"""The functions of a stage, by Chalice's names."""


def policy_file(stage: str, function: str) -> str:
    """Return the name of the file in .chalice/ with a function's policy."""
    return f"policy-{stage}-{function}.json"
