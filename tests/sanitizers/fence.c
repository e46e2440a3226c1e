/* ThreadSanitizer knows no fences, and Rust's Arc is dropped with one: a decrement that releases, then, for the last one,
 * a fence that acquires. The standard library has a version without fence for sanitizers, but it is not in the one that
 * comes with the stable toolchain. So each decrement that releases also acquires here: what Arc orders is known to the
 * sanitizer, and nothing is suppressed. Linked with --wrap. */
#include <stdint.h>

uint64_t __real___tsan_atomic64_fetch_sub(volatile uint64_t *number, uint64_t by, int order);
uint64_t __wrap___tsan_atomic64_fetch_sub(volatile uint64_t *number, uint64_t by, int order);

uint64_t __wrap___tsan_atomic64_fetch_sub(volatile uint64_t *number, uint64_t by, int order)
{
    return __real___tsan_atomic64_fetch_sub(number, by, order == __ATOMIC_RELEASE ? __ATOMIC_ACQ_REL : order);
}
