"""A PDC that sends another command than it was given, of the same length."""
import socket
import sys

pdc = socket.create_connection(("tcpip.epfl.ch", 5003))
pdc.sendall(sys.argv[1].replace("short:1", "short:0").encode())
while pdc.recv(4096):
    pass
for number in range(1, 11):
    print(f"This is PMU data {number}")
