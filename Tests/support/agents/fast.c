// The fastest agent we know how to write: one thread, epoll, a fixed answer to each request.
//
// Benchmarks use it as the upstream of every proxy, so that the proxy is what is measured. It trusts
// its peer: a request is a head that ends in an empty line and as many bytes as Content-Length says.
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { bufferSize = 64 * 1024, maximumDescriptors = 4096 };

static const char answer[] =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 23\r\n\r\n{\"result\":\"Hello, Ada\"}";

struct connection {
    // Bytes of the request not yet consumed; body bytes still to skip.
    size_t used, skip;
    char buffer[bufferSize];
};

static struct connection *connections[maximumDescriptors];

static void drop(int fd) {
    close(fd);
    free(connections[fd]);
    connections[fd] = NULL;
}

// Answers every whole request in the buffer. Returns false when the connection is to be closed.
static int consume(int fd, struct connection *c) {
    for (;;) {
        size_t skipped = c->skip < c->used ? c->skip : c->used;
        memmove(c->buffer, c->buffer + skipped, c->used - skipped);
        c->used -= skipped;
        c->skip -= skipped;
        if (c->skip > 0 || c->used == 0) return 1;
        char *end = memmem(c->buffer, c->used, "\r\n\r\n", 4);
        if (!end) return c->used < bufferSize;
        *end = 0;
        char *length = strcasestr(c->buffer, "\r\ncontent-length:");
        if (length) {
            c->skip = strtoul(length + 17, NULL, 10);
        } else if (strcasestr(c->buffer, "\r\ntransfer-encoding:")) {
            // The last chunk has to be in the buffer already: bodies are small here.
            char *last = memmem(end + 4, c->used - (end + 4 - c->buffer), "0\r\n\r\n", 5);
            *end = '\r';
            if (!last) return c->used < bufferSize;
            c->skip = last + 5 - (end + 4);
        }
        c->skip += end + 4 - c->buffer;
        if (write(fd, answer, sizeof answer - 1) != sizeof answer - 1) return 0;
    }
}

int main(int count, char **arguments) {
    int port = count > 1 ? atoi(arguments[1]) : 8080, one = 1;
    signal(SIGPIPE, SIG_IGN);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), poll = epoll_create1(0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1024)) {
        perror("bind");
        return 1;
    }
    epoll_ctl(poll, EPOLL_CTL_ADD, listener, &(struct epoll_event){.events = EPOLLIN, .data.fd = listener});
    for (;;) {
        struct epoll_event events[256];
        int ready = epoll_wait(poll, events, 256, -1);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) {
                while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                    if (fd >= maximumDescriptors || !(connections[fd] = calloc(1, sizeof(struct connection)))) {
                        close(fd);
                        continue;
                    }
                    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                    epoll_ctl(poll, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLIN, .data.fd = fd});
                }
                continue;
            }
            struct connection *c = connections[fd];
            ssize_t got = read(fd, c->buffer + c->used, bufferSize - c->used);
            if (got < 0 && errno == EAGAIN) continue;
            if (got <= 0) {
                drop(fd);
                continue;
            }
            c->used += got;
            if (!consume(fd, c)) drop(fd);
        }
    }
}
