/* In place of the C library's allocator: memory runs out, where and when the program says so. */
#define _GNU_SOURCE
#include <errno.h>
#include <stddef.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static size_t limit = (size_t)-1;
static long countdown, failed;

/* From now on allocations of `bytes` or more fail, but for the first `spared`. */
void memory_is_short(size_t bytes, long spared)
{
    countdown = spared;
    __atomic_store_n(&limit, bytes, __ATOMIC_SEQ_CST);
}

long memory_refusals(void)
{
    return failed;
}

static int fails(size_t bytes)
{
    if (bytes < __atomic_load_n(&limit, __ATOMIC_SEQ_CST) || __atomic_sub_fetch(&countdown, 1, __ATOMIC_SEQ_CST) >= 0)
        return 0;
    __atomic_add_fetch(&failed, 1, __ATOMIC_SEQ_CST);
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t bytes)
{
    return fails(bytes) ? NULL : __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
    return fails(count * bytes) ? NULL : __libc_calloc(count, bytes);
}

void *realloc(void *old, size_t bytes)
{
    return bytes && fails(bytes) ? NULL : __libc_realloc(old, bytes);
}

int posix_memalign(void **out, size_t alignment, size_t bytes)
{
    if (fails(bytes))
        return ENOMEM;
    *out = __libc_memalign(alignment, bytes);
    return *out ? 0 : ENOMEM;
}
