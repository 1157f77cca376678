#define _GNU_SOURCE
#include "namespaces.h"
#include "sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

int clinux_open_own_network(void) { return open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC); }

static int make_socket(void) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    return fd;
}

int clinux_socket_in_network(int network, int own) {
    if (setns(network, CLONE_NEWNET) < 0) return -1;
    int fd = make_socket();
    int saved = errno;
    if (setns(own, CLONE_NEWNET) < 0) abort();
    errno = saved;
    return fd;
}

int clinux_connect_loopback(int fd, uint16_t port) {
    struct sockaddr_in address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0 || errno == EINPROGRESS) return 0;
    return -1;
}

static void serve_sockets(int control, int network) {
    int user = ioctl(network, NS_GET_USERNS);
    if (user < 0 || setns(user, CLONE_NEWUSER) < 0 || setns(network, CLONE_NEWNET) < 0) _exit(1);
    close(user);
    close(network);
    for (;;) {
        uint16_t port;
        ssize_t n = read(control, &port, sizeof port);
        if (n < 0 && errno == EINTR) continue;
        if (n != sizeof port) _exit(0);
        int fd = make_socket();
        int32_t failure = 0;
        if (fd < 0 || clinux_connect_loopback(fd, port) < 0) failure = errno;
        // A refused connection is still handed over: its owner sees the error on it, as with setns.
        clinux_send_descriptors(control, &failure, sizeof failure, &fd, fd >= 0 ? 1 : 0);
        if (fd >= 0) close(fd);
    }
}

int clinux_start_socket_helper(int network, int *control) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) return -1;
    sigset_t all, previous;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &previous);
    pid_t pid = _Fork();
    if (pid == 0) {
        // Only async-signal-safe calls from here on.
        setsid();
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (dup2(ends[1], 0) < 0 || dup2(network, 1) < 0) _exit(1);
        syscall(SYS_close_range, 2, ~0U, 0);
        serve_sockets(0, 1);
    }
    int saved = errno;
    pthread_sigmask(SIG_SETMASK, &previous, NULL);
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        errno = saved;
        return -1;
    }
    struct timeval limit = {.tv_sec = 1};
    setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    *control = ends[0];
    return pid;
}

int clinux_socket_from_helper(int control, uint16_t port) {
    if (send(control, &port, sizeof port, MSG_NOSIGNAL) != sizeof port) return -1;
    int32_t failure = 0;
    int fd = -1, count = 0;
    ssize_t n = clinux_receive_descriptors(control, &failure, sizeof failure, &fd, 1, &count);
    if (n != sizeof failure || count != 1) {
        if (count == 1) close(fd);
        if (n >= 0) errno = failure != 0 ? failure : ECONNRESET;
        return -1;
    }
    return fd;
}
