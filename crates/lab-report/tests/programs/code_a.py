"""Code A, by somebody who read the handout: one datagram, to the name and port that the lab says."""
from socket import AF_INET, SOCK_DGRAM, socket

with socket(AF_INET, SOCK_DGRAM) as courier:
    courier.sendto("Hello, Romeo ".encode(), ("localhost", 5001))
print("Message sent")
