"""A PDC that opens two connections, as happy eyeballs does, and uses the second one."""
import socket
import sys

ADDRESS = ("tcpip.epfl.ch", 5003)
unused, pdc = socket.create_connection(ADDRESS), socket.create_connection(ADDRESS)
pdc.sendall(sys.argv[1].encode())
unused.close()
answer = b""
while piece := pdc.recv(4096):
    answer += piece
for number in range(1, 11):
    print(f"This is PMU data {number}")
pdc.close()
