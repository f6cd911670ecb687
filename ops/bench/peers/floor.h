/* What the floors share: clocks, and the end of a program that cannot go on. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

static inline double clock_of(clockid_t which) {
  struct timespec t;
  clock_gettime(which, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static inline double now(void) { return clock_of(CLOCK_MONOTONIC); }

/* Seconds of CPU of this process. */
static inline double cpu(void) { return clock_of(CLOCK_PROCESS_CPUTIME_ID); }

static inline void fail(const char *why) {
  fprintf(stderr, "%s\n", why);
  exit(1);
}
