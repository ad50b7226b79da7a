/* Fails the n-th call that changes a file below a folder, or kills the process there. Preloaded (LD_PRELOAD), so that
   it is the C library to Python, SQLite and everything else; armed by `fail_nth`, through ctypes, after a fork. */
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
static int mode, lasts;

/* Count calls below a folder from now on. In the n-th (from 1; 0 for none) do what `mode` says; `lasting`: in all
   later ones too. */
void fail_nth(const char *folder, long n, int what, int lasting) {
    strncpy(below, folder, sizeof below - 1);
    calls = 0, target = n, mode = what, lasts = lasting;
}

long calls_so_far(void) { return calls; }

static int is_below(const char *path) {
    char full[2 * PATH_MAX];
    if (path[0] != '/') {
        char current[PATH_MAX];
        if (!getcwd(current, sizeof current)) return 0;
        snprintf(full, sizeof full, "%s/%s", current, path);
        path = full;
    }
    size_t length = strlen(below);
    return !strncmp(path, below, length) && (path[length] == '/' || !path[length]);
}

static int fd_is_below(int fd) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return is_below(path);
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
    switch (strikes(target >= 0 && fd_is_below(fd))) {
    case 1: return -1;
    case 2: return torn(fd, data, size);
    }
    return REAL(write)(fd, data, size);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    switch (strikes(target >= 0 && fd_is_below(fd))) {
    case 1: return -1;
    case 2: raise(SIGKILL);
    }
    return REAL(pwrite64)(fd, data, size, at);
}

#define ON_FD(name, parameters, arguments)                                                                             \
    int name parameters {                                                                                              \
        int strike = strikes(target >= 0 && fd_is_below(fd));                                                          \
        if (strike == 2) raise(SIGKILL);                                                                               \
        return strike ? -1 : REAL(name) arguments;                                                                     \
    }

#define ON_PATH(name, parameters, arguments)                                                                           \
    int name parameters {                                                                                              \
        int strike = strikes(target >= 0 && is_below(path));                                                           \
        if (strike == 2) raise(SIGKILL);                                                                               \
        return strike ? -1 : REAL(name) arguments;                                                                     \
    }

ON_FD(fsync, (int fd), (fd))
ON_FD(fdatasync, (int fd), (fd))
ON_FD(ftruncate64, (int fd, off64_t size), (fd, size))
ON_PATH(truncate64, (const char *path, off64_t size), (path, size))
ON_PATH(rename, (const char *path, const char *to), (path, to))
ON_PATH(unlink, (const char *path), (path))
ON_PATH(rmdir, (const char *path), (path))
ON_PATH(mkdir, (const char *path, mode_t bits), (path, bits))
ON_PATH(link, (const char *path, const char *to), (path, to))
ON_PATH(symlink, (const char *path, const char *to), (path, to))

int unlinkat(int folder, const char *path, int flags) {
    int strike = strikes(target >= 0 && (folder == AT_FDCWD ? is_below(path) : fd_is_below(folder)));
    if (strike == 2) raise(SIGKILL);
    return strike ? -1 : REAL(unlinkat)(folder, path, flags);
}

int open64(const char *path, int flags, ...) {
    mode_t bits = 0;
    if (flags & O_CREAT) {
        va_list rest;
        va_start(rest, flags);
        bits = va_arg(rest, mode_t);
        va_end(rest);
    }
    if (flags & (O_CREAT | O_TRUNC)) {
        int strike = strikes(target >= 0 && is_below(path));
        if (strike == 2) raise(SIGKILL);
        if (strike) return -1;
    }
    return REAL(open64)(path, flags, bits);
}
