"""Receivers of part 4: those that each do one thing wrong, and right ones with a style of their own; the argument says which."""
import socket
import struct
import sys

how = sys.argv[1]
GROUP, PORT = "224.1.1.1", 5005

seat = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
if how != "no-address-reuse":
    seat.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
seat.bind(("", PORT))
if how != "not-joined":
    membership = struct.pack("=4sI", socket.inet_aton(GROUP), socket.INADDR_ANY)
    seat.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
held = []
while True:
    datagram, who = seat.recvfrom(2048)
    identity, text = datagram[:6], datagram[6:]
    if how == "identity-not-shown":
        print(text.decode(errors="replace"))
    elif how == "representation":
        print(datagram)
    elif how == "representation-of-text":
        print(identity.decode(errors="replace"), ":", text)
    elif how == "dies-on-other-identity":
        assert identity == b"swcmTV", "who is that?"
        print("swcmTV:", text.decode(errors="replace"))
    elif how == "dies-on-binary":
        print(identity.decode(), text.decode())
    elif how == "late-output":
        held.append(f"{identity.decode(errors='replace')}: {text.decode(errors='replace')}\n")
        if sum(map(len, held)) > 4096:
            sys.stdout.write("".join(held))
            held.clear()
    elif how == "no-output":
        pass
    elif how == "two-lines":
        print(f"From: {identity.decode(errors='replace')}\nMessage: {text.decode(errors='replace')}\n")
    elif how == "prefix":
        print("received", repr(who), "<", datagram.decode(errors="replace"), ">")
    elif how == "bytes-identity":
        print(identity, "says", text.decode(errors="replace"))
    else:
        print(datagram.decode(errors="replace"))
