/*
 * A library to preload into redis-server: it writes down how long each append-only file was when it was last flushed
 * to the disk, so that a test can cut the file there and see what a loss of power would have left.
 *
 * A kill -9 alone proves nothing about fsync, since the kernel keeps what the process wrote. FSYNC_SHIM_DIR names the
 * folder that gets one small file for each append-only file: its name is the inode's number (Redis renames files), its
 * content "<length> <path>". The length is that of before the call, and it is written after the call has succeeded:
 * what is written meanwhile by another thread does not count.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef int (*flush_function)(int);

/* Fills `path`; true when the descriptor is one of Redis' append-only files. */
static int is_append_only_file(int descriptor, char path[PATH_MAX]) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length <= 0) return 0;
    path[length] = '\0';
    const char *name = strrchr(path, '/');
    name = name ? name + 1 : path;
    size_t name_length = strlen(name);
    return strstr(name, "appendonly") && name_length > 4 && strcmp(name + name_length - 4, ".aof") == 0;
}

/* A failure here must not pass for a lost flush or a kept one: the test could prove nothing, so Redis ends. */
static void fail(const char *what) {
    fprintf(stderr, "fsync shim: %s: %s\n", what, strerror(errno));
    abort();
}

static void record(ino_t inode, off_t length, const char *path) {
    const char *folder = getenv("FSYNC_SHIM_DIR");
    if (!folder) fail("FSYNC_SHIM_DIR is not set");
    char name[PATH_MAX], content[PATH_MAX + 32];
    if (snprintf(name, sizeof name, "%s/%ju", folder, (uintmax_t)inode) >= (int)sizeof name) fail("long folder");
    /* Fixed width: a later record overwrites the whole of an earlier one in one write. */
    int size = snprintf(content, sizeof content, "%020jd %-*s\n", (intmax_t)length, 400, path);
    int file = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (file < 0) fail(name);
    if (pwrite(file, content, (size_t)size, 0) != size) fail(name);
    close(file);
}

static int flush_and_record(const char *symbol, int descriptor) {
    flush_function real = (flush_function)dlsym(RTLD_NEXT, symbol);
    if (!real) fail(symbol);
    char path[PATH_MAX];
    struct stat before;
    if (!is_append_only_file(descriptor, path)) return real(descriptor);
    if (fstat(descriptor, &before) != 0) fail("fstat");
    int result = real(descriptor);
    int saved_errno = errno;
    if (result == 0) record(before.st_ino, before.st_size, path);
    errno = saved_errno;
    return result;
}

int fdatasync(int descriptor) { return flush_and_record("fdatasync", descriptor); }

int fsync(int descriptor) { return flush_and_record("fsync", descriptor); }
