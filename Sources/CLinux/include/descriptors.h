#pragma once
#include <stddef.h>
#include <stdint.h>

// All return -1 with errno set on failure, as the calls they stand for. Descriptors are close-on-exec.

/// pipe2(2). `flags` may hold clinux_nonblock for both ends.
int clinux_pipe(int ends[2], int nonblocking);

/// memfd holding `length` bytes, offset at 0.
int clinux_memory_file(const void *bytes, size_t length);

/// eventfd(2), non-blocking.
int clinux_eventfd(void);

/// Exclusive lock on one byte of a file, owned by the open file description: released when the last
/// descriptor of it closes, however the process ends. Fails with EAGAIN when another holds it.
int clinux_lock_byte(int fd, int64_t offset);
int clinux_unlock_byte(int fd, int64_t offset);

/// Readiness of many descriptors. `token` comes back from the wait.
int clinux_epoll_create(void);
int clinux_epoll_add(int epoll, int fd, uint64_t token, int writable_too);
int clinux_epoll_change(int epoll, int fd, uint64_t token, int writable_too);
int clinux_epoll_remove(int epoll, int fd);

struct clinux_ready {
    uint64_t token;
    /// Readable, hung up or in error: reading tells which.
    int readable;
    int writable;
};

/// Waits without limit of time; returns how many of `ready` were filled. EINTR counts as none.
int clinux_epoll_wait(int epoll, struct clinux_ready *ready, int capacity);
