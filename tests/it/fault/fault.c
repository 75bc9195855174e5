/* Lets the N-th system call of a process that changes or syncs a file fail, as a broken or full disk would.
 *
 * Loaded before the C library (LD_PRELOAD). The file that COMMONHOLD_FAULT names is shared with the test: four numbers of 8 bytes:
 * the call that is to fail (0: none), calls counted so far, calls that failed, the error. Only regular files and folders count; the
 * first three descriptors, where the log goes, and sockets don't. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

struct control {
    _Atomic int64_t at, count, failed, error;
};
static struct control *control;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("COMMONHOLD_FAULT");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0) return;
    void *shared = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (shared != MAP_FAILED) control = shared;
    close(fd);
}

static int fails(void) {
    if (!control || !control->at) return 0;
    if (atomic_fetch_add(&control->count, 1) + 1 != control->at) return 0;
    atomic_fetch_add(&control->failed, 1);
    errno = (int)control->error;
    return 1;
}

static int is_file(int fd) {
    struct stat about;
    return fd > 2 && fstat(fd, &about) == 0 && (S_ISREG(about.st_mode) || S_ISDIR(about.st_mode));
}

#define REAL(name) static __typeof__(name) *real; if (!real) real = dlsym(RTLD_NEXT, #name)
#define ON_FD(type, name, params, args) \
    type name params { REAL(name); if (is_file(fd) && fails()) return -1; return real args; }
#define ON_PATH(name, params, args) \
    int name params { REAL(name); if (fails()) return -1; return real args; }

ON_FD(ssize_t, write, (int fd, const void *bytes, size_t n), (fd, bytes, n))
ON_FD(ssize_t, writev, (int fd, const struct iovec *parts, int n), (fd, parts, n))
ON_FD(ssize_t, pwrite, (int fd, const void *bytes, size_t n, off_t at), (fd, bytes, n, at))
ON_FD(ssize_t, pwrite64, (int fd, const void *bytes, size_t n, off64_t at), (fd, bytes, n, at))
ON_FD(int, fsync, (int fd), (fd))
ON_FD(int, fdatasync, (int fd), (fd))
ON_FD(int, ftruncate, (int fd, off_t length), (fd, length))
ON_FD(int, ftruncate64, (int fd, off64_t length), (fd, length))
ON_PATH(rename, (const char *from, const char *to), (from, to))
ON_PATH(renameat, (int a, const char *from, int b, const char *to), (a, from, b, to))
ON_PATH(link, (const char *from, const char *to), (from, to))
ON_PATH(linkat, (int a, const char *from, int b, const char *to, int flags), (a, from, b, to, flags))
ON_PATH(mkdir, (const char *path, mode_t mode), (path, mode))
