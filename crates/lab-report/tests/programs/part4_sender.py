"""A sender for part 4: each line of the keyboard becomes a datagram that begins with an identity."""
import socket
import sys

identity = sys.argv[1].encode()
voice = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for line in sys.stdin:
    voice.sendto(identity + line.rstrip("\n").encode(), ("224.1.1.1", 5005))
