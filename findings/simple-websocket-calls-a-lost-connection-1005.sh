#!/bin/sh
# simple-websocket 1.1.0 (PyPI), beside websockets 17.4, whose server ends TCP without a close frame after a whole message.
#
# RFC 6455, section 7.1.5: without a close frame the close code is 1006; 1005 is for a close frame that has no status, which is
# an orderly end (section 7.4.1).
# Expected: the message, then an error that says 1006, or that the connection was lost.
# Seen: the message, then ConnectionClosed with reason 1005, the same as after a close frame without a status: a program cannot
# tell an answer that was cut off from one that ended.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check simple-websocket==1.1.0 websockets==17.4
cat >"$work/finding.py" <<'PYTHON'
import base64, hashlib, re, socket, threading
import simple_websocket
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

listener = socket.create_server(("127.0.0.1", 0))

def serve(end, received):
    """The upgrade by hand, an unmasked text frame, and an end once that has been received."""
    client, _ = listener.accept()
    key = re.search(rb"Sec-WebSocket-Key: (.*)\r\n", client.recv(4096)).group(1)
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    client.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                   b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
    client.recv(4096)
    client.sendall(b"\x81\x04text")
    received.wait(10)
    client.sendall(end)
    client.shutdown(socket.SHUT_WR)
    while client.recv(4096):
        pass

url = "ws://127.0.0.1:%d/" % listener.getsockname()[1]
for name, end in [("FIN alone", b""), ("close frame without status", b"\x88\x00")]:
    received = threading.Event()
    threading.Thread(target=serve, args=(end, received), daemon=True).start()
    client = simple_websocket.Client(url)
    client.send("go")
    assert client.receive(timeout=10) == "text"
    received.set()
    try:
        client.receive(timeout=10)
    except simple_websocket.ConnectionClosed as closed:
        print(f"{name}: simple-websocket {int(closed.reason)}", end=", ")
    received = threading.Event()
    threading.Thread(target=serve, args=(end, received), daemon=True).start()
    with connect(url) as other:
        other.send("go")
        assert other.recv(timeout=10) == "text"
        received.set()
        try:
            other.recv(timeout=10)
        except ConnectionClosed:
            print(f"websockets {other.close_code}")
PYTHON
seen=$("$work/venv/bin/python" "$work/finding.py")
printf '%s\n' "$seen"
test "$seen" = 'FIN alone: simple-websocket 1005, websockets 1006
close frame without status: simple-websocket 1005, websockets 1005'
