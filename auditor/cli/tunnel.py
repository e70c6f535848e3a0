"""How to reach a page of this machine from the one that people sit at."""

from __future__ import annotations

import getpass
import shlex
import socket
import sys
from collections.abc import Mapping

OPEN_TO_OTHERS = (
    "warning: everybody on this network who learns the address can see the images and change the labels, and the "
    "connection is not encrypted; use --host on trusted networks only, or leave it out and use ssh -L"
)
_SSH_PORT = "22"


def hint(port: int, environ: Mapping[str, str]) -> str | None:
    """The ssh command that makes this machine's `port` reachable from another one; None if people most likely sit here:
    they did not come over SSH, and there is a display."""
    connection = environ.get("SSH_CONNECTION", "").split()  # client, its port, server, its port (ssh(1))
    if len(connection) == 4:
        server, ssh_port = connection[2:]
    elif sys.platform.startswith("linux") and not (environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")):
        server, ssh_port = socket.gethostname(), _SSH_PORT
    else:
        return None
    option = "" if ssh_port == _SSH_PORT else f"-p {shlex.quote(ssh_port)} "
    target = shlex.quote(f"{_user()}@{server}")
    return f"from another machine, first run there: ssh -L {port}:127.0.0.1:{port} {option}{target}"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "USER"
