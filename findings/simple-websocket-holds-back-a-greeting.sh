#!/bin/sh
# simple-websocket 1.1.0 (PyPI), whose server sends its first message in the same segment as the answer to the upgrade.
#
# A server may send as soon as it has accepted (RFC 6455, section 4.2.2), and one that greets does so with one send.
# Expected: receive() returns the greeting at once; so does websockets 17.4.
# Seen: receive() waits. The greeting comes only when the server sends something else, which a server that waits for an answer
# to its greeting never does.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check simple-websocket==1.1.0 websockets==17.4
cat >"$work/finding.py" <<'PYTHON'
import base64, hashlib, os, re, socket, threading
import simple_websocket
from websockets.sync.client import connect

listener = socket.create_server(("127.0.0.1", 0))

def serve(go_on):
    """The upgrade by hand and an unmasked text frame at once, another one when it is told to."""
    client, _ = listener.accept()
    key = re.search(rb"Sec-WebSocket-Key: (.*)\r\n", client.recv(4096)).group(1)
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    client.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                   b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n" + b"\x81\x08greeting")
    go_on.wait(30)
    client.sendall(b"\x81\x04next")
    while client.recv(4096):
        pass

url = "ws://127.0.0.1:%d/" % listener.getsockname()[1]

go_on = threading.Event()
threading.Thread(target=serve, args=(go_on,), daemon=True).start()
client = simple_websocket.Client(url)
seen = [client.receive(timeout=3)]
go_on.set()
seen += [client.receive(timeout=10) for _ in range(2)]
print("simple-websocket:", seen)

go_on = threading.Event()
threading.Thread(target=serve, args=(go_on,), daemon=True).start()
with connect(url) as other:
    seen = [other.recv(timeout=10)]
    go_on.set()
    print("websockets:", seen + [other.recv(timeout=10)], flush=True)
    # Both clients have threads that would wait for this server's end.
    os._exit(0)
PYTHON
seen=$("$work/venv/bin/python" "$work/finding.py")
printf '%s\n' "$seen"
test "$seen" = "simple-websocket: [None, 'greeting', 'next']
websockets: ['greeting', 'next']"
