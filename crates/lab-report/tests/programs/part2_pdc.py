"""A PDC for part 2 that keeps an unfinished message until the rest of it comes."""
import re
import socket
import sys

command = sys.argv[1]
link = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
link.connect(("tcpip.epfl.ch", 5003))
link.sendall(command.encode())

whole = b""
while chunk := link.recv(4096):
    whole += chunk
    if command.startswith("CMD_short"):
        # The last message may have digits to come: it waits for the next one, or for the end.
        *complete, whole = re.split(rb"(?<=\d)(?=This)", whole)
        for message in complete:
            print(message.decode())
link.close()
print(whole.decode())
