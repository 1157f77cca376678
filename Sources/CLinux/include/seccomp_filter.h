#pragma once
#include <stddef.h>

/// Bytes of the classic BPF program for bubblewrap's `--seccomp`, in a static buffer. NULL: this processor's
/// system calls are not known here.
const void *clinux_seccomp_filter(size_t *length);
