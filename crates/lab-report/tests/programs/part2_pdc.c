/* A PDC for part 2: shows a message as soon as the next one begins, and a large text as it is. */
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv) {
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *address;
    if (argc != 2 || getaddrinfo("tcpip.epfl.ch", "5003", &hints, &address) != 0) return 2;
    int link = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(link, address->ai_addr, address->ai_addrlen) != 0) {
        perror("connect");
        return 1;
    }
    send(link, argv[1], strlen(argv[1]), 0);
    int is_short = strncmp(argv[1], "CMD_short", 9) == 0, any = 0;
    char piece[4096];
    ssize_t n;
    setvbuf(stdout, NULL, _IONBF, 0);
    while ((n = recv(link, piece, sizeof piece, 0)) > 0) {
        for (ssize_t i = 0; i < n; i++) {
            if (is_short && piece[i] == 'T' && any) putchar('\n');
            putchar(piece[i]);
            any = 1;
        }
    }
    putchar('\n');
    freeaddrinfo(address);
    return close(link);
}
