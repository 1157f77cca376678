#pragma once
#include <stdint.h>

/// A network namespace of the calling thread, to be given back to it later.
int clinux_open_own_network(void);

/// Non-blocking TCP socket (IPv4) created in `network`. The calling thread is in `own` before and after; should
/// the way back fail, the process aborts, because its next socket would be another's.
int clinux_socket_in_network(int network, int own);

/// For a supervisor without privilege: a process that joins the user namespace owning `network`, then `network`,
/// and makes sockets on request, until the control descriptor closes. Returns its pid.
int clinux_start_socket_helper(int network, int *control);

/// One connected-or-connecting socket from the helper. Waits for it a second at most.
int clinux_socket_from_helper(int control, uint16_t port);

/// Begins a connection to 127.0.0.1:port. 0: connected or in progress.
int clinux_connect_loopback(int fd, uint16_t port);
