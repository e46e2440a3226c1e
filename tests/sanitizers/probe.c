/* Is the sanitizer on? Each of these faults has to be reported: `probe race`, `probe use`, `probe leak`. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static int counter;
static volatile char sink;
static void *volatile lost;

static void *count(void *argument)
{
    int turn;

    for (turn = 0; turn < 1000; turn++)
        counter++;
    return argument;
}

int main(int argc, char **argv)
{
    pthread_t threads[2];
    char *volatile memory = malloc(10);

    if (argc < 2 || memory == NULL)
        return 0;
    if (strcmp(argv[1], "race") == 0) {
        pthread_create(&threads[0], NULL, count, NULL);
        pthread_create(&threads[1], NULL, count, NULL);
        pthread_join(threads[0], NULL);
        pthread_join(threads[1], NULL);
    }
    if (strcmp(argv[1], "leak") == 0)
        lost = malloc(1234), lost = NULL;
    free(memory);
    if (strcmp(argv[1], "use") == 0)
        sink = memory[3];
    return 0;
}
