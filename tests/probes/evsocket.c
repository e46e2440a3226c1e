/* Exercises evsocket_* of the library given as the argument and prints what happens. */
#include <dlfcn.h>
#include <librist/udpsocket.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

typedef void (*handler)(struct evsocket_ctx *, int, short, void *);

static struct evsocket_ctx *(*create)(void);
static void (*destroy)(struct evsocket_ctx *);
static void (*loop)(struct evsocket_ctx *, int);
static void (*loop_stop)(struct evsocket_ctx *);
static int (*loop_single)(struct evsocket_ctx *, int, int);
static struct evsocket_event *(*add)(struct evsocket_ctx *, int, short, handler, handler, void *);
static void (*del)(struct evsocket_ctx *, struct evsocket_event *);
static int (*count)(struct evsocket_ctx *);

static struct evsocket_event *victim;
static int rounds;

static void serve(struct evsocket_ctx *ctx, int fd, short revents, void *arg)
{
	(void)ctx;
	(void)fd;
	printf(" %s:%s%s%s", (const char *)arg, revents & POLLIN ? "in" : "", revents & POLLOUT ? "out" : "",
	       revents & (POLLHUP | POLLERR | POLLNVAL) ? "bad" : "");
}

static void fail(struct evsocket_ctx *ctx, int fd, short revents, void *arg)
{
	(void)ctx;
	(void)fd;
	printf(" error-%s:%s", (const char *)arg, revents & (POLLHUP | POLLERR) ? "hup" : "other");
}

static void delete_and_add(struct evsocket_ctx *ctx, int fd, short revents, void *arg)
{
	serve(ctx, fd, revents, arg);
	if (victim) {
		del(ctx, victim);
		victim = NULL;
		add(ctx, fd, EVSOCKET_EV_READ, serve, NULL, "added");
	}
}

static void stop_at_three(struct evsocket_ctx *ctx, int fd, short revents, void *arg)
{
	serve(ctx, fd, revents, arg);
	if (++rounds == 3)
		loop_stop(ctx);
}

/* A read end with a byte in it, or without. */
static int readable(int full, int *other)
{
	int fds[2];
	if (pipe(fds) || (full && write(fds[1], "x", 1) != 1))
		exit(2);
	if (other)
		*other = fds[1];
	return fds[0];
}

static int slept(struct evsocket_ctx *ctx, int timeout, int *result)
{
	struct timespec before, after;
	clock_gettime(CLOCK_MONOTONIC, &before);
	*result = loop_single(ctx, timeout, 0);
	clock_gettime(CLOCK_MONOTONIC, &after);
	long ms = (after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000;
	return ms >= timeout - 1;
}

int main(int argc, char **argv)
{
	void *library = argc > 1 ? dlopen(argv[1], RTLD_NOW) : NULL;
	if (!library)
		return 2;
	create = dlsym(library, "evsocket_create");
	destroy = dlsym(library, "evsocket_destroy");
	loop = dlsym(library, "evsocket_loop");
	loop_stop = dlsym(library, "evsocket_loop_stop");
	loop_single = dlsym(library, "evsocket_loop_single");
	add = dlsym(library, "evsocket_addevent");
	del = dlsym(library, "evsocket_delevent");
	count = dlsym(library, "evsocket_geteventcount");

	int result;
	printf("null: add %d count %d", add(NULL, 0, 0, serve, NULL, NULL) != NULL, count(NULL));
	del(NULL, NULL);
	printf(" single %d", loop_single(NULL, 0, 0));
	printf(" slept %d\n", slept(NULL, 30, &result));

	struct evsocket_ctx *ctx = create();
	printf("empty: single %d", loop_single(ctx, 0, 0));
	printf(" slept %d\n", slept(ctx, 30, &result));

	int other, quiet = readable(0, &other);
	struct evsocket_event *e = add(ctx, quiet, EVSOCKET_EV_READ, serve, fail, "quiet");
	printf("quiet: count %d single %d", count(ctx), loop_single(ctx, 0, 0));
	printf(" waited %d", slept(ctx, 30, &result));
	printf(" single %d\n", result);
	close(other);
	printf("hang-up:");
	result = loop_single(ctx, 0, 0);
	printf(" single %d\n", result);
	del(ctx, e);
	printf("deleted: count %d single %d", count(ctx), loop_single(ctx, 0, 0));
	printf(" slept %d\n", slept(ctx, 30, &result));
	e = add(ctx, quiet, EVSOCKET_EV_READ, serve, NULL, "no-handler");
	printf("hang-up without error handler:");
	printf(" single %d\n", loop_single(ctx, 0, 0));
	del(ctx, e);
	close(quiet);
	e = add(ctx, quiet, EVSOCKET_EV_READ, serve, fail, "closed");
	printf("closed:");
	printf(" single %d\n", loop_single(ctx, 0, 0));
	del(ctx, e);
	destroy(ctx);

	int a = readable(1, NULL), b = readable(1, NULL), c = readable(1, NULL);
	for (int max = 0; max <= 4; max++) {
		ctx = create();
		add(ctx, a, EVSOCKET_EV_READ, serve, NULL, "a");
		add(ctx, b, EVSOCKET_EV_READ, serve, NULL, "b");
		add(ctx, c, EVSOCKET_EV_READ, serve, NULL, "c");
		printf("at most %d:", max);
		for (int i = 0; i < 5; i++) {
			result = loop_single(ctx, 0, max);
			printf(" %d;", result);
		}
		printf("\n");
		destroy(ctx);
	}

	ctx = create();
	victim = NULL;
	add(ctx, quiet = readable(0, NULL), EVSOCKET_EV_READ, serve, NULL, "quiet");
	victim = add(ctx, quiet, EVSOCKET_EV_READ, serve, NULL, "victim");
	add(ctx, a, EVSOCKET_EV_READ, delete_and_add, NULL, "deleter");
	printf("delete and add in a callback:");
	result = loop_single(ctx, 0, 0);
	printf(" %d;", result);
	result = loop_single(ctx, 0, 0);
	printf(" %d; count %d\n", result, count(ctx));
	destroy(ctx);

	ctx = create();
	add(ctx, quiet, EVSOCKET_EV_READ, serve, NULL, "quiet");
	add(ctx, a, EVSOCKET_EV_READ, stop_at_three, NULL, "a");
	printf("loop:");
	loop(ctx, 10);
	printf(" stopped; single %d", loop_single(ctx, 0, 0));
	printf(" slept %d\n", slept(ctx, 30, &result));
	destroy(ctx);
	return 0;
}
