#define _GNU_SOURCE
#include "files.h"
#include <unistd.h>

int signalbox_sync_filesystem(int descriptor) { return syncfs(descriptor); }
