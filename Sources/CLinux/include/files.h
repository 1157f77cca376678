#pragma once

/// syncfs(2), which Glibc's module hides: everything written to the file system of the open file
/// `descriptor` is on disk when it returns 0. -1 and errno otherwise.
int signalbox_sync_filesystem(int descriptor);

/// Whether the extended attribute `name` of `path` is the text "1".
int clinux_attribute_is_set(const char *path, const char *name);
