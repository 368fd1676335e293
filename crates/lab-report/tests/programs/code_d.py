"""Code D: sends a line, shows its echo eight bytes at a time, and stays until Ctrl-C."""
from signal import pause
from socket import AF_INET, SOCK_STREAM, socket

LINE = "O Romeo, Romeo! wherefore art thou Romeo?"

talk = socket(AF_INET, SOCK_STREAM)
talk.connect(("localhost", 5002))
print("sending:", LINE)
talk.sendall(LINE.encode())
missing = len(LINE)
while missing:
    piece = talk.recv(8).decode()
    missing -= len(piece)
    print("received:", piece)
while True:
    pause()
