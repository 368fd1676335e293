"""A WebSocket client for part 5 that closes after the tenth message: it does not wait for the close frame of the server."""
import base64
import os
import socket
import struct
import sys

HOST, PORT = "tcpip.epfl.ch", 5006
CLOSE = 8

link = socket.create_connection((HOST, PORT))
stream = link.makefile("rb")


def send(opcode, payload):
    """A frame of a client is masked; those here are short."""
    mask = os.urandom(4)
    hidden = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
    link.sendall(bytes([0x80 | opcode, 0x80 | len(payload)]) + mask + hidden)


def frame():
    """Whether it is the last of its message, its kind, and what it carries."""
    first, length = stream.read(2)
    if length == 126:
        (length,) = struct.unpack(">H", stream.read(2))
    elif length == 127:
        (length,) = struct.unpack(">Q", stream.read(8))
    return first & 0x80, first & 0x0F, stream.read(length)


key = base64.b64encode(os.urandom(16)).decode()
head = [
    "GET / HTTP/1.1",
    f"Host: {HOST}:{PORT}",
    "Upgrade: websocket",
    "Connection: Upgrade",
    f"Sec-WebSocket-Key: {key}",
    "Sec-WebSocket-Version: 13",
]
link.sendall("\r\n".join(head + ["", ""]).encode())
if b" 101 " not in stream.readline():
    sys.exit("the server does not want to talk over WebSocket")
while stream.readline().strip():
    pass

send(1, sys.argv[1].encode())
message, count = b"", 0
while True:
    is_last, opcode, payload = frame()
    if opcode == CLOSE:
        send(CLOSE, payload)
        break
    if opcode < CLOSE:
        message += payload
        if is_last:
            print(message.decode())
            message = b""
            count += 1
            if count == 10:
                send(CLOSE, struct.pack(">H", 1000))
                break
stream.close()
link.close()
