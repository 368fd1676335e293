"""A PMU for part 6 that ends each connection in the way that its first argument names."""
import socket
import ssl
import sys
import time

ending, port, certificate, key = sys.argv[1:5]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
door = socket.socket()
door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
door.bind(("", int(port)))
door.listen()


def answer(pdc):
    if pdc.recv(64).startswith(b"CMD_short:"):
        separator = "\n" if ending == "newline" else ""
        for number in range(1, 11):
            pdc.sendall(f"This is PMU data {number}{separator}".encode())


while True:
    plain, _ = door.accept()
    if ending == "with":
        with context.wrap_socket(plain, server_side=True) as pdc:
            answer(pdc)
        continue
    pdc = context.wrap_socket(plain, server_side=True)
    answer(pdc)
    if ending in ("notify", "unread"):
        # close_notify, and no waiting for that of the client (RFC 8446, section 6.1).
        pdc.setblocking(False)
        try:
            pdc.unwrap()
        except ssl.SSLWantReadError:
            pass
    if ending == "unread":
        # The close_notify of the client arrives and is not read: close() then resets the connection.
        time.sleep(0.5)
    if ending == "shutdown":
        pdc.shutdown(socket.SHUT_RDWR)
    if ending == "later":
        # What the client sends after its close_notify finds nobody.
        pdc.shutdown(socket.SHUT_WR)
        time.sleep(0.5)
    pdc.close()
