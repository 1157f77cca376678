#pragma once
// The few Linux calls that `import Glibc` does not show (it defines no _GNU_SOURCE). One header per subject.
#include "descriptors.h"
#include "files.h"
#include "namespaces.h"
#include "netlink.h"
#include "postgres_process.h"
#include "processes.h"
#include "seccomp_filter.h"
#include "sockets.h"
