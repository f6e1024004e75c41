"""What is missing is installed by the machine's packages, quietly, and once."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from fraudline.local import install
from fraudline.local.errors import InstallFailedError, NoServerFoundError
from fraudline.local.prometheus import PrometheusPrograms, bring_prometheus, find_prometheus

PROGRAMS = PrometheusPrograms(Path("/usr/bin/prometheus"), Path("/usr/bin/promtool"))


def quiet(_line: str) -> None:
    """Nobody listens."""


class Machine:
    """A machine that notes what it is told to run; the first installation brings `brought` units."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.commands: list[str] = []
        self.refuses: set[str] = set()
        self.brought: list[str] = []
        self.units = folder / "units"
        self.units.mkdir()
        units_of = install._units  # noqa: SLF001 - the machine's own folder is not to be looked at
        monkeypatch.setattr(install, "_run", self.run)
        monkeypatch.setattr(install, "_as_root", list)
        monkeypatch.setattr(install, "_units", lambda: units_of(self.units))
        monkeypatch.setattr(install.shutil, "which", lambda name: name)

    def run(self, command: Sequence[str]) -> None:
        line = " ".join(command)
        self.commands.append(line)
        if line in self.refuses:
            self.refuses.remove(line)
            raise InstallFailedError(f"`{line}` failed with code 100")
        if line.startswith("apt-get install"):
            for unit in self.brought:
                (self.units / unit).touch()

    @property
    def apt(self) -> list[str]:
        return [line for line in self.commands if line.startswith("apt-get")]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    return Machine(monkeypatch, tmp_path)


INSTALL = "apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=120 chromium fonts-dejavu-core"
REFRESH = "apt-get update -q -o DPkg::Lock::Timeout=120"


def test_several_packages_are_installed_at_once_without_what_they_merely_recommend(machine: Machine) -> None:
    told: list[str] = []

    install.install_by_apt(["chromium", "fonts-dejavu-core"], told.append)

    assert machine.apt == [INSTALL]
    assert told == ["installing chromium and fonts-dejavu-core by apt (no service of the system is started by it)"]


def test_the_package_lists_are_refreshed_when_the_first_try_shows_that_they_are_old(machine: Machine) -> None:
    machine.refuses = {INSTALL}

    install.install_by_apt(["chromium", "fonts-dejavu-core"], quiet)

    assert machine.apt == [INSTALL, REFRESH, INSTALL]


def test_services_that_came_along_do_not_start_at_the_next_boot_and_those_of_before_are_left_alone(
    machine: Machine,
) -> None:
    (machine.units / "ssh.service").touch()
    machine.brought = ["prometheus.service", "prometheus.timer", "README"]
    (machine.units / "alias.service").symlink_to("ssh.service")

    install.install_by_apt(["prometheus"], quiet)

    assert machine.commands[-1] == "systemctl disable prometheus.service prometheus.timer"


def test_one_installation_waits_for_another_of_the_same_process(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_work, goes_on, told = threading.Event(), threading.Event(), threading.Event()

    def run_slowly(command: Sequence[str]) -> None:
        machine.run(command)
        if "slow" in command:
            at_work.set()
            goes_on.wait(5)

    monkeypatch.setattr(install, "_run", run_slowly)
    slow = threading.Thread(target=install.install_by_apt, args=(["slow"], quiet))
    slow.start()
    assert at_work.wait(5)
    second = threading.Thread(target=install.install_by_apt, args=(["second"], lambda _line: told.set()))
    second.start()
    assert told.wait(5)
    assert not any(line.endswith("second") for line in machine.commands)

    goes_on.set()
    slow.join(5)
    second.join(5)

    assert [line.rsplit(" ", 1)[1] for line in machine.apt] == ["slow", "second"]


@pytest.mark.parametrize(("can", "line"), [("can_apt", INSTALL), ("can_brew", "brew install chromium")])
def test_what_is_missing_is_brought_by_the_way_that_the_machine_has(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, can: str, line: str
) -> None:
    for way in ("can_apt", "can_brew"):
        monkeypatch.setattr(install, way, lambda is_there=(way == can): is_there)

    found, tried = install.bring(
        lambda: "chromium" if line in machine.commands else None,
        packages=["chromium", "fonts-dejavu-core"],
        formula="chromium",
        tell=quiet,
    )

    assert (found, tried) == ("chromium", [])


@pytest.fixture
def never_installs(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Let apt be there and refuse everything; what it was asked for."""
    monkeypatch.setattr(install, "can_apt", lambda: True)
    monkeypatch.setattr(install, "can_brew", lambda: False)
    install_line = INSTALL.replace("chromium fonts-dejavu-core", "prometheus")
    machine.refuses = {install_line, REFRESH}
    return lambda: machine.apt


def test_a_prometheus_that_cannot_be_had_is_an_error_that_tells_the_ways_out_and_what_was_tried(
    never_installs: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fraudline.local.prometheus.find_prometheus", lambda: None)

    with pytest.raises(NoServerFoundError, match=r"(?s)apt-get install prometheus.*brew install.*failed with code 100"):
        bring_prometheus(quiet)

    assert len(never_installs()) == 2


def test_a_prometheus_that_is_there_is_taken_and_nothing_installed(
    never_installs: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fraudline.local.prometheus.find_prometheus", lambda: PROGRAMS)

    assert bring_prometheus(quiet) == PROGRAMS
    assert never_installs() == []


def test_a_server_without_the_tool_that_checks_its_files_is_no_prometheus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fraudline.local.prometheus.KNOWN_PLACES", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    server = tmp_path / "prometheus"
    server.touch(mode=0o755)
    assert find_prometheus() is None

    promtool = tmp_path / "promtool"
    promtool.touch(mode=0o755)

    assert find_prometheus() == PrometheusPrograms(server, promtool)
