"""The lock: what ships, each version with the hashes of its files, and what pip makes of it. No test uses an index."""

import base64
import hashlib
import os
import sys
import zipfile

import pytest
from click import ClickException

from infra.chalice_cli.wheels import NotPackaged, Runtime, fetch_wheels, read_lock
from tests.support.packaging_project import chalice, copy_of_the_project

THIS = Runtime(
    f"python{sys.version_info.major}.{sys.version_info.minor}",
    f"cp{sys.version_info.major}{sys.version_info.minor}",
    ("manylinux_2_17_x86_64",),
)
MADE_UP = 64 * "0"


@pytest.fixture(autouse=True)
def index(tmp_path, monkeypatch):
    """A folder of wheels, the only place where pip looks."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def wheel(index, name, *, needs=(), code="", tag="py3-none-any"):
    """Put a wheel into the index and return its entry for a lock."""
    metadata = [f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0", *(f"Requires-Dist: {each}" for each in needs)]
    files = {
        f"{name}.py": code.encode(),
        f"{name}-1.0.dist-info/METADATA": "\n".join(metadata).encode(),
        f"{name}-1.0.dist-info/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n".encode(),
    }
    record = "".join(f"{path},sha256={_in_a_record(content)},{len(content)}\n" for path, content in files.items())
    files[f"{name}-1.0.dist-info/RECORD"] = record.encode()
    path = index / f"{name}-1.0-{tag}.whl"
    with zipfile.ZipFile(path, "w") as opened:
        for file, content in files.items():
            opened.writestr(zipfile.ZipInfo(file), content)
    return f"{name}==1.0 --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


def _in_a_record(content):
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def fetch(tmp_path, *entries, runtime=THIS):
    (tmp_path / "requirements.txt").write_text("\n".join(entries))
    fetch_wheels(read_lock(tmp_path), runtime, tmp_path / "package")
    return {path.name for path in (tmp_path / "package").glob("*.py")}


def test_what_the_lock_lists_is_fetched_and_unpacked(tmp_path, index):
    lock = wheel(index, "ships", needs=["below"]), wheel(index, "below")
    wheel(index, "beside")

    assert fetch(tmp_path, *lock) == {"ships.py", "below.py"}


def test_a_wheel_of_another_hash_stops_it_before_anything_is_unpacked(tmp_path, index):
    below = wheel(index, "below")
    lock = wheel(index, "ships"), below
    assert wheel(index, "below", code="import tampered") != below

    with pytest.raises(NotPackaged, match=r"(?s)below==1\.0.*Find out who changed it") as stopped:
        fetch(tmp_path, *lock)

    assert isinstance(stopped.value, ClickException), "Chalice shows it without a traceback"
    assert list((tmp_path / "package").iterdir()) == []


def test_one_of_several_hashes_is_enough_since_a_version_has_a_file_for_each_platform(tmp_path, index):
    entry = wheel(index, "ships")

    assert fetch(tmp_path, entry.replace(" --hash", f" --hash=sha256:{MADE_UP} --hash")) == {"ships.py"}


def test_a_dependency_that_is_not_in_the_lock_stops_it(tmp_path, index):
    lock = wheel(index, "ships", needs=["below==1.0"])
    wheel(index, "below")

    with pytest.raises(NotPackaged, match=r"ships needs below==1\.0, and requirements\.txt has none\. Run `make lock`"):
        fetch(tmp_path, lock)

    assert not (tmp_path / "package").exists()


def test_a_dependency_that_is_locked_in_a_version_that_does_not_do_stops_it(tmp_path, index):
    lock = wheel(index, "ships", needs=["below>=2"])

    with pytest.raises(NotPackaged, match=r"ships needs below>=2"):
        fetch(tmp_path, lock, wheel(index, "below"))


@pytest.mark.parametrize("python", ["python3.11", "python3.12", "python3.13"])
def test_the_runtime_and_not_the_python_that_deploys_decides_what_is_needed(tmp_path, index, python):
    runtime = Runtime(python, python.replace("python", "cp").replace(".", ""), ("manylinux_2_17_aarch64",))
    needs = ["below==1.0 ; python_version < '3.12'", "elsewhere ; platform_machine == 'x86_64'", "more ; extra == 'x'"]
    lock = wheel(index, "ships", needs=needs)
    below = wheel(index, "below").replace(" --hash", " ; python_full_version < '3.12' --hash")
    elsewhere = wheel(index, "elsewhere").replace(" --hash", " ; platform_machine != 'aarch64' --hash")

    fetched = fetch(tmp_path, lock, below, elsewhere, runtime=runtime)

    assert fetched == ({"ships.py", "below.py"} if python == "python3.11" else {"ships.py"})


def test_a_version_of_which_there_is_no_wheel_for_the_runtime_stops_it(tmp_path, index):
    lock = wheel(index, "ships", tag="py3-none-manylinux_2_17_aarch64")

    with pytest.raises(NotPackaged, match=r"(?s)ships==1\.0.*no such wheel for python3\.\d+ on x86_64.*architecture"):
        fetch(tmp_path, lock)

    arm = Runtime(THIS.python, THIS.abi, ("manylinux_2_17_aarch64",))
    (tmp_path / "package").rmdir()
    assert fetch(tmp_path, lock, runtime=arm) == {"ships.py"}, "it is for this one"


def test_nothing_is_built_from_source(tmp_path, index):
    content = b"never unpacked"
    (index / "ships-1.0.tar.gz").write_bytes(content)

    with pytest.raises(NotPackaged, match="nothing is built from source"):
        fetch(tmp_path, f"ships==1.0 --hash=sha256:{hashlib.sha256(content).hexdigest()}")


@pytest.mark.parametrize(
    "entry",
    [
        "ships==1.0",
        "ships",
        f"ships>=1.0 --hash=sha256:{MADE_UP}",
        f"ships==1.0 --hash=md5:{32 * '0'}",
        f"ships==1.0 --hash=sha256:{MADE_UP[1:]}",
        f"ships @ file:///ships.whl --hash=sha256:{MADE_UP}",
        "ships==1.0 ; python_version >= '3'",
        "-r other.txt",
        "--extra-index-url http://127.0.0.1/",
        "-e .",
    ],
)
def test_an_entry_without_a_version_and_its_hashes_stops_it_and_is_named(tmp_path, index, entry):
    with pytest.raises(NotPackaged, match="run `make lock`") as stopped:
        fetch(tmp_path, wheel(index, "below"), entry)

    assert entry[:40] in str(stopped.value)
    assert not (tmp_path / "package").exists()


def test_a_lock_that_is_missing_is_an_error_that_says_how_it_is_made(tmp_path):
    with pytest.raises(NotPackaged, match=r"cannot be read.*`make lock` writes it"):
        read_lock(tmp_path)


def test_a_lock_of_nothing_ships_nothing(tmp_path):
    assert fetch(tmp_path, "# nothing") == set()


def test_chalice_package_says_in_a_line_what_to_do_and_makes_no_package(tmp_path, index):
    entry = wheel(index, "ships")
    wheel(index, "ships", code="import tampered")
    project = copy_of_the_project(tmp_path / "project")
    (project / "requirements.txt").write_text(entry)

    with pytest.raises(AssertionError) as failed:
        chalice(project, "package", "--stage", "test", str(tmp_path / "out"))

    assert str(failed.value).partition("\nassert")[0].splitlines()[-1].startswith("A file is not the one that")
    assert "Traceback" not in str(failed.value)
    assert not (project / ".chalice" / "deployments").exists()
    assert not (tmp_path / "out").exists()
