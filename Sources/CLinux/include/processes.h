#pragma once
#include <stdint.h>
#include <sys/types.h>

/// Descriptor that stands for a process: never for another one that took its number.
int clinux_pidfd_open(int32_t pid);
int clinux_pidfd_signal(int pidfd, int signal);
/// 1: the process has ended (or is a zombie), 0: it lives.
int clinux_pidfd_ended(int pidfd);
/// Reaps an ended child without waiting. 1: reaped, `code` or `signal` set (the other is -1); 0: still running;
/// -1: not our child.
int clinux_pidfd_reap(int pidfd, int *code, int *signal);

/// Whether any process, a zombie included, has this real uid. The kernel looks: no scan of /proc.
int clinux_uid_has_processes(uint32_t uid);

/// Whether orphans below this process become its children instead of init's.
int clinux_adopt_orphans(int on);

/// A directory (or file) that the child mounts at `stage`/`name` before it gives up its privilege.
struct clinux_staged {
    const char *source;
    const char *name;
    /// The only uid that it may belong to; UINT32_MAX: anybody's. Asked of what is mounted, not of its path.
    uint32_t owner;
};

/// How to start a program. Descriptor numbers in `inherited` become 3, 4, 5, … in it; every other one is closed.
struct clinux_spawn {
    const char *path;
    char *const *arguments;
    char *const *environment;
    int standard_input, standard_output, standard_error;
    const int *inherited;
    int inherited_count;
    /// Opened `cgroup.procs` (or `tasks`) files: the child enters them before anything else.
    const int *cgroups;
    int cgroup_count;
    /// Directory of a version 2 cgroup to be born in, -1: none. Moving there later would wait for a grace period
    /// of the kernel's, some 10 ms.
    int birth_cgroup;
    /// uid and gid to take, all groups dropped, when `change_ids`.
    int change_ids;
    uint32_t uid, gid;
    /// When not NULL: an existing directory over which a private tmpfs is mounted, in a mount namespace of the
    /// child's own, to hold `staged`. So the program reaches these without a way through their parents.
    const char *stage;
    const struct clinux_staged *staged;
    int staged_count;
    /// 0: leave it as it is.
    uint64_t address_space_limit, process_limit, descriptor_limit;
    /// SIGKILL when the calling *thread* ends.
    int dies_with_thread;
};

/// Starts it in a session of its own, signals at their defaults. Returns the pid once exec succeeded. On failure
/// -1 with errno, and `step` names the step that failed.
pid_t clinux_spawn(const struct clinux_spawn *spawn, const char **step);

/// Starts a program that no longer belongs to the caller: own session, parent init, `log` as output.
int clinux_spawn_detached(const char *path, char *const *arguments, char *const *environment, int log);

/// Name of the calling thread, cut to 15 bytes.
void clinux_name_thread(const char *name);
