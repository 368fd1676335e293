"""A receiver for part 4: joins on whichever interface the system takes, and shows who says what."""
import socket
import struct

GROUP, PORT = "224.1.1.1", 5005

seat = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
seat.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
seat.bind(("", PORT))
membership = struct.pack("=4sI", socket.inet_aton(GROUP), socket.INADDR_ANY)
seat.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
while True:
    datagram = seat.recv(2048)
    print(datagram[:6].decode(errors="replace"), "says:", datagram[6:].decode(errors="replace"))
