/* Loaded before the C library: lets system calls fail, memory run out and the wall clock step, as a file says that a test
 * writes to while the program runs (FAULT_FILE, numbers of 32 bits in this order). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct faults {
    /* Error numbers of calls that send, receive and wait; 0: none. */
    int32_t send, receive, wait;
    /* Of 1000 calls so many fail. */
    int32_t often;
    /* Seconds that the wall clock is ahead. */
    int32_t clock;
    /* How many calls have failed. */
    int32_t failed;
};

static struct faults none;
static volatile struct faults *faults = &none;

/* Before any other thread runs. */
__attribute__((constructor)) static void begin(void)
{
    const char *name = getenv("FAULT_FILE");
    int file = name ? open(name, O_RDWR | O_CLOEXEC) : -1;
    void *map = file < 0 ? MAP_FAILED : mmap(NULL, sizeof none, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);

    if (file < 0 || map == MAP_FAILED)
        abort();
    close(file);
    faults = map;
}

static void *next(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);

    if (!found)
        abort();
    return found;
}

static int fails(int32_t error)
{
    static __thread uint32_t dice = 0x5eed;

    dice = dice * 1664525 + 1013904223;
    if (error == 0 || (int32_t)(dice >> 8) % 1000 >= faults->often)
        return 0;
    __atomic_add_fetch(&faults->failed, 1, __ATOMIC_RELAXED);
    errno = error;
    return 1;
}

/* Each call of the library's, and only of it: these programs take their input and give their output with others. */
ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    static ssize_t (*real)(int, const struct msghdr *, int);

    if (!real)
        real = next("sendmsg");
    return fails(faults->send) ? -1 : real(fd, message, flags);
}

int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
    static int (*real)(int, struct mmsghdr *, unsigned, int);

    if (!real)
        real = next("sendmmsg");
    return fails(faults->send) ? -1 : real(fd, messages, count, flags);
}

int recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout)
{
    static int (*real)(int, struct mmsghdr *, unsigned, int, struct timespec *);

    if (!real)
        real = next("recvmmsg");
    return fails(faults->receive) ? -1 : real(fd, messages, count, flags, timeout);
}

int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *signals)
{
    static int (*real)(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *);

    if (!real)
        real = next("ppoll");
    return fails(faults->wait) ? -1 : real(fds, count, timeout, signals);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    static int (*real)(clockid_t, struct timespec *);
    int result;

    if (!real)
        real = next("clock_gettime");
    result = real(clock, now);
    if (result == 0 && clock == CLOCK_REALTIME)
        now->tv_sec += faults->clock;
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    static int (*real)(struct timeval *restrict, void *restrict);
    int result;

    if (!real)
        real = next("gettimeofday");
    result = real(now, zone);
    if (result == 0)
        now->tv_sec += faults->clock;
    return result;
}

time_t time(time_t *out)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    if (out)
        *out = now.tv_sec;
    return now.tv_sec;
}
