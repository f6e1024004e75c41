"""The image's recipe, checked by what needs no engine: no engine runs where these tests do."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

from deploy.containerfile import CONTAINERFILE, ROOT, Instruction, is_exact, stages

BUILD, RUNTIME = stages(CONTAINERFILE.read_text())
MEMBERS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["workspace"]["members"]


def of(stage: list[Instruction], name: str) -> list[Instruction]:
    return [instruction for instruction in stage if instruction.name == name]


def copied(stage: list[Instruction], *, before: str = "") -> set[str]:
    """Return what a stage copies from the repository, up to the first RUN that holds `before`."""
    found: set[str] = set()
    for instruction in stage:
        if instruction.name == "RUN" and before and before in instruction.text:
            break
        if instruction.name == "COPY" and "--from" not in instruction.text:
            found.update(instruction.words[:-1])
    return found


def test_the_linter_of_containerfiles_finds_nothing() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")

    found = subprocess.run([hadolint, CONTAINERFILE], capture_output=True, text=True, check=False, timeout=30)

    assert (found.returncode, found.stdout) == (0, "")


def test_both_stages_begin_with_the_same_exact_image() -> None:
    images = {of(stage, "FROM")[0].words[0] for stage in (BUILD, RUNTIME)}

    assert len(images) == 1
    assert is_exact(*images)


@pytest.mark.parametrize(
    "image", ["python:3.11.14-slim", "docker.io/library/python", "docker.io/library/python:latest", "docker.io/p/q:3"]
)
def test_an_image_that_could_be_another_one_tomorrow_is_told_apart(image: str) -> None:
    assert not is_exact(image)


def test_the_image_runs_under_an_account_without_rights_that_is_given_by_number() -> None:
    (user,) = of(RUNTIME, "USER")
    account, group = map(int, user.text.split(":"))

    assert account > 0
    assert group > 0
    # Nothing is written, and so nothing owned by root, after it.
    assert {instruction.name for instruction in RUNTIME[RUNTIME.index(user) :]}.isdisjoint({"RUN", "COPY", "ADD"})


def test_the_process_gets_the_signal_itself() -> None:
    started = [*of(RUNTIME, "ENTRYPOINT"), *of(RUNTIME, "CMD")]

    assert len(started) == 2
    assert all(instruction.exec_form for instruction in started)
    assert [instruction.text for instruction in of(RUNTIME, "STOPSIGNAL")] == ["SIGTERM"]


def test_dependencies_are_installed_from_the_lock_and_the_members_descriptions_alone() -> None:
    described = copied(BUILD, before="--no-install-workspace")

    assert described == {"pyproject.toml", "uv.lock", *(f"{member}/pyproject.toml" for member in MEMBERS)}


def test_every_member_of_the_workspace_is_in_the_image() -> None:
    folders = {name for name in copied(BUILD) if (ROOT / name).is_dir()}

    assert [member for member in MEMBERS if not any(member == f or member.startswith(f"{f}/") for f in folders)] == []


def test_all_that_is_copied_exists_and_nothing_else_is_sent_to_the_engine() -> None:
    ignored = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    sent = {line.removeprefix("!") for line in ignored if line.startswith("!")}

    assert ignored[0] == "*"
    for name in copied(BUILD) | copied(RUNTIME):
        assert (ROOT / name).exists()
        assert any(name == one or name.startswith(f"{one}/") for one in sent), name
    assert all(any(name.startswith(one) for name in copied(BUILD) | copied(RUNTIME)) for one in sent)
    assert "**/__pycache__" in ignored


def test_every_sync_takes_the_lock_as_it_is_and_leaves_out_what_developers_need() -> None:
    syncs = [instruction.text for instruction in of(BUILD, "RUN") if "uv sync" in instruction.text]

    assert len(syncs) == 2
    assert all("--frozen --no-dev" in sync for sync in syncs)
    assert "--no-editable" in syncs[-1]


def test_the_tools_and_steps_are_those_of_the_repository() -> None:
    """One uv, one way to compile the kernel, one Python, one version, wherever Fraudline is installed."""
    text = CONTAINERFILE.read_text()
    uv = re.search(r"^PINNED=(\S+)$", (ROOT / "tools" / "uv").read_text(), re.MULTILINE)
    compiling = re.search(r"(-m fraudline\.models\.\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    python = re.search(r"python:(\d+\.\d+)\.", text)
    assert uv is not None
    assert compiling is not None
    assert python is not None

    assert f"uv=={uv[1]}\n" in text
    assert compiling[1] in text
    assert set(re.findall(r"python(3\.\d+)", text)) == {python[1]}
    assert f'image.version="{version("fraudline")}"' in text


def test_no_secret_is_built_in_and_nothing_fetched_unseen() -> None:
    for stage in (BUILD, RUNTIME):
        assert of(stage, "ADD") == []
        for instruction in (*of(stage, "ARG"), *of(stage, "ENV")):
            assert re.search(r"PASSWORD|SECRET|TOKEN|_KEY|_URL", instruction.text) is None
