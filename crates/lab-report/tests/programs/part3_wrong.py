"""PDCs of part 3 that each do one thing wrong, or make a series of sixty by themselves; the argument says which."""
import select
import socket
import sys
import threading
import time

how = sys.argv[1]
PMU, PORT = "lab3.iw.epfl.ch", 5004
FAMILIES = [socket.AF_INET] if how == "one-family" else [socket.AF_INET, socket.AF_INET6]
REQUEST = {"wrong-request": b"Reset:20", "newline": b"RESET:20\n"}.get(how, b"RESET:20")
WAIT = {"never-waits": 0.001, "tenth": 0.1, "half": 0.5, "two": 2, "three": 3}.get(how, 1)


def address(family):
    return socket.getaddrinfo(PMU, PORT, family, socket.SOCK_DGRAM)[0][4]


def ways():
    return {socket.socket(family, socket.SOCK_DGRAM): address(family) for family in FAMILIES}


def reset(ways):
    """One reset, with as many rounds as it takes."""
    rounds = 0
    while True:
        for way, to in ways.items():
            way.sendto(REQUEST, to)
        rounds += 1
        until = time.monotonic() + WAIT
        while (left := until - time.monotonic()) > 0:
            readable, _, _ = select.select(list(ways), [], [], left)
            for way in readable:
                answer = way.recv(64)
                if answer.startswith(b"OFFSET"):
                    return f"{answer.decode()} after {rounds}"


def in_turn():
    while True:
        for way, to in ways().items():
            way.settimeout(1)
            way.sendto(REQUEST, to)
            try:
                return way.recv(64).decode()
            except socket.timeout:
                pass


def one_after_a_refusal():
    """The second family only once the first is refused."""
    for family in FAMILIES:
        way = socket.socket(family, socket.SOCK_DGRAM)
        way.connect(address(family))
        way.settimeout(1)
        while True:
            try:
                way.send(REQUEST)
                return way.recv(64).decode()
            except socket.timeout:
                continue
            except ConnectionRefusedError:
                break


def fatal():
    connected = []
    for family in FAMILIES:
        way = socket.socket(family, socket.SOCK_DGRAM)
        way.connect(address(family))
        connected.append(way)
    while True:
        for way in connected:
            way.send(REQUEST)
        readable, _, _ = select.select(connected, [], [], 1)
        for way in readable:
            return way.recv(64).decode()


def hurries_after_a_refusal():
    connected = []
    for family in FAMILIES:
        way = socket.socket(family, socket.SOCK_DGRAM)
        way.connect(address(family))
        connected.append(way)
    while True:
        for way in connected:
            try:
                way.send(REQUEST)
            except ConnectionRefusedError:
                pass
        readable, _, _ = select.select(connected, [], [], 1)
        for way in readable:
            try:
                return way.recv(64).decode()
            except ConnectionRefusedError:
                pass


def both():
    def ask(family):
        way = socket.socket(family, socket.SOCK_DGRAM)
        way.settimeout(1)
        while True:
            way.sendto(REQUEST, address(family))
            try:
                print(way.recv(64).decode())
                return
            except socket.timeout:
                pass

    threads = [threading.Thread(target=ask, args=(family,)) for family in FAMILIES]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]


def waits_for_ever():
    mine = ways()
    for way, to in mine.items():
        way.sendto(REQUEST, to)
    readable, _, _ = select.select(list(mine), [], [])
    return readable[0].recv(64).decode()


if how == "families-in-turn":
    print(in_turn())
elif how == "after-refusal":
    print(one_after_a_refusal())
elif how == "refusal-fatal":
    print(fatal())
elif how == "hurries":
    print(hurries_after_a_refusal())
elif how == "both":
    both()
elif how == "waits-for-ever":
    print(waits_for_ever())
elif how == "endless":
    while True:
        print(reset(ways()))
elif how == "once-more":
    mine = ways()
    print(reset(mine))
    for _ in range(2):
        time.sleep(1)
        for way, to in mine.items():
            way.sendto(REQUEST, to)
elif how == "never-ends":
    print(reset(ways()))
    time.sleep(1000)
elif how == "series":
    # A socket of its own for each reset.
    for _ in range(60):
        print(reset(ways()))
elif how == "series-drained":
    mine = ways()
    for _ in range(60):
        while select.select(list(mine), [], [], 0)[0]:
            select.select(list(mine), [], [], 0)[0][0].recv(64)
        print(reset(mine))
elif how == "stale":
    mine = ways()
    for _ in range(60):
        print(reset(mine))
else:
    print(reset(ways()))
