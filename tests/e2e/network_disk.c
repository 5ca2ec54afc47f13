/* Preloaded: every file system says that it is NFS. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/vfs.h>

int statfs(const char* path, struct statfs* facts) {
    int (*real)(const char*, struct statfs*) =
        (int (*)(const char*, struct statfs*))dlsym(RTLD_NEXT, "statfs");
    const int done = real(path, facts);
    facts->f_type = 0x6969;
    return done;
}

int statfs64(const char* path, struct statfs64* facts) {
    int (*real)(const char*, struct statfs64*) =
        (int (*)(const char*, struct statfs64*))dlsym(RTLD_NEXT, "statfs64");
    const int done = real(path, facts);
    facts->f_type = 0x6969;
    return done;
}
