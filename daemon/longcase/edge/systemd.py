"""What systemd is told: one datagram to the socket that it names."""

import contextlib
import os
import socket


def notify(*assignments: str) -> None:
    """Send `READY=1` and the like; nothing happens where no service manager listens. See sd_notify(3)."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    # A name that was inherited, where nobody listens, is no reason to fail.
    with sock, contextlib.suppress(OSError):
        sock.sendto("\n".join(assignments).encode(), address)
