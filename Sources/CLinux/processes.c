#define _GNU_SOURCE
#include "processes.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

int clinux_pidfd_open(int32_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

int clinux_pidfd_signal(int pidfd, int signal) { return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0); }

int clinux_pidfd_ended(int pidfd) {
    struct pollfd entry = {.fd = pidfd, .events = POLLIN};
    int n;
    do {
        n = poll(&entry, 1, 0);
    } while (n < 0 && errno == EINTR);
    return n;
}

int clinux_pidfd_reap(int pidfd, int *code, int *signal) {
    siginfo_t info;
    memset(&info, 0, sizeof info);
    int n;
    do {
        n = waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG);
    } while (n < 0 && errno == EINTR);
    if (n < 0) return -1;
    if (info.si_pid == 0) return 0;
    *code = info.si_code == CLD_EXITED ? info.si_status : -1;
    *signal = info.si_code == CLD_EXITED ? -1 : info.si_status;
    return 1;
}

int clinux_uid_has_processes(uint32_t uid) {
    errno = 0;
    return getpriority(PRIO_USER, uid) != -1 || errno != ESRCH;
}

int clinux_adopt_orphans(int on) { return prctl(PR_SET_CHILD_SUBREAPER, on, 0, 0, 0); }

void clinux_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

// What failed in the child, told through a pipe that exec closes.
struct failure {
    int error;
    int step;
};

enum step { STEP_SIGNALS, STEP_CGROUP, STEP_STAGE, STEP_LIMITS, STEP_IDS, STEP_DESCRIPTORS, STEP_EXEC, STEP_COUNT };

static const char *const step_names[STEP_COUNT] = {
    "preparing the process", "entering the cgroup", "mounting its directories", "setting resource limits",
    "taking the sandbox's uid", "passing descriptors", "executing the program",
};

static int set_limit(int resource, uint64_t value) {
    struct rlimit limit;
    if (getrlimit(resource, &limit) < 0) return -1;
    if (limit.rlim_max != RLIM_INFINITY && value > limit.rlim_max) value = limit.rlim_max;
    limit.rlim_cur = limit.rlim_max = value;
    return setrlimit(resource, &limit);
}

static int stage_directories(const struct clinux_spawn *spawn) {
    if (unshare(CLONE_NEWNS) < 0) return -1;
    if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0) return -1;
    // Sources are looked up before the tmpfs hides the stage, in this namespace: a mount cannot be bound from another.
    int sources[8];
    if (spawn->staged_count > 8) {
        errno = E2BIG;
        return -1;
    }
    for (int i = 0; i < spawn->staged_count; i++) {
        sources[i] = open(spawn->staged[i].source, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (sources[i] < 0) return -1;
        struct stat status;
        if (fstat(sources[i], &status) < 0) return -1;
        if (spawn->staged[i].owner != UINT32_MAX && spawn->staged[i].owner != status.st_uid) {
            errno = EACCES;
            return -1;
        }
    }
    if (mount("signalbox", spawn->stage, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=64k") < 0) return -1;
    // A user namespace may mount a /proc only while it sees one of which nothing is hidden. Containers and hardened
    // services hide parts of theirs. Where this is refused, bubblewrap says so.
    char processes[512];
    snprintf(processes, sizeof processes, "%s/proc", spawn->stage);
    if (mkdir(processes, 0555) == 0) mount("proc", processes, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    for (int i = 0; i < spawn->staged_count; i++) {
        char source[64], target[512];
        snprintf(source, sizeof source, "/proc/self/fd/%d", sources[i]);
        int length = snprintf(target, sizeof target, "%s/%s", spawn->stage, spawn->staged[i].name);
        if (length < 0 || (size_t)length >= sizeof target) {
            errno = ENAMETOOLONG;
            return -1;
        }
        if (mkdir(target, 0755) < 0 || mount(source, target, NULL, MS_BIND | MS_REC, NULL) < 0) return -1;
        close(sources[i]);
    }
    return 0;
}

static int pass_descriptors(const struct clinux_spawn *spawn, int *report) {
    int count = spawn->inherited_count + 3;
    int wanted[24], high[24];
    if (count > 20) {
        errno = E2BIG;
        return -1;
    }
    wanted[0] = spawn->standard_input;
    wanted[1] = spawn->standard_output;
    wanted[2] = spawn->standard_error;
    for (int i = 3; i < count; i++) wanted[i] = spawn->inherited[i - 3];
    wanted[count] = *report;
    // First out of the way, then into place: a source may stand where another must go.
    for (int i = 0; i <= count; i++) {
        high[i] = fcntl(wanted[i], F_DUPFD_CLOEXEC, 64);
        if (high[i] < 0) return -1;
    }
    for (int i = 0; i < count; i++) {
        if (dup2(high[i], i) < 0) return -1;
    }
    if (dup3(high[count], count, O_CLOEXEC) < 0) return -1;
    *report = count;
    return (int)syscall(SYS_close_range, (unsigned)count + 1, ~0U, 0);
}

static void run_child(const struct clinux_spawn *spawn, pid_t parent, int report) {
    struct failure failure = {0, STEP_SIGNALS};
    for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
    if (setsid() < 0) goto failed;
    umask(022);

    failure.step = STEP_CGROUP;
    for (int i = 0; i < spawn->cgroup_count; i++) {
        if (write(spawn->cgroups[i], "0", 1) != 1) goto failed;
    }
    failure.step = STEP_STAGE;
    if (spawn->stage != NULL && stage_directories(spawn) < 0) goto failed;
    if (chdir("/") < 0) goto failed;

    failure.step = STEP_LIMITS;
    if (set_limit(RLIMIT_CORE, 0) < 0) goto failed;
    if (spawn->descriptor_limit != 0 && set_limit(RLIMIT_NOFILE, spawn->descriptor_limit) < 0) goto failed;
    if (spawn->address_space_limit != 0 && set_limit(RLIMIT_AS, spawn->address_space_limit) < 0) goto failed;
    if (spawn->process_limit != 0 && set_limit(RLIMIT_NPROC, spawn->process_limit) < 0) goto failed;

    failure.step = STEP_IDS;
    if (spawn->change_ids) {
        if (syscall(SYS_setgroups, 0, NULL) < 0) goto failed;
        if (syscall(SYS_setresgid, spawn->gid, spawn->gid, spawn->gid) < 0) goto failed;
        if (syscall(SYS_setresuid, spawn->uid, spawn->uid, spawn->uid) < 0) goto failed;
    }
    // After the change of uid, which clears it.
    failure.step = STEP_SIGNALS;
    if (spawn->dies_with_thread) {
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) goto failed;
        if (getppid() != parent) _exit(127);
    }
    failure.step = STEP_DESCRIPTORS;
    if (pass_descriptors(spawn, &report) < 0) goto failed;

    failure.step = STEP_EXEC;
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve(spawn->path, spawn->arguments, spawn->environment);
failed:
    failure.error = errno;
    ssize_t ignored = write(report, &failure, sizeof failure);
    (void)ignored;
    _exit(127);
}

// fork(2), the child a member of a version 2 cgroup from the start. Kernel 5.7; ENOSYS or EINVAL before.
static pid_t fork_into(int cgroup) {
    if (cgroup < 0) return _Fork();
    struct clone_args arguments;
    memset(&arguments, 0, sizeof arguments);
    arguments.flags = CLONE_INTO_CGROUP;
    arguments.exit_signal = SIGCHLD;
    arguments.cgroup = (uint64_t)cgroup;
    return (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
}

pid_t clinux_spawn(const struct clinux_spawn *spawn, const char **step) {
    *step = "starting a process";
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) return -1;
    // No handler of ours may run in the child before exec.
    sigset_t all, previous;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &previous);
    pid_t parent = getpid();
    pid_t pid = fork_into(spawn->birth_cgroup);
    if (pid == 0) run_child(spawn, parent, ends[1]);
    int saved = errno;
    pthread_sigmask(SIG_SETMASK, &previous, NULL);
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        errno = saved;
        return -1;
    }
    struct failure failure;
    ssize_t n;
    do {
        n = read(ends[0], &failure, sizeof failure);
    } while (n < 0 && errno == EINTR);
    close(ends[0]);
    if (n == 0) return pid;
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {}
    if (n == (ssize_t)sizeof failure && failure.step >= 0 && failure.step < STEP_COUNT) {
        *step = step_names[failure.step];
        errno = failure.error;
    } else {
        errno = EIO;
    }
    return -1;
}

int clinux_spawn_detached(const char *path, char *const *arguments, char *const *environment, int log) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) return -1;
    sigset_t all, previous;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &previous);
    pid_t pid = _Fork();
    if (pid == 0) {
        setsid();
        // Twice, so that init is the parent and no terminal can be acquired.
        if (_Fork() != 0) _exit(0);
        int null = open("/dev/null", O_RDWR);
        int report = fcntl(ends[1], F_DUPFD_CLOEXEC, 16);
        int output = fcntl(log, F_DUPFD_CLOEXEC, 16);
        if (null >= 0 && report >= 0 && output >= 0 && dup2(null, 0) >= 0 && dup2(output, 1) >= 0 &&
            dup2(output, 2) >= 0 && dup3(report, 3, O_CLOEXEC) >= 0 && chdir("/") == 0) {
            syscall(SYS_close_range, 4, ~0U, 0);
            report = 3;
            for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
            sigset_t none;
            sigemptyset(&none);
            sigprocmask(SIG_SETMASK, &none, NULL);
            execve(path, arguments, environment);
        }
        int error = errno;
        ssize_t ignored = write(report, &error, sizeof error);
        (void)ignored;
        _exit(127);
    }
    int saved = errno;
    pthread_sigmask(SIG_SETMASK, &previous, NULL);
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        errno = saved;
        return -1;
    }
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {}
    int error = 0;
    ssize_t n;
    do {
        n = read(ends[0], &error, sizeof error);
    } while (n < 0 && errno == EINTR);
    close(ends[0]);
    if (n == 0) return 0;
    errno = n == (ssize_t)sizeof error ? error : EIO;
    return -1;
}
