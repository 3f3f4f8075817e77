// Loaded before the C library: while the file that FAILING_DISK names exists, writing and syncing
// databases fails with the error whose number is in it, as a disk does that has become read-only
// (EROFS, which every write meets) or that breaks (EIO, which only a sync finds out).

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int is_database(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return strstr(path, ".db") != NULL;
}

// Whether the call is to fail; errno is set then.
static int fails(int fd, int is_sync) {
    const char *switch_file = getenv("FAILING_DISK");
    FILE *file = switch_file && is_database(fd) ? fopen(switch_file, "r") : NULL;
    if (!file) return 0;
    int code = 0;
    int read = fscanf(file, "%d", &code);
    fclose(file);
    if (read != 1 || (code == EIO && !is_sync)) return 0;
    errno = code;
    return 1;
}

#define ORIGINAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *bytes, size_t count) {
    return fails(fd, 0) ? -1 : ORIGINAL(write)(fd, bytes, count);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
    return fails(fd, 0) ? -1 : ORIGINAL(pwrite64)(fd, bytes, count, offset);
}

int ftruncate64(int fd, off64_t length) {
    return fails(fd, 0) ? -1 : ORIGINAL(ftruncate64)(fd, length);
}

int fsync(int fd) {
    return fails(fd, 1) ? -1 : ORIGINAL(fsync)(fd);
}

int fdatasync(int fd) {
    return fails(fd, 1) ? -1 : ORIGINAL(fdatasync)(fd);
}
