"""Code B: shows each datagram and its sender, for ever."""
from socket import AF_INET, SOCK_DGRAM, socket

inbox = socket(AF_INET, SOCK_DGRAM)
inbox.bind(("", 5001))
while 1:
    letter, sender = inbox.recvfrom(1024)
    print("Received data: ", letter.decode())
    print("From Address: ", sender)
