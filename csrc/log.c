/* The variadic half of rist_log(): formats, then hands the text to src/capi/variadic.rs. */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(__GNUC__)
#define HIDDEN __attribute__((visibility("hidden")))
#else
#define HIDDEN
#endif

/* Hidden here, so that the linker hides the Rust definition as well. */
HIDDEN void ferrist_log_message(void *settings, int level, const char *text);

HIDDEN void ferrist_log_variadic(void *settings, int level, const char *format, ...)
{
    char small[512];
    char *text = small;
    va_list arguments;
    int length;

    /* No object of a program lies in the first or the last page. */
    if ((uintptr_t)format < 4096 || (uintptr_t)format > UINTPTR_MAX - 4096 || settings == NULL)
        return;
    va_start(arguments, format);
    length = vsnprintf(small, sizeof small, format, arguments);
    va_end(arguments);
    if (length < 0)
        return;
    if ((size_t)length >= sizeof small) {
        text = malloc((size_t)length + 1);
        if (text == NULL) {
            text = small;
        } else {
            va_start(arguments, format);
            vsnprintf(text, (size_t)length + 1, format, arguments);
            va_end(arguments);
        }
    }
    ferrist_log_message(settings, level, text);
    if (text != small)
        free(text);
}
