/* A PMU for part 6 that sends close_notify after its last message, does not wait for that of the client, and closes. */
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int count, char **arguments)
{
    if (count != 4)
        return 2;
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (SSL_CTX_use_certificate_chain_file(context, arguments[2]) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, arguments[3], SSL_FILETYPE_PEM) != 1)
        return 1;
    int door = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    setsockopt(door, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(arguments[1]))};
    if (bind(door, (struct sockaddr *)&address, sizeof address) != 0 || listen(door, 5) != 0)
        return 1;
    for (;;) {
        int client = accept(door, NULL, NULL);
        SSL *pdc = SSL_new(context);
        SSL_set_fd(pdc, client);
        char command[64] = "";
        if (SSL_accept(pdc) == 1 && SSL_read(pdc, command, sizeof command - 1) > 0 &&
            strncmp(command, "CMD_short:", 10) == 0) {
            for (int number = 1; number <= 10; number++) {
                char message[32];
                int length = snprintf(message, sizeof message, "This is PMU data %d", number);
                SSL_write(pdc, message, length);
            }
            SSL_shutdown(pdc);
        }
        close(client);
        SSL_free(pdc);
    }
}
