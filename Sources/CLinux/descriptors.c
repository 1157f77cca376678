#define _GNU_SOURCE
#include "descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

int clinux_pipe(int ends[2], int nonblocking) { return pipe2(ends, O_CLOEXEC | (nonblocking ? O_NONBLOCK : 0)); }

int clinux_memory_file(const void *bytes, size_t length) {
    int fd = memfd_create("signalbox", MFD_CLOEXEC);
    if (fd < 0) return -1;
    size_t done = 0;
    while (done < length) {
        ssize_t n = pwrite(fd, (const char *)bytes + done, length - done, (off_t)done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            int saved = errno;
            close(fd);
            errno = saved;
            return -1;
        }
        done += (size_t)n;
    }
    return fd;
}

int clinux_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

static int lock_byte(int fd, int64_t offset, short type) {
    struct flock lock;
    memset(&lock, 0, sizeof lock);
    lock.l_type = type;
    lock.l_whence = SEEK_SET;
    lock.l_start = offset;
    lock.l_len = 1;
    return fcntl(fd, F_OFD_SETLK, &lock);
}

int clinux_lock_byte(int fd, int64_t offset) { return lock_byte(fd, offset, F_WRLCK); }
int clinux_unlock_byte(int fd, int64_t offset) { return lock_byte(fd, offset, F_UNLCK); }

int clinux_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }

static int epoll_set(int epoll, int operation, int fd, uint64_t token, int writable_too) {
    struct epoll_event event;
    memset(&event, 0, sizeof event);
    event.events = EPOLLIN | (writable_too ? (uint32_t)EPOLLOUT : 0);
    event.data.u64 = token;
    return epoll_ctl(epoll, operation, fd, &event);
}

int clinux_epoll_add(int epoll, int fd, uint64_t token, int writable_too) {
    return epoll_set(epoll, EPOLL_CTL_ADD, fd, token, writable_too);
}

int clinux_epoll_change(int epoll, int fd, uint64_t token, int writable_too) {
    return epoll_set(epoll, EPOLL_CTL_MOD, fd, token, writable_too);
}

int clinux_epoll_remove(int epoll, int fd) { return epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL); }

int clinux_epoll_wait(int epoll, struct clinux_ready *ready, int capacity) {
    struct epoll_event events[64];
    if (capacity > 64) capacity = 64;
    int count = epoll_wait(epoll, events, capacity, -1);
    if (count < 0) return errno == EINTR ? 0 : -1;
    for (int i = 0; i < count; i++) {
        ready[i].token = events[i].data.u64;
        ready[i].readable = (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR | EPOLLRDHUP)) != 0;
        ready[i].writable = (events[i].events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0;
    }
    return count;
}
