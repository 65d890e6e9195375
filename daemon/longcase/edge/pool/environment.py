"""The environment that tasks and workers start with."""

import os
import pwd
from collections.abc import Mapping

from longcase.domain.attempt import Attempt
from longcase.edge.pool.variables import Variables

_DAEMONS_OWN = ("NOTIFY_SOCKET", "CREDENTIALS_DIRECTORY")
_DAEMONS_OWN_PREFIXES = ("WATCHDOG_", "LISTEN_")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def base(inherited: Mapping[str, str]) -> dict[str, str]:
    """Who and where the daemon is: PATH LANG HOME USER LOGNAME SHELL, and TZ where it has one."""
    defaults = {"PATH": _PATH, "LANG": "C.UTF-8", **_account()}
    found = {name: inherited.get(name) or default for name, default in defaults.items()}
    return {**found, "TZ": inherited["TZ"]} if inherited.get("TZ") else found


def _account() -> dict[str, str]:
    try:
        entry = pwd.getpwuid(os.getuid())
    except KeyError:  # a container may run under a uid that has no name
        name, home, shell = str(os.getuid()), "/", "/bin/sh"
    else:
        name, home, shell = entry.pw_name, entry.pw_dir, entry.pw_shell
    return {"HOME": home, "USER": name, "LOGNAME": name, "SHELL": shell}


def without_daemons_own(variables: Mapping[str, str]) -> dict[str, str]:
    """What may be handed on: not what systemd says to the daemon alone."""
    return {
        name: value
        for name, value in variables.items()
        if name not in _DAEMONS_OWN and not name.startswith(_DAEMONS_OWN_PREFIXES)
    }


def of_attempt(attempt: Attempt, inherited: Mapping[str, str], variables: Variables) -> dict[str, str]:
    """All that the task of an attempt sees; `inherited` is what it would see without its job file."""
    return {
        **inherited,
        **_zone(attempt),
        **variables.plain,
        **variables.secret,
        **{f"LONGCASE_PARAM_{name}": value for name, value in attempt.params.items()},
        "LONGCASE_PIPELINE": attempt.pipeline,
        "LONGCASE_TASK": attempt.task.name,
        "LONGCASE_RUN": attempt.run,
        "LONGCASE_ATTEMPT": str(attempt.number),
        "LONGCASE_SCHEDULED_FOR": attempt.scheduled_for.isoformat(timespec="seconds"),
    }


def _zone(attempt: Attempt) -> dict[str, str]:
    key = getattr(attempt.scheduled_for.tzinfo, "key", None)
    return {"TZ": key} if key else {}


def of_worker(inherited: Mapping[str, str], variables: Variables) -> dict[str, str]:
    """What the interpreter itself starts with: no secret. Its zone stays the machine's, which stamps logs."""
    found = {**inherited, **variables.plain}
    found.pop("TZ", None)
    return {**found, "TZ": inherited["TZ"]} if "TZ" in inherited else found
