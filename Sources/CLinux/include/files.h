#pragma once

/// A file for reading and writing in `directory` that never has a name there: open(2) with O_TMPFILE, which Glibc's module hides.
/// Where the file system has no such thing it has one for a moment. -1 and errno on failure.
int clinux_unnamed_file(const char *directory);

/// The second way by itself: made under a name, which is taken away at once.
int clinux_unlinked_file(const char *directory);

/// syncfs(2), which Glibc's module hides: everything written to the file system of the open file
/// `descriptor` is on disk when it returns 0. -1 and errno otherwise.
int signalbox_sync_filesystem(int descriptor);

/// Whether the extended attribute `name` of `path` is the text "1".
int clinux_attribute_is_set(const char *path, const char *name);
