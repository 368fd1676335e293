// A PMU for part 6: answers CMD_short:d, one client after the other.
#include <openssl/ssl.h>
#include <openssl/err.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include <unistd.h>
#include <signal.h>
int main(int c, char **a) {
  signal(SIGPIPE, SIG_IGN);
  SSL_CTX *x = SSL_CTX_new(TLS_server_method());
  SSL_CTX_use_certificate_chain_file(x, a[2]); SSL_CTX_use_PrivateKey_file(x, a[3], SSL_FILETYPE_PEM);
  int d = socket(AF_INET, SOCK_STREAM, 0), one = 1; setsockopt(d, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  struct sockaddr_in s = { .sin_family = AF_INET, .sin_port = htons(atoi(a[1])) };
  bind(d, (void *)&s, sizeof s); listen(d, 5);
  for (;;) {
    int f = accept(d, 0, 0); SSL *l = SSL_new(x); SSL_set_fd(l, f);
    if (SSL_accept(l) > 0) {
      char b[65] = {0}; SSL_read(l, b, 64);
      if (!strncmp(b, "CMD_short:", 10)) for (int i = 1; i <= 10; i++) { char m[40]; sprintf(m, "This is PMU data %d", i); if (SSL_write(l, m, strlen(m)) <= 0) break; sleep(atoi(b + 10)); }
      SSL_shutdown(l);
    }
    SSL_free(l); close(f);
  }
}
