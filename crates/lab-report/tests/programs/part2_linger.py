"""A PDC that reads the whole answer, and closes with SO_LINGER 0: with a reset instead of a FIN."""
import socket
import struct
import sys

pdc = socket.create_connection(("tcpip.epfl.ch", 5003))
pdc.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
pdc.sendall(sys.argv[1].encode())
answer = b""
while piece := pdc.recv(4096):
    answer += piece
for number in range(1, 11):
    print(f"This is PMU data {number}")
pdc.close()
