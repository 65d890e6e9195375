import os
from pathlib import Path

import pytest

from longcase.edge.settings_file import (
    SYSTEM_FOLDERS,
    Caller,
    SettingsFileError,
    load_settings,
    machine_timezone,
)
from longcase.texts.settings import Folders, Settings, SettingsErrors

OWN = ".config/longcase/longcase.toml"


def write(path, text=""):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture
def user(tmp_path):
    """A user without root on a machine without settings."""
    return Caller(
        is_root=False, environ={"HOME": str(tmp_path / "home")}, system_file=tmp_path / "etc/longcase.toml"
    )


@pytest.fixture
def root(user):
    return Caller(is_root=True, environ=user.environ, system_file=user.system_file)


def with_environ(caller, **environ):
    return Caller(
        is_root=caller.is_root, environ={**caller.environ, **environ}, system_file=caller.system_file
    )


def folders_of(home):
    return Folders(
        jobs_dir=home / ".config/longcase/jobs.d",
        log_dir=home / ".local/state/longcase/log",
        state_dir=home / ".local/state/longcase",
        runtime_dir=home / ".local/state/longcase/run",
    )


def test_without_root_and_any_file_things_lie_in_the_home_folder(user):
    assert load_settings(None, user) == Settings(folders=folders_of(user.home))


def test_the_runtime_folder_lies_in_the_sessions_where_there_is_one(user):
    caller = with_environ(user, XDG_RUNTIME_DIR="/run/user/1000")
    assert load_settings(None, caller).folders.runtime_dir == Path("/run/user/1000/longcase")


def test_a_relative_session_folder_is_none(user):
    caller = with_environ(user, XDG_RUNTIME_DIR="run")
    assert load_settings(None, caller).folders == folders_of(user.home)


def test_as_root_without_any_file_things_lie_where_the_system_keeps_them(root):
    assert load_settings(None, root) == Settings(folders=SYSTEM_FOLDERS)


def test_the_first_file_that_there_is_holds(user, tmp_path):
    write(user.system_file, "max_parallel = 4")
    assert load_settings(None, user).max_parallel == 4
    write(user.home / OWN, "max_parallel = 3")
    assert load_settings(None, user).max_parallel == 3
    caller = with_environ(user, LONGCASE_CONFIG=str(write(tmp_path / "env.toml", "max_parallel = 2")))
    assert load_settings(None, caller).max_parallel == 2
    named = write(tmp_path / "named.toml", "max_parallel = 1")
    assert load_settings(str(named), caller).max_parallel == 1


def test_root_doesnt_read_the_file_in_its_home_folder(root):
    write(root.home / OWN, "max_parallel = 3")
    assert load_settings(None, root) == Settings(folders=SYSTEM_FOLDERS)


def test_the_default_folders_follow_the_systems_file_not_the_user(user):
    write(user.system_file)
    found = load_settings(None, user)
    assert (found.folders, found.path) == (SYSTEM_FOLDERS, str(user.system_file))


def test_the_systems_file_counts_as_such_when_it_is_named_by_hand(user):
    write(user.system_file)
    assert load_settings(str(user.system_file), user).folders == SYSTEM_FOLDERS


def test_another_file_named_by_hand_takes_the_defaults_of_its_user(user, root, tmp_path):
    named = str(write(tmp_path / "my.toml"))
    assert load_settings(named, user).folders == folders_of(user.home)
    assert load_settings(named, root).folders == SYSTEM_FOLDERS


def test_a_file_named_by_hand_must_exist(user, tmp_path):
    write(user.system_file)
    missing = tmp_path / "missing.toml"
    for config, caller in ((str(missing), user), (None, with_environ(user, LONGCASE_CONFIG=str(missing)))):
        with pytest.raises(SettingsFileError) as error:
            load_settings(config, caller)
        assert str(error.value) == f"{missing}: there is no such file; name another, or make it"


def test_a_file_that_cant_be_read_is_named_and_not_passed_over(user):
    (user.home / OWN).mkdir(parents=True)
    with pytest.raises(SettingsFileError) as error:
        load_settings(None, user)
    assert str(error.value) == f"{user.home / OWN}: the settings can't be read: Is a directory"


def test_mistakes_in_the_file_are_told_with_its_path(user):
    write(user.home / OWN, "\nmax_parallel = 0")
    with pytest.raises(SettingsErrors) as error:
        load_settings(None, user)
    assert str(error.value).startswith(f"{user.home / OWN}:2: max_parallel: expected a whole number")


def test_the_caller_is_the_process_itself_when_none_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LONGCASE_CONFIG", "here.toml")
    write(tmp_path / "here.toml", 'log_dir = "log"')
    found = load_settings(None)
    assert found.path == str(tmp_path / "here.toml")
    assert found.folders.log_dir == tmp_path / "log"


def zone(tmp_path, *, tz=None, link=None, name=None):
    (tmp_path / "etc").mkdir()
    if link:
        (tmp_path / "etc/localtime").symlink_to(link)
    if name is not None:
        (tmp_path / "etc/timezone").write_text(name)
    return machine_timezone({} if tz is None else {"TZ": tz}, tmp_path)


@pytest.mark.parametrize("tz", ["Asia/Tokyo", ":Asia/Tokyo", "/usr/share/zoneinfo/Asia/Tokyo"])
def test_the_zone_of_the_environment_comes_first(tmp_path, tz):
    assert zone(tmp_path, tz=tz, link="/usr/share/zoneinfo/Europe/Berlin") == "Asia/Tokyo"


@pytest.mark.parametrize(
    "tz", ["", "CET-1CEST,M3.5.0,M10.5.0/3", "Nowhere/Land", "/nowhere", "../etc", "Asia"]
)
def test_a_zone_of_the_environment_that_has_no_name_is_passed_over(tmp_path, tz):
    assert zone(tmp_path, tz=tz, link="/usr/share/zoneinfo/Europe/Berlin") == "Europe/Berlin"


def test_the_zone_is_what_localtime_links_to_even_beside_another_name(tmp_path):
    found = zone(tmp_path, link="../usr/share/zoneinfo/America/Argentina/Ushuaia", name="Europe/Berlin\n")
    assert found == "America/Argentina/Ushuaia"


def test_without_a_link_the_zone_is_what_its_file_names(tmp_path):
    assert zone(tmp_path, name="Europe/Berlin\n# by hand\n") == "Europe/Berlin"


@pytest.mark.parametrize("name", [None, "", "\xff\0", "Nowhere/Land"])
def test_a_machine_that_names_no_zone_has_utc(tmp_path, name):
    assert zone(tmp_path, name=name) == "UTC"


def test_the_machine_that_this_runs_on_has_a_zone():
    assert machine_timezone()
    assert machine_timezone({**os.environ, "TZ": "Asia/Tokyo"}) == "Asia/Tokyo"
