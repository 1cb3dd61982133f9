/* Preloaded into a process that writes a database: tells a trace of everything that reaches the files of one folder,
   lets writes or syncs fail as on a full or broken disk, and moves the wall clock.

   A record of the trace is op, length, offset, inode, and as many bytes of content as the length says; see disk.py.
   The trace has the order in which calls came back. A file that ends in "-shm" is memory of SQLite and ".writer" a
   lock: neither is recorded, but writes to them fail like others. What is in "journal" never fails. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { OPEN = 1, WRITE, TRUNCATE, SYNC, SYNC_FOLDER, UNLINK, CREATE };
enum { NOTHING, DATABASE, FOLDER, UNRECORDED, JOURNAL };
#define FILES 4096

static struct { unsigned char kind; uint64_t inode; } files[FILES];
static char folder[PATH_MAX];
static size_t folder_length;
static int trace = -1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long writes_left = -1, syncs_left = -1, writes_seen = 0, syncs_seen = 0;
static long syncs_to_live = -1;
static int full = 0;
static int64_t clock_offset = 0;

#define REAL(name) \
    static __typeof__(name) *real; \
    if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

/* Begin to record what happens in a folder, without a slash at its end; an empty trace records nothing. */
int ratebook_record(const char *where, const char *path) {
    strncpy(folder, where, sizeof folder - 1);
    folder_length = strlen(folder);
    if (trace >= 0) syscall(SYS_close, trace);
    trace = *path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
    return *path && trace < 0 ? errno : 0;
}

/* Let so many writes (syncs) pass and all later ones fail; -1 for no failure. Counting begins anew. */
void ratebook_fail(long writes, long syncs) {
    pthread_mutex_lock(&lock);
    writes_left = writes, syncs_left = syncs, writes_seen = syncs_seen = 0, full = 0;
    pthread_mutex_unlock(&lock);
}

/* Kill this process instead of making the sync after so many. */
void ratebook_die(long syncs) { syncs_to_live = syncs; }

long ratebook_writes(void) { return writes_seen; }
long ratebook_syncs(void) { return syncs_seen; }

/* The wall clock differs by so many seconds from now on. */
void ratebook_clock(int64_t seconds) { clock_offset = seconds; }

static void tell(uint32_t op, uint64_t inode, int64_t offset, const void *content, uint32_t length) {
    unsigned char head[24];
    if (trace < 0) return;
    memcpy(head, &op, 4), memcpy(head + 4, &length, 4), memcpy(head + 8, &offset, 8), memcpy(head + 16, &inode, 8);
    pthread_mutex_lock(&lock);
    if (syscall(SYS_write, trace, head, sizeof head) != sizeof head) abort();
    for (uint32_t done = 0; done < length;) {
        long count = syscall(SYS_write, trace, (const char *)content + done, length - done);
        if (count <= 0) abort();
        done += count;
    }
    pthread_mutex_unlock(&lock);
}

static int ends(const char *text, const char *end) {
    size_t length = strlen(text), tail = strlen(end);
    return length >= tail && !strcmp(text + length - tail, end);
}

static const char *inside(const char *path) {
    if (!folder_length || strncmp(path, folder, folder_length)) return NULL;
    if (path[folder_length] == '/') return path + folder_length + 1;
    return path[folder_length] ? NULL : "";
}

static int opened(int fd, const char *path, int existed) {
    struct stat found;
    const char *name = inside(path);
    if (fd < 0 || fd >= FILES || !name || syscall(SYS_newfstatat, fd, "", &found, AT_EMPTY_PATH)) return fd;
    files[fd].inode = found.st_ino;
    if (!*name || S_ISDIR(found.st_mode)) files[fd].kind = FOLDER;
    else if (ends(name, "-shm") || ends(name, ".writer")) files[fd].kind = UNRECORDED;
    else {
        files[fd].kind = ends(name, "journal") && !ends(name, "-journal") ? JOURNAL : DATABASE;
        tell(existed ? OPEN : CREATE, found.st_ino, 0, name, strlen(name));
    }
    return fd;
}

static int exists(const char *path) { return !syscall(SYS_faccessat, AT_FDCWD, path, F_OK); }

static int is_full(int fd) {
    if (fd < 0 || fd >= FILES || (files[fd].kind != DATABASE && files[fd].kind != UNRECORDED)) return 0;
    pthread_mutex_lock(&lock);
    writes_seen++;
    int found = 0;
    if (writes_left == 0) found = full++ ? 2 : 1;
    else if (writes_left > 0) writes_left--;
    pthread_mutex_unlock(&lock);
    return found;
}

#define OPENING(name, call, path) \
    int mode = 0; \
    if (flags & O_CREAT) { va_list rest; va_start(rest, flags); mode = va_arg(rest, int); va_end(rest); } \
    REAL(name); \
    const char *own = inside(path); \
    int existed = own ? exists(path) : 1; \
    if (own && *own && !existed && (flags & O_CREAT) && writes_left == 0 && !ends(own, "journal")) \
        return errno = ENOSPC, -1; \
    return opened(call, path, existed);

int open(const char *path, int flags, ...) { OPENING(open, real(path, flags, mode), path) }
int open64(const char *path, int flags, ...) { OPENING(open64, real(path, flags, mode), path) }
int openat(int at, const char *path, int flags, ...) { OPENING(openat, real(at, path, flags, mode), path) }
int openat64(int at, const char *path, int flags, ...) { OPENING(openat64, real(at, path, flags, mode), path) }

int close(int fd) {
    REAL(close);
    if (fd >= 0 && fd < FILES) files[fd].kind = NOTHING;
    return real(fd);
}

static ssize_t wrote(int fd, const void *content, ssize_t count, int64_t offset) {
    if (count > 0 && fd >= 0 && fd < FILES && (files[fd].kind == DATABASE || files[fd].kind == JOURNAL))
        tell(WRITE, files[fd].inode, offset, content, count);
    return count;
}

/* The first write that does not fit is taken in half, as a disk does; there is no room for what follows. */
#define WRITING(name, call_whole, offset) \
    REAL(name); \
    int no_room = is_full(fd); \
    if (no_room == 2 || (no_room == 1 && length < 2)) return errno = ENOSPC, -1; \
    if (no_room == 1) length /= 2; \
    return wrote(fd, content, call_whole, offset);

ssize_t write(int fd, const void *content, size_t length) {
    int64_t place = -1;
    if (fd >= 0 && fd < FILES && files[fd].kind == DATABASE) place = lseek(fd, 0, SEEK_CUR);
    WRITING(write, real(fd, content, length), place)
}
ssize_t pwrite(int fd, const void *content, size_t length, off_t offset) {
    WRITING(pwrite, real(fd, content, length, offset), offset)
}
ssize_t pwrite64(int fd, const void *content, size_t length, off64_t offset) {
    WRITING(pwrite64, real(fd, content, length, offset), offset)
}

#define TRUNCATING(name) \
    REAL(name); \
    int done = real(fd, length); \
    if (!done && fd >= 0 && fd < FILES && files[fd].kind == DATABASE) tell(TRUNCATE, files[fd].inode, length, "", 0); \
    return done;

int ftruncate(int fd, off_t length) { TRUNCATING(ftruncate) }
int ftruncate64(int fd, off64_t length) { TRUNCATING(ftruncate64) }

#define SYNCING(name) \
    REAL(name); \
    if (fd >= 0 && fd < FILES && files[fd].kind == DATABASE) { \
        pthread_mutex_lock(&lock); \
        syncs_seen++; \
        int fails = syncs_left == 0; \
        if (syncs_left > 0) syncs_left--; \
        if (syncs_to_live == 0) kill(getpid(), SIGKILL); \
        if (syncs_to_live > 0) syncs_to_live--; \
        pthread_mutex_unlock(&lock); \
        if (fails) return errno = EIO, -1; \
    } \
    int done = real(fd); \
    if (!done && fd >= 0 && fd < FILES) { \
        if (files[fd].kind == DATABASE) tell(SYNC, files[fd].inode, 0, "", 0); \
        if (files[fd].kind == FOLDER) tell(SYNC_FOLDER, files[fd].inode, 0, "", 0); \
    } \
    return done;

int fsync(int fd) { SYNCING(fsync) }
int fdatasync(int fd) { SYNCING(fdatasync) }

int unlink(const char *path) {
    REAL(unlink);
    const char *name = inside(path);
    int done = real(path);
    if (!done && name && !ends(name, "-shm") && !ends(name, ".writer")) tell(UNLINK, 0, 0, name, strlen(name));
    return done;
}

int clock_gettime(clockid_t id, struct timespec *found) {
    REAL(clock_gettime);
    int done = real(id, found);
    if (!done && id == CLOCK_REALTIME) found->tv_sec += clock_offset;
    return done;
}

int gettimeofday(struct timeval *restrict found, void *restrict zone) {
    REAL(gettimeofday);
    int done = real(found, zone);
    if (!done) found->tv_sec += clock_offset;
    return done;
}

time_t time(time_t *found) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (found) *found = now.tv_sec;
    return now.tv_sec;
}
