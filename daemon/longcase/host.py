"""The name of this machine, as mails bear it."""

import os
from contextlib import suppress
from pathlib import Path


def full_host_name(hosts: Path = Path("/etc/hosts")) -> str:
    """The host's full name, without asking a name server, which may hang.

    As `hostname -f` would have it on Debian: the first name on the line of /etc/hosts that names this host.
    """
    own = os.uname().nodename
    if "." in own:
        return own
    with suppress(OSError, UnicodeDecodeError):
        for line in hosts.read_text().splitlines():
            names = line.partition("#")[0].split()[1:]
            if own in names:
                return names[0]
    return own
