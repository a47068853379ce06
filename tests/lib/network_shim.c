/* Preloaded into a program under test: every file lies on NFS. */
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

int statfs(const char *path, struct statfs *fs)
{
    int rc = (int)syscall(SYS_statfs, path, fs);
    fs->f_type = 0x6969;
    return rc;
}
