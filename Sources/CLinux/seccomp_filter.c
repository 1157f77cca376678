#define _GNU_SOURCE
// The sandbox's system call filter: a deny-list modelled on Docker's default profile without any capability.
// Calls newer than this list knows do not exist for a sandbox (ENOSYS), so that a newer kernel opens nothing.
#include "seccomp_filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
#define NATIVE_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#ifdef NATIVE_ARCHITECTURE

// Highest reviewed call: mseal.
#define LAST_KNOWN_CALL 462

static const int denied[] = {
    // Mounts and roots.
    SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_move_mount, SYS_open_tree, SYS_fsopen, SYS_fsconfig,
    SYS_fsmount, SYS_fspick, 442 /* mount_setattr */, SYS_name_to_handle_at, SYS_open_by_handle_at,
    SYS_fanotify_init, SYS_fanotify_mark, SYS_quotactl, 443 /* quotactl_fd */, SYS_swapon, SYS_swapoff,
    // Namespaces. clone and clone3 are treated apart.
    SYS_unshare, SYS_setns,
    // Other processes' memory and descriptors.
    SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_kcmp, SYS_pidfd_getfd, SYS_userfaultfd,
    440 /* process_madvise */,
    // The kernel itself.
    SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_kexec_load, SYS_kexec_file_load, SYS_reboot, SYS_bpf,
    SYS_perf_event_open, SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register, SYS_syslog, SYS_acct,
    SYS_lookup_dcookie, SYS_vhangup, SYS_sethostname, SYS_setdomainname, SYS_nfsservctl, 447 /* memfd_secret */,
    // Keys are not in any namespace.
    SYS_add_key, SYS_request_key, SYS_keyctl,
    // Clocks and the placement of memory.
    SYS_settimeofday, SYS_clock_settime, SYS_clock_adjtime, SYS_adjtimex, SYS_mbind, SYS_set_mempolicy,
    SYS_get_mempolicy, SYS_migrate_pages, SYS_move_pages, 450 /* set_mempolicy_home_node */,
#ifdef __x86_64__
    SYS_iopl, SYS_ioperm, SYS_modify_ldt, SYS_uselib, SYS_ustat, SYS_sysfs, SYS__sysctl, SYS_create_module,
    SYS_get_kernel_syms, SYS_query_module, SYS_vserver,
#endif
};

#define DENIED_COUNT (sizeof denied / sizeof denied[0])
#define CALL offsetof(struct seccomp_data, nr)
#define ARCHITECTURE offsetof(struct seccomp_data, arch)
// The low half of an argument: both architectures are little-endian.
#define ARGUMENT(n) (offsetof(struct seccomp_data, args) + 8 * (n))
#define REFUSE(error) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error))
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define LOAD(what) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (what))
#define SKIP_UNLESS(value, count) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, (count))

#define NAMESPACE_FLAGS                                                                                              \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET |      \
     0x80u /* CLONE_NEWTIME */)

static struct sock_filter program[96 + 2 * DENIED_COUNT];
static size_t program_length;
static pthread_once_t built = PTHREAD_ONCE_INIT;

static void put(struct sock_filter instruction) { program[program_length++] = instruction; }

static void build(void) {
    // Another architecture's numbers mean other calls.
    put((struct sock_filter)LOAD(ARCHITECTURE));
    put((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE_ARCHITECTURE, 1, 0));
    put((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
    put((struct sock_filter)LOAD(CALL));
#ifdef __x86_64__
    // x32: the same kernel entry under other numbers.
    put((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000u, 0, 1));
    put((struct sock_filter)REFUSE(EPERM));
#endif
    put((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, LAST_KNOWN_CALL, 0, 1));
    put((struct sock_filter)REFUSE(ENOSYS));

    for (size_t i = 0; i < DENIED_COUNT; i++) {
        put((struct sock_filter)SKIP_UNLESS((uint32_t)denied[i], 1));
        put((struct sock_filter)REFUSE(EPERM));
    }

    // clone3 keeps its flags in memory, out of a filter's sight; the C library falls back to clone.
    put((struct sock_filter)SKIP_UNLESS(435, 1));
    put((struct sock_filter)REFUSE(ENOSYS));

    put((struct sock_filter)SKIP_UNLESS(SYS_clone, 4));
    put((struct sock_filter)LOAD(ARGUMENT(0)));
    put((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, NAMESPACE_FLAGS, 0, 1));
    put((struct sock_filter)REFUSE(EPERM));
    put((struct sock_filter)ALLOW);

    // Families that are in no network namespace (vsock above all) or of no use to an agent.
    put((struct sock_filter)SKIP_UNLESS(SYS_socket, 7));
    put((struct sock_filter)LOAD(ARGUMENT(0)));
    put((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 4, 0));
    put((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET, 3, 0));
    put((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET6, 2, 0));
    put((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_NETLINK, 1, 0));
    put((struct sock_filter)REFUSE(EAFNOSUPPORT));
    put((struct sock_filter)ALLOW);

    // Input pushed into a terminal (TIOCSTI, TIOCLINUX).
    put((struct sock_filter)SKIP_UNLESS(SYS_ioctl, 5));
    put((struct sock_filter)LOAD(ARGUMENT(1)));
    put((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x5412, 1, 0));
    put((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x541c, 0, 1));
    put((struct sock_filter)REFUSE(EPERM));
    put((struct sock_filter)ALLOW);

    // personality: Linux, 32-bit Linux, uname 2.6 and the question; nothing that weakens address layout.
    put((struct sock_filter)SKIP_UNLESS(SYS_personality, 7));
    put((struct sock_filter)LOAD(ARGUMENT(0)));
    put((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x0, 4, 0));
    put((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x8, 3, 0));
    put((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x20000, 2, 0));
    put((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0xffffffff, 1, 0));
    put((struct sock_filter)REFUSE(EPERM));
    put((struct sock_filter)ALLOW);

    put((struct sock_filter)ALLOW);
}

const void *clinux_seccomp_filter(size_t *length) {
    pthread_once(&built, build);
    *length = program_length * sizeof program[0];
    return program;
}

#else

const void *clinux_seccomp_filter(size_t *length) {
    *length = 0;
    return NULL;
}

#endif
