/* A disk that forgets: an LD_PRELOAD library that keeps, beside each file of the inbox, what a
 * power cut would undo.
 *
 * Every write to UNSYNCED_TARGET or UNSYNCED_TARGET-wal first appends the bytes that it replaces to
 * FILE.unsynced; an fdatasync() or fsync() of the file empties that journal once it has returned.
 * So after a kill the journals say what had not reached the disk, and power.py can take it away. A
 * killed process keeps its journals, as the kernel keeps its pages.
 *
 * With UNSYNCED_LIE set the two return 0 and do nothing: what synchronous=OFF, or a disk that lies,
 * means for the data.
 *
 * A record: four 64-bit integers of this machine (offset, length of the write, length of what was
 * there, size of the file before), then what was there. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static void give_up(const char* what) {
    perror(what);
    abort();
}

static int is_target(const char* path) {
    const char* target = getenv("UNSYNCED_TARGET");
    if (!target) return 0;
    const size_t size = strlen(target);
    return strncmp(path, target, size) == 0 &&
           (path[size] == 0 || strcmp(path + size, "-wal") == 0);
}

/* The journal of a descriptor's file, opened to be appended to; -1 when the file is no target. */
static int open_journal(int file) {
    char link[64];
    char path[PATH_MAX + 16];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    const ssize_t size = readlink(link, path, PATH_MAX);
    if (size < 0) return -1;
    path[size] = 0;
    if (!is_target(path)) return -1;
    strcat(path, ".unsynced");
    const int journal = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (journal < 0) give_up("unsynced: open");
    return journal;
}

/* Note what a write of so many bytes at offset will replace; a cut is a write up to the old end. */
static void note(int file, off_t offset, size_t length, int cut) {
    const int error = errno;
    const int journal = open_journal(file);
    if (journal < 0) {
        errno = error;
        return;
    }
    struct stat now;
    if (fstat(file, &now) != 0) give_up("unsynced: fstat");
    if (cut) length = now.st_size > offset ? (size_t)(now.st_size - offset) : 0;
    const size_t head = 4 * sizeof(uint64_t);
    unsigned char* record = malloc(head + length);
    if (!record) give_up("unsynced: malloc");
    const ssize_t old = pread(file, record + head, length, offset);
    if (old < 0) give_up("unsynced: pread");
    const uint64_t facts[4] = {(uint64_t)offset, cut ? 0 : length, (uint64_t)old,
                               (uint64_t)now.st_size};
    memcpy(record, facts, head);
    const size_t size = head + (size_t)old;
    if (REAL(write)(journal, record, size) != (ssize_t)size) give_up("unsynced: write");
    free(record);
    close(journal);
    errno = error;
}

static int synced(int file, int (*sync_file)(int)) {
    if (getenv("UNSYNCED_LIE")) {
        const int lied = open_journal(file);
        if (lied >= 0) {
            close(lied);
            return 0;
        }
        return sync_file(file);
    }
    const int result = sync_file(file);
    const int error = errno;
    const int journal = result == 0 ? open_journal(file) : -1;
    if (journal >= 0) {
        if (REAL(ftruncate)(journal, 0) != 0) give_up("unsynced: ftruncate");
        close(journal);
    }
    errno = error;
    return result;
}

ssize_t pwrite(int file, const void* bytes, size_t size, off_t offset) {
    pthread_mutex_lock(&mutex);
    note(file, offset, size, 0);
    const ssize_t result = REAL(pwrite)(file, bytes, size, offset);
    pthread_mutex_unlock(&mutex);
    return result;
}

ssize_t pwrite64(int file, const void* bytes, size_t size, off64_t offset) {
    return pwrite(file, bytes, size, offset);
}

int ftruncate(int file, off_t size) {
    pthread_mutex_lock(&mutex);
    note(file, size, 0, 1);
    const int result = REAL(ftruncate)(file, size);
    pthread_mutex_unlock(&mutex);
    return result;
}

int ftruncate64(int file, off64_t size) {
    return ftruncate(file, size);
}

int fdatasync(int file) {
    pthread_mutex_lock(&mutex);
    const int result = synced(file, REAL(fdatasync));
    pthread_mutex_unlock(&mutex);
    return result;
}

int fsync(int file) {
    pthread_mutex_lock(&mutex);
    const int result = synced(file, REAL(fsync));
    pthread_mutex_unlock(&mutex);
    return result;
}

int unlink(const char* path) {
    const int result = REAL(unlink)(path);
    if (result == 0 && is_target(path)) {
        char journal[PATH_MAX + 16];
        snprintf(journal, sizeof journal, "%s.unsynced", path);
        REAL(unlink)(journal);
    }
    return result;
}
