"""A PMU for part 6 whose author left TLS for later."""
import socket

door = socket.create_server(("", 5003))
while True:
    pdc, _ = door.accept()
    pdc.recv(64)
    pdc.sendall(b"This is PMU data 1")
    pdc.close()
