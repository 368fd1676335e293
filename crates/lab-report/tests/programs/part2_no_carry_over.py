"""A PDC for part 2 whose author took a call of recv for a message: eighteen bytes, and that is a line."""
import socket
import sys

link = socket.socket()
link.connect(("tcpip.epfl.ch", 5003))
link.send(sys.argv[1].encode())
while True:
    message = link.recv(18)
    if not message:
        break
    print(message.decode(errors="replace"))
