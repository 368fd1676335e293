/* The shortest server of part 3 that takes and sends many datagrams with one call: what the bench measures against. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { BATCH = 64, LEN = 2048 };

static char in[BATCH][LEN], out[BATCH][32];
static struct sockaddr_in peers[BATCH];
static struct iovec to[BATCH], from[BATCH];
static struct mmsghdr requests[BATCH], answers[BATCH];

int main(void) {
    int pmu = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    if (pmu < 0 || bind(pmu, (struct sockaddr *)&address, len) || getsockname(pmu, (struct sockaddr *)&address, &len))
        return 1;
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        for (int i = 0; i < BATCH; i++) {
            to[i] = (struct iovec){in[i], LEN - 1};
            requests[i].msg_hdr = (struct msghdr){&peers[i], sizeof peers[i], &to[i], 1, NULL, 0, 0};
        }
        int received = recvmmsg(pmu, requests, BATCH, MSG_WAITFORONE, NULL), due = 0;
        if (received < 0)
            return 1;
        for (int i = 0; i < received; i++) {
            unsigned n;
            in[i][requests[i].msg_len] = 0;
            if (sscanf(in[i], "RESET:%u", &n) != 1)
                continue;
            int size = snprintf(out[due], sizeof out[due], "OFFSET=%u", rand() % (n + 1));
            from[due] = (struct iovec){out[due], size};
            answers[due].msg_hdr = (struct msghdr){&peers[i], sizeof peers[i], &from[due], 1, NULL, 0, 0};
            due++;
        }
        for (int sent = 0; sent < due;) {
            int more = sendmmsg(pmu, answers + sent, due - sent, 0);
            if (more < 0)
                return 1;
            sent += more;
        }
    }
}
