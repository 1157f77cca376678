#define _GNU_SOURCE
#include "files.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/xattr.h>
#include <unistd.h>

int clinux_unlinked_file(const char *directory) {
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/body-XXXXXX", directory) >= (int)sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int descriptor = mkostemp(path, O_CLOEXEC);
    if (descriptor >= 0) unlink(path);
    return descriptor;
}

int clinux_unnamed_file(const char *directory) {
    // O_EXCL: nobody can give it a name later.
    int descriptor = open(directory, O_TMPFILE | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    // EISDIR: a kernel that does not know the flag.
    if (descriptor >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)) return descriptor;
    return clinux_unlinked_file(directory);
}

int signalbox_sync_filesystem(int descriptor) { return syncfs(descriptor); }

int clinux_attribute_is_set(const char *path, const char *name) {
    char value[2];
    return getxattr(path, name, value, sizeof value) == 1 && value[0] == '1';
}
