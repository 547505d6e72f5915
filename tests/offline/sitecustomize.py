"""Python imports this at its start when the folder is on PYTHONPATH; from then on it reaches only this machine.

Where $OFFLINE_LOG names a file, each process that is blocked so adds its command line to it.
"""

import ipaddress
import os
import socket
import sys
from pathlib import Path


def _is_local(host: object) -> bool:
    if host in (None, "", b"", "localhost", b"localhost"):
        return True
    try:
        return ipaddress.ip_address(host.decode() if isinstance(host, bytes) else str(host)).is_loopback
    except ValueError:  # the name of another machine
        return False


def _is_blocked(connection: socket.socket, address: object) -> bool:
    return connection.family in (socket.AF_INET, socket.AF_INET6) and not _is_local(address[0])


def _refuse() -> None:
    raise OSError("blocked: lessons run offline")


class _LocalSocket(socket.socket):
    def connect(self, address):
        return _refuse() if _is_blocked(self, address) else super().connect(address)

    def connect_ex(self, address):
        return _refuse() if _is_blocked(self, address) else super().connect_ex(address)


def _local_getaddrinfo(host, *args, **kwargs):
    return _getaddrinfo(host, *args, **kwargs) if _is_local(host) else _refuse()


_getaddrinfo = socket.getaddrinfo
socket.socket = _LocalSocket
socket.getaddrinfo = _local_getaddrinfo

if "OFFLINE_LOG" in os.environ:
    with Path(os.environ["OFFLINE_LOG"]).open("a") as log:
        print(*sys.orig_argv, file=log)

# what jsonschema checks the format "iri" with, if it is there: no schema here asks for it, and to import it builds a
# parser for a second of the processor, in every process that reads a notebook
sys.modules["rfc3987_syntax"] = None
