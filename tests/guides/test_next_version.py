"""A site with routes, hooks, words, settings and pages of its own takes a later version of ours, as the guide says."""

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from infra.site_aws import read_site_aws
from tests.guides.conftest import HOOKS, ONLY_ALICE, ROUTES
from tests.guides.conftest import PAGE_OF_ROUTES as ROUTES_OF_GUIDE
from tests.guides.markdown import ROOT, Page
from tests.guides.newcomer import clone, write

ROOM = Page("docs/your-site.md")
SETTINGS, STOCK, INDEX, AWS = (
    f"chalicelib/site/{name}" for name in ("settings.py", "stock.py", "static/index.html", "aws.json")
)
MAIL = "chalicelib/site/mails/en/reset.txt"
CONFIGURATION = ".chalice/config.json"
NOT_OURS = "chalicelib/site/"
UPGRADE = (ROOT / "docs" / "operations" / "upgrade.md").read_text("utf-8")
TOLD, TAKEN, JOINED, RESOLVED = re.findall(
    r"^```sh\n(.*?)^```", UPGRADE.split("\n## Deploy it")[0], re.MULTILINE | re.DOTALL
)
[STOPS] = re.findall(r"^```console\n\$ git merge .*?\n…\n(.*?)^```", UPGRADE, re.MULTILINE | re.DOTALL)
PAGE = "static-site/index.html"
REMOVED = "static-site/favicon.svg"
LINE_OF = {
    ".css": "/* Later. */",
    ".html": "<!-- Later. -->",
    ".js": "// Later.",
    ".md": "Later.",
    ".py": "# Later.",
    ".toml": "# Later.",
    ".yaml": "# Later.",
    ".yml": "# Later.",
}
GIT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    **{f"GIT_{who}_{what}": "a@site.example" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
}


def run(command, folder):
    return subprocess.run(
        ["bash", "-e", "-c", command], cwd=folder, env=GIT, capture_output=True, text=True, check=False
    )


def git(command, folder):
    done = run(f"git {command}", folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def begin(folder, subject):
    git("init --quiet --initial-branch=main", folder)
    commit(folder, subject)


def commit(folder, subject):
    git("add --all", folder)
    git(f"commit --quiet --message '{subject}'", folder)


def files_of_the_site():
    """What a site writes: all that the guides have it write, and a stage of its own."""
    *_, routes = ROUTES_OF_GUIDE.texts(ROUTES)
    config = json.loads((ROOT / CONFIGURATION).read_text("utf-8"))
    config["stages"]["dev"]["environment_variables"]["SITE_DELIVERY_DAYS"] = "5"
    config["stages"]["prod"] = {"environment_variables": {"SITE_DELIVERY_DAYS": "2"}}
    return {
        ROUTES: with_stock(routes),
        HOOKS: (ROOT / HOOKS).read_text("utf-8") + ONLY_ALICE,
        SETTINGS: ROOM.file(SETTINGS),
        STOCK: ROOM.file(STOCK),
        INDEX: ROOM.file(INDEX),
        **ROUTES_OF_GUIDE.files_below("chalicelib/site/static"),
        AWS: ROOM.file(AWS),
        MAIL: (ROOT / "chalicelib" / "mails" / "en" / "reset.txt").read_text("utf-8").replace("password", "key"),
        CONFIGURATION: json.dumps(config, indent=2) + "\n",
    }


def with_stock(routes):
    """Add to a module of routes what the guide says of others."""
    first, include = (line for line in ROOM.file(ROUTES).splitlines() if "stock" in line)
    begin = "routes = Routes()\n"
    assert routes.count(f"\n\n{begin}") == 1
    return routes.replace(f"\n\n{begin}", f"\n{first}\n\n{begin}{include}\n")


def make_later_version(folder):
    """Change whatever of ours may change: all files but those of the room, with some more and one less."""
    for name in git("ls-files", folder).splitlines():
        path = folder / name
        if not name.startswith(NOT_OURS) and path.suffix in LINE_OF:
            path.write_text(f"{path.read_text('utf-8')}\n{LINE_OF[path.suffix]}\n", "utf-8")
    for name, (before, after) in {
        "CHANGELOG.md": ("## 0.1.0", "## 0.2.0 – 2027-01-15\n\n### Added\n\n- A setting.\n\n## 0.1.0"),
        "infra/laptop.py": ('    "LYCHGATE_SITE_NAME": "Lychgate",\n', '    "LYCHGATE_SITE_NAME": "Later",\n'),
        PAGE: ("<title>", "<title>Later: "),
    }.items():
        text = (folder / name).read_text("utf-8")
        assert before in text
        (folder / name).write_text(text.replace(before, after, 1), "utf-8")
    write(
        {
            "static-site/orders.html": "<h1>Ours, of the same name</h1>",
            "static-site/later.html": "<h1>Later</h1>",
            "chalicelib/api/later.py": '"""Later."""\n',
            "chalicelib/mails/en/later.txt": "Later\n",
        },
        folder,
    )
    (folder / REMOVED).unlink()


@pytest.fixture(scope="module")
def upstream(tmp_path_factory):
    """Our repository, with two versions."""
    folder = clone(tmp_path_factory.mktemp("ours") / "lychgate")
    begin(folder, "The first version")
    git("tag v0.1.0", folder)
    make_later_version(folder)
    commit(folder, "A later version")
    git("tag v0.2.0", folder)
    return folder


@pytest.fixture
def site(upstream, tmp_path):
    """A site that was cloned at the first version, as the guide has it."""
    folder = tmp_path / "site"
    git(f"clone --quiet --branch main {upstream} {folder}", tmp_path)
    git("reset --quiet --hard v0.1.0", folder)
    done = run(TOLD, folder)
    assert done.returncode == 0, done.stderr
    write(files_of_the_site(), folder)
    commit(folder, "What is ours")
    return folder


def test_what_a_site_pushes_goes_to_its_own_repository(site, tmp_path):
    branch = git("rev-parse --abbrev-ref HEAD", site)
    assert branch == "main"
    assert run("git rev-parse --abbrev-ref main@{upstream}", site).returncode != 0
    git(f"init --quiet --bare {tmp_path / 'its-own'}", tmp_path)
    git(f"remote set-url origin {tmp_path / 'its-own'}", site)
    [first] = re.findall(r"`(git push --set.*?)`", UPGRADE)
    assert run(first, site).returncode == 0
    assert git("rev-parse --abbrev-ref main@{upstream}", site) == "origin/main"
    assert git("rev-parse main", tmp_path / "its-own") == git("rev-parse HEAD", site)


def test_a_later_version_leaves_the_site_as_it_is_and_the_site_runs_with_it(site, start):
    done = run(TAKEN, site)
    assert done.returncode == 0, done.stdout + done.stderr
    assert git("status --porcelain", site) == ""
    assert git(f"diff --name-only HEAD^1 HEAD -- {NOT_OURS} .chalice", site) == ""
    ours = git("diff --name-only HEAD^2 HEAD", site).splitlines()
    assert set(ours) == set(files_of_the_site())
    assert not (site / REMOVED).exists()

    server = start(checkout=site)

    stock = {"planks": 12, "delivery_days": 5, "carrier": "post"}
    assert answer(server, "/api/stock") == (200, json.dumps(stock, separators=(",", ":")))
    assert answer(server, "/api/menu")[0] == 200
    assert answer(server, "/api/greeting")[0] == 401
    refused = answer(server, "/api/auth/register", {"username": "Bob", "password": "correct horse battery staple"})
    assert (refused[0], "Be Alice." in refused[1]) == (422, True)
    paths = json.loads(answer(server, "/api/openapi.json")[1])["paths"]
    assert {"/stock", "/menu", "/greeting", "/orders"} <= set(paths)
    assert answer(server, "/") == (200, ROOM.file(INDEX))
    assert "Ours" not in answer(server, "/orders.html")[1]
    assert answer(server, "/later.html") == (200, "<h1>Later</h1>")


def answer(server, path, members=None):
    data = None if members is None else json.dumps(members).encode()
    request = urllib.request.Request(server.url + path, data, {"Content-Type": "application/json"} if data else {})
    try:
        with urllib.request.urlopen(request) as found:
            return found.status, found.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_what_the_guides_have_one_write_is_as_the_rules_of_the_house_say(site):
    assert [*read_site_aws(site).operations] == ["sns"]
    assert len(read_site_aws(site).statements_at(Partition="aws", Region="r", Account="1", Stage="prod")) == 2
    for command in ("check --no-cache", "format --no-cache --check"):
        done = run(f"{sys.executable} -m ruff {command} {ROUTES} {SETTINGS} {STOCK}", site)
        assert done.returncode == 0, done.stdout


def test_a_site_that_began_from_a_template_takes_it_once_its_history_is_joined_to_ours(site, upstream, tmp_path):
    began = tmp_path / "began"
    shutil.copytree(upstream, began, symlinks=True)
    git("checkout --quiet --force v0.1.0", began)
    shutil.rmtree(began / ".git")
    begin(began, "Initial commit")
    write(files_of_the_site(), began)
    commit(began, "What is ours")
    before = git("rev-parse HEAD^{tree}", began)
    alone = run(f"git fetch --tags --quiet {upstream} && git merge v0.2.0", began)
    assert "refusing to merge unrelated histories" in alone.stderr

    done = run(JOINED.replace("https://example.org/lychgate.git", str(upstream)), began)
    assert done.returncode == 0, done.stdout + done.stderr
    assert git("rev-parse HEAD^{tree}", began) == before

    assert run(TAKEN, began).returncode == 0
    assert run(TAKEN, site).returncode == 0
    assert git("rev-parse HEAD^{tree}", began) == git("rev-parse HEAD^{tree}", site)


def test_a_site_that_changed_a_file_of_ours_is_told_which_and_may_take_ours_or_go_back(site):
    page = site / PAGE
    page.write_text(page.read_text("utf-8").replace("<title>", "<title>My: ", 1), "utf-8")
    write({"Makefile": "# Mine.\n" + (site / "Makefile").read_text("utf-8")}, site)
    commit(site, "A change of theirs")
    [shown] = [text for text in re.findall(r"^```sh\n(.*?)^```", ROOM.text, re.MULTILINE | re.DOTALL) if "diff" in text]
    git("fetch --quiet upstream", site)
    assert {line.split("|")[0].strip() for line in run(shown, site).stdout.splitlines()[:-1]} == {PAGE, "Makefile"}

    stopped = run(TAKEN, site)
    assert stopped.returncode == 1
    assert stopped.stdout.endswith(STOPS)
    assert stopped.stdout.count("CONFLICT") == 1
    git("merge --abort", site)
    assert "<title>My: " in page.read_text("utf-8")

    assert run(TAKEN, site).returncode == 1
    done = run(RESOLVED, site)
    assert done.returncode == 0, done.stderr
    assert git("status --porcelain", site) == ""
    assert "<title>Later: " in page.read_text("utf-8")
    assert (site / "Makefile").read_text("utf-8").startswith("# Mine.\n")
    assert git(f"diff --name-only HEAD^1 HEAD -- {NOT_OURS} .chalice", site) == ""
