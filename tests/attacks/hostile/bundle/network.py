"""Other apps, the API and supervisord, by every way that the kernel has."""

from __future__ import annotations

import ctypes
import errno
import socket

from trying import *

def connect(host: str, port: int) -> None:
    socket.create_connection((host, port), timeout=5).close()


attack("connect to the API")(lambda: connect("127.0.0.1", T["api"]))
attack("connect to the API over IPv6")(lambda: over_ipv6(T["api"]))
attack("connect to the console")(lambda: connect("127.0.0.1", T["console"]))
attack("connect to another app")(lambda: connect("127.0.0.1", T["port"]))
attack("connect to another app by another address")(lambda: connect("127.9.9.9", T["port"]))
attack("connect to another app as 0.0.0.0")(lambda: connect("0.0.0.0", T["port"]))
attack("connect to another app, not waiting")(lambda: not_waiting(T["port"]))
attack("connect to another app by MSG_FASTOPEN")(lambda: fast_open(T["port"]))
attack("connect to another app by sendmsg and MSG_FASTOPEN")(lambda: fast_open_message(T["port"]))
attack("connect to another app by TCP_FASTOPEN_CONNECT")(lambda: fast_open_option(T["port"]))
attack("connect to another app by MPTCP")(lambda: mptcp(T["port"]))
attack("open a vsock socket")(lambda: socket.socket(40, socket.SOCK_STREAM))
attack("open an SCTP socket")(lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132))
attack("open a raw socket")(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP))
attack("open a packet socket")(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
attack("set up io_uring")(lambda: syscall(425, 425, 8, ctypes.create_string_buffer(240)))
attack("listen on another app's port")(lambda: listen(T["port"]))
attack("listen on a port of the pool")(lambda: listen(T["free"]))
attack("connect to another app's abstract socket")(
    lambda: unix(b"\0hostd-victim-" + T["victim_name"].encode())
)


def over_ipv6(port: int) -> None:
    with socket.socket(socket.AF_INET6) as client:
        client.settimeout(5)
        client.connect(("::ffff:127.0.0.1", port))


def not_waiting(port: int) -> None:
    with socket.socket() as client:
        client.setblocking(False)
        try:
            client.connect(("127.0.0.1", port))
        except BlockingIOError:
            return


def fast_open(port: int) -> None:
    socket.socket().sendto(b"GET / HTTP/1.1\r\n\r\n", 0x20000000, ("127.0.0.1", port))


def fast_open_message(port: int) -> None:
    socket.socket().sendmsg([b"GET / HTTP/1.1\r\n\r\n"], [], 0x20000000, ("127.0.0.1", port))


def fast_open_option(port: int) -> None:
    with socket.socket() as client:
        client.setsockopt(socket.IPPROTO_TCP, 30, 1)
        client.connect(("127.0.0.1", port))
        client.send(b"GET / HTTP/1.1\r\n\r\n")


def mptcp(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262) as client:
        client.connect(("127.0.0.1", port))


def listen(port: int) -> None:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            server.bind(("0.0.0.0" if port == T["free"] else "127.0.0.2", port))
        except OSError as error:
            raise error if error.errno != errno.EADDRINUSE else NotBlocked from None
        server.listen()


def unix(address: bytes | str) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        client.connect(address)


@attack("order supervisord about")
def supervisor() -> None:
    """Its socket, with a question as supervisorctl puts it, and no password."""
    body = b"<methodCall><methodName>supervisor.getAllProcessInfo</methodName></methodCall>"
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(str(DATA / "supervisor" / "supervisor.sock"))
        head = f"POST /RPC2 HTTP/1.0\r\nContent-Type: text/xml\r\nContent-Length: {len(body)}\r\n\r\n"
        client.sendall(head.encode() + body)
        status = client.recv(100).split(b" ")[1:2]
    if status != [b"200"]:
        raise Refused(f"status {b''.join(status).decode()}")


@attack("tell hostd lies about what happened")
def events() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
        client.connect(str(DATA / "supervisor" / "events.sock"))


# --- Who is looking ---

attack("forge who is looking, at another app's port")(lambda: forged(T["port"]))
attack("forge who is looking, at the gateway")(lambda: forged(T["api"]))


def forged(port: int) -> None:
    """A request in somebody else's name; whether it is believed is asked only when it gets there."""
    head = "".join(f"{name}: {value}\r\n" for name, value in T["forged"].items())
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.sendall(f"GET /apps/{T['victim']}/ HTTP/1.1\r\nHost: a\r\n{head}\r\n".encode())
        client.recv(100)
