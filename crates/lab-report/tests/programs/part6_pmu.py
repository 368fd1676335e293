"""A PMU for part 6 with a port of its own choice; gets its certificate and its key."""
import socket
import ssl
import sys

HOST = "localhost"

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(*sys.argv[1:3])
door = socket.socket()
door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
door.bind((HOST, 5003))
door.listen()
while True:
    plain, _ = door.accept()
    with context.wrap_socket(plain, server_side=True) as pdc:
        if pdc.recv(64).startswith(b"CMD_short:"):
            for number in range(1, 11):
                pdc.sendall(f"This is PMU data {number}".encode())
        pdc.unwrap()
