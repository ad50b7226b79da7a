/* Fails the n-th call that changes a file below a folder, or kills the process there; or writes a journal of the calls.
   Preloaded (LD_PRELOAD), so that it is the C library to Python, SQLite and everything else; armed by `fail_nth`, or
   by `keep_journal`, through ctypes, after a fork. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { COUNT = 0, KILL = -1, TEAR = -2 }; /* TEAR: half of a write, then KILL; any other is an errno */

static char below[PATH_MAX];
static long calls, target = -1;
static int mode, lasts, journal = -1;

/* Count calls below a folder from now on. In the n-th (from 1; 0 for none) do what `mode` says; `lasting`: in all
   later ones too. */
void fail_nth(const char *folder, long n, int what, int lasting) {
    strncpy(below, folder, sizeof below - 1);
    calls = 0, target = n, mode = what, lasts = lasting;
}

long calls_so_far(void) { return calls; }

/* Write each call below a folder that succeeds to a file, as a line: its name, its path, and a number or a path. */
void keep_journal(const char *folder, int file) {
    strncpy(below, folder, sizeof below - 1);
    journal = file;
}

static int is_watched(void) { return target >= 0 || journal >= 0; }

static const char *absolute(const char *path, char full[2 * PATH_MAX]) {
    char current[PATH_MAX];
    if (path[0] == '/' || !getcwd(current, sizeof current)) return path;
    snprintf(full, 2 * PATH_MAX, "%s/%s", current, path);
    return full;
}

static int is_below(const char *path) {
    char full[2 * PATH_MAX];
    path = absolute(path, full);
    size_t length = strlen(below);
    return !strncmp(path, below, length) && (path[length] == '/' || !path[length]);
}

static const char *path_of(int fd, char path[PATH_MAX]) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    path[length < 0 ? 0 : length] = 0;
    return path;
}

static int fd_is_below(int fd) {
    char path[PATH_MAX];
    return is_below(path_of(fd, path));
}

static void note_number(const char *name, const char *path, long number) {
    char full[2 * PATH_MAX];
    if (journal >= 0) dprintf(journal, "%s\t%s\t%ld\n", name, absolute(path, full), number);
}

static void note_path(const char *name, const char *path, const char *to) {
    char full[2 * PATH_MAX], full_to[2 * PATH_MAX];
    if (journal >= 0) dprintf(journal, "%s\t%s\t%s\n", name, absolute(path, full), absolute(to, full_to));
}

static void note_data(int fd, const unsigned char *data, ssize_t size, off64_t at) {
    char path[PATH_MAX];
    if (journal < 0) return;
    dprintf(journal, "write\t%s\t%ld\t", path_of(fd, path), (long)at);
    for (ssize_t i = 0; i < size; i++) dprintf(journal, "%02x", data[i]);
    dprintf(journal, "\n");
}

/* 0: go on; 1: fail, errno is set; 2: tear. */
static int strikes(int is_in_folder) {
    if (target < 0 || !is_in_folder) return 0;
    calls++;
    if (!target || !(calls == target || (lasts && calls > target)) || mode == COUNT) return 0;
    if (mode == TEAR) return 2;
    if (mode == KILL) raise(SIGKILL);
    errno = mode;
    return 1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static ssize_t torn(int fd, const void *data, size_t size) {
    ssize_t ignored = REAL(write)(fd, data, size / 2);
    raise(SIGKILL);
    return ignored;
}

ssize_t write(int fd, const void *data, size_t size) {
    int is_in = is_watched() && fd_is_below(fd);
    switch (strikes(is_in)) {
    case 1: return -1;
    case 2: return torn(fd, data, size);
    }
    ssize_t written = REAL(write)(fd, data, size);
    if (is_in && written > 0) note_data(fd, data, written, lseek64(fd, 0, SEEK_CUR) - written);
    return written;
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    int is_in = is_watched() && fd_is_below(fd);
    switch (strikes(is_in)) {
    case 1: return -1;
    case 2: raise(SIGKILL);
    }
    ssize_t written = REAL(pwrite64)(fd, data, size, at);
    if (is_in && written > 0) note_data(fd, data, written, at);
    return written;
}

#define CALL(is_inside, name, arguments, note)                                                                         \
    int is_in = is_watched() && is_inside, strike = strikes(is_in);                                                    \
    if (strike == 2) raise(SIGKILL);                                                                                   \
    if (strike) return -1;                                                                                             \
    int result = REAL(name) arguments;                                                                                 \
    if (is_in && !result) note;                                                                                        \
    return result;

#define ON_FD(name, parameters, arguments, size)                                                                       \
    int name parameters {                                                                                              \
        char path[PATH_MAX];                                                                                           \
        CALL(fd_is_below(fd), name, arguments, note_number(#name, path_of(fd, path), size))                            \
    }

#define ON_PATH(name, parameters, arguments, number)                                                                   \
    int name parameters { CALL(is_below(path), name, arguments, note_number(#name, path, number)) }

#define ON_PATHS(name)                                                                                                 \
    int name(const char *path, const char *to) { CALL(is_below(path), name, (path, to), note_path(#name, path, to)) }

ON_FD(fsync, (int fd), (fd), 0)
ON_FD(fdatasync, (int fd), (fd), 0)
ON_FD(ftruncate64, (int fd, off64_t size), (fd, size), size)
ON_PATH(truncate64, (const char *path, off64_t size), (path, size), size)
ON_PATH(unlink, (const char *path), (path), 0)
ON_PATH(rmdir, (const char *path), (path), 0)
ON_PATH(mkdir, (const char *path, mode_t bits), (path, bits), 0)
ON_PATHS(rename)
ON_PATHS(link)
ON_PATHS(symlink)

int unlinkat(int folder, const char *name, int flags) {
    char of_folder[PATH_MAX], path[2 * PATH_MAX];
    if (folder == AT_FDCWD) snprintf(path, sizeof path, "%s", name);
    else snprintf(path, sizeof path, "%s/%s", is_watched() ? path_of(folder, of_folder) : "", name);
    CALL(is_below(path), unlinkat, (folder, name, flags), note_number(flags & AT_REMOVEDIR ? "rmdir" : "unlink", path, 0))
}

int open64(const char *path, int flags, ...) {
    mode_t bits = 0;
    if (flags & O_CREAT) {
        va_list rest;
        va_start(rest, flags);
        bits = va_arg(rest, mode_t);
        va_end(rest);
    }
    int is_in = flags & (O_CREAT | O_TRUNC) && is_watched() && is_below(path), strike = strikes(is_in);
    if (strike == 2) raise(SIGKILL);
    if (strike) return -1;
    int fd = REAL(open64)(path, flags, bits);
    if (is_in && fd >= 0) note_number("open", path, flags & O_TRUNC ? 0 : -1);
    return fd;
}
