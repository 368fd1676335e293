"""Senders of part 4: those that each do one thing wrong, and right ones in other ways; the first argument says which."""
import socket
import sys

how, identity = sys.argv[1], sys.argv[2]
GROUP = ("224.1.1.1", 5005)
voice = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def send(text):
    voice.sendto(text.encode(), GROUP)


if how == "identity-missing":
    for line in sys.stdin:
        send(line.rstrip("\n"))
elif how == "separator-after-identity":
    for line in sys.stdin:
        send(f"{identity}: " + line.rstrip("\n"))
elif how == "one-line-only":
    send(identity + input("> "))
elif how == "dies":
    send(identity + input("> "))
    raise SystemError("I am done")
elif how == "whole-input":
    send(identity + sys.stdin.read())
else:
    # It dies with an EOFError at the end of its input.
    while True:
        send(identity + input("> "))
