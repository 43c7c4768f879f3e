"""Which versions are kept, and what Chalice's plan of a REST API becomes."""

from types import SimpleNamespace

import pytest
from chalice.deploy.models import APICall, CopyVariable

from infra.chalice_cli.live_version import publishing
from infra.versions import Version, superfluous


def plain(*numbers):
    return [Version(number, has_snapshot=False) for number in numbers]


def snapshots(*numbers):
    return [Version(number, has_snapshot=True) for number in numbers]


@pytest.mark.parametrize(
    ("versions", "live", "used", "deleted"),
    [
        ([], 1, set(), []),
        (plain(5, 4, 3, 2, 1), 5, {5}, []),
        (plain(7, 6, 5, 4, 3, 2, 1), 7, {7}, [2, 1]),
        (plain(7, 6, 5, 4, 3, 2, 1), 7, {7, 1}, [2]),  # somebody's alias
        (snapshots(3, 2, 1), 3, {3}, [1]),
        (snapshots(3) + plain(2, 1), 3, {3}, []),
        (plain(4) + snapshots(3, 2), 4, {4}, [3, 2]),  # SnapStart was switched off: they would go on to cost
        (plain(4) + snapshots(3, 2), 4, {4, 3}, [2]),
        (snapshots(4) + plain(3) + snapshots(2, 1), 4, {4}, [1]),
        (plain(5, 4, 3), 3, {3}, []),  # after a rollback
    ],
)
def test_the_versions_for_a_rollback_are_kept_and_only_one_with_a_snapshot(versions, live, used, deleted):
    assert superfluous(versions, live, used) == deleted


API, ADMIN, AUTHORIZER = "lychgate-prod", "lychgate-prod-admin", "lychgate-prod-authorizer"


def planned(snap_start=None, runtime="python3.13"):
    api, admin, authorizer = (
        SimpleNamespace(resource_name=resource, function_name=name, runtime=runtime, snap_start=snap_start)
        for resource, name in (("api_handler", API), ("admin", ADMIN), ("authorizer", AUTHORIZER))
    )
    permit = [APICall("add_permission_for_apigateway", {"function_name": name}) for name in (API, AUTHORIZER, ADMIN)]
    chalices = [CopyVariable("api_handler_lambda_arn_of_chalice", "api_handler_lambda_arn"), *permit]
    rest_api = SimpleNamespace(lambda_function=api, authorizers=[authorizer, admin])
    return publishing(lambda _stage, _resource: chalices)(None, rest_api)


@pytest.mark.parametrize(("setting", "on"), [(None, False), (False, False), (True, True)])
def test_the_version_is_published_before_the_api_names_it_and_the_old_ones_go_last(setting, on):
    plan = planned(setting)
    assert [getattr(step, "method_name", "") for step in plan] == [
        "",
        "publish_live",
        "publish_live",
        "add_permission_for_apigateway",
        "add_permission_for_apigateway",
        "add_permission_for_apigateway",
        "remove_old_versions",
        "remove_old_versions",
    ]
    assert [step.params for step in plan[1:3]] == [{"function_name": name, "snap_start": on} for name in (ADMIN, API)]
    assert [step.output_var for step in plan[1:3]] == ["admin_lambda_arn", "api_handler_lambda_arn"]
    assert [step.params["function_name"] for step in plan[3:6]] == [f"{API}:live", AUTHORIZER, f"{ADMIN}:live"]


@pytest.mark.parametrize(
    ("setting", "runtime", "message"),
    [
        ("on", "python3.13", "is true or false, and not 'on'"),
        (1, "python3.13", "is true or false"),
        ([True], "python3.13", "is true or false"),
        (True, "python3.11", "needs python3.12 or newer on Lambda, and this would deploy python3.11"),
    ],
)
def test_a_setting_that_cannot_hold_ends_the_command_before_anything_is_done(setting, runtime, message):
    with pytest.raises(SystemExit, match=message):
        planned(setting, runtime)


def test_a_runtime_that_is_too_old_does_not_matter_where_snap_start_is_off():
    assert planned(False, "python3.11")
