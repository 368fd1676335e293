"""A PDC for part 2 whose author did not think of the end: recv returns no bytes, and it asks again."""
import socket
import sys
import time

link = socket.create_connection(("tcpip.epfl.ch", 5003))
link.send(sys.argv[1].encode())
while True:
    received = link.recv(4096)
    if received:
        print(received.decode())
    time.sleep(0.01)
