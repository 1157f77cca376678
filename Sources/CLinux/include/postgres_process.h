#pragma once
// Calls of PostgresClient that glibc shows only under _GNU_SOURCE, which Swift's Glibc lacks.

#include <sys/types.h>

/// Non-blocking, close-on-exec eventfd; -1 and errno on failure.
int signalbox_eventfd(void);

/// pidfd of a process; -1 and errno on failure.
int signalbox_pidfd_of(pid_t pid);

/// Sends `signal` to the process behind a pidfd, never to a later owner of its number.
int signalbox_pidfd_kill(int pidfd, int signal);

/// Spawns `path` in a new session, in `directory`, with default signal dispositions and an empty
/// mask. The child's standard input is `input`, its standard output and error are `output`; every
/// other descriptor is closed. Returns 0 or an errno.
int signalbox_spawn_session(pid_t *pid, const char *path, char *const arguments[],
                            char *const environment[], const char *directory, int input, int output);
