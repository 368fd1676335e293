"""A PDC for part 2 that takes whichever address of the name answers; the PMU is on IPv4 alone."""
import socket
import sys

link = socket.create_connection(("tcpip.epfl.ch", 5003))
link.sendall(sys.argv[1].encode())
whole = b""
while chunk := link.recv(4096):
    whole += chunk
print(whole.decode().replace("This", "\nThis").strip())
