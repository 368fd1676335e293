"""Code C: sends back what comes, sixteen bytes at a time, one client after the other."""
from socket import AF_INET, SO_REUSEADDR, SOCK_STREAM, SOL_SOCKET, socket

door = socket(AF_INET, SOCK_STREAM)
door.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
door.bind(("localhost", 5002))
door.listen(1)
while 1:
    guest, where = door.accept()
    heard = "so far nothing"
    while heard:
        heard = guest.recv(16).decode()
        print("received:", heard)
        guest.sendall(heard.encode())
    print("No more data from", where)
    guest.close()
