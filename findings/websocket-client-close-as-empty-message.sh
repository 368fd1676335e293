#!/bin/sh
# websocket-client 1.9.2 (PyPI), told an empty text message, another message, and then a close frame with status 1000.
#
# Expected: recv() returns '' and 'more', and raises at the close frame, as it does when TCP ends without one
# (WebSocketConnectionClosedException).
# Seen: recv() returns '' for the empty message, 'more', and '' again for the close frame. A loop that ends at '' loses what
# follows an empty message; one that does not goes on after the close. recv_data() tells the two apart by the opcode.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check websocket-client==1.9.2
cat >"$work/finding.py" <<'PYTHON'
import base64, hashlib, re, socket, threading
import websocket

listener = socket.create_server(("127.0.0.1", 0))

def serve():
    """The upgrade by hand, then three unmasked frames: an empty text, a text, a close frame with status 1000."""
    client, _ = listener.accept()
    key = re.search(rb"Sec-WebSocket-Key: (.*)\r\n", client.recv(4096)).group(1)
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    client.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                   b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
    client.sendall(b"\x81\x00" b"\x81\x04more" b"\x88\x02\x03\xe8")
    while client.recv(4096):
        pass

threading.Thread(target=serve, daemon=True).start()
ws = websocket.create_connection("ws://127.0.0.1:%d/" % listener.getsockname()[1], timeout=10)
print("websocket-client", websocket.__version__, *[repr(ws.recv()) for _ in range(3)])
PYTHON
seen=$("$work/venv/bin/python" "$work/finding.py")
printf '%s\n' "$seen"
test "$seen" = "websocket-client 1.9.2 '' 'more' ''"
