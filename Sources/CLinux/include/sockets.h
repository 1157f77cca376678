#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// Listening or connected stream socket at `path`, close-on-exec and non-blocking. A path longer than sun_path
/// is reached through a descriptor of its directory.
int clinux_unix_listen(const char *path);
int clinux_unix_connect(const char *path);

/// One datagram to a unix socket: a path, or `@` and an abstract name. 0, or -1 and errno.
int clinux_send_datagram(const char *address, const char *text);

/// accept4(2), close-on-exec and non-blocking.
int clinux_accept(int fd);

/// Who connected to this unix socket, as of connect().
int clinux_peer(int fd, uint32_t *uid, int32_t *pid);

/// send(2) with descriptors (SCM_RIGHTS) attached to the first byte. Never raises SIGPIPE.
ssize_t clinux_send_descriptors(int fd, const void *bytes, size_t length, const int *descriptors, int count);

/// recv(2) with descriptors, close-on-exec. At most 16 are taken; what does not fit is closed by the kernel.
ssize_t clinux_receive_descriptors(int fd, void *bytes, size_t capacity, int *descriptors, int limit, int *count);

/// Error pending on a socket (SO_ERROR), 0 if none.
int clinux_socket_error(int fd);
