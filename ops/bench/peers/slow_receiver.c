/* A receiver that answers each request after the same time, on any number of kept connections.
 *
 *   slow_receiver PORT MILLISECONDS
 *
 * Listens on every address, so that it can be many hosts under 127/8. A request must fit into one read, as those of the
 * benchmark do. The answers' times form a queue, since all wait equally long.
 */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 512, WAITING_MAX = 1 << 17 };

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
static struct { int socket; long due; } waiting[WAITING_MAX];
static unsigned head, tail;

static long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int fail(const char *what) {
  perror(what);
  return 1;
}

int main(int count, char **words) {
  if (count != 3) return fprintf(stderr, "slow_receiver PORT MILLISECONDS\n"), 64;
  long delay = atol(words[2]);
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(words[1])),
                                .sin_addr.s_addr = htonl(INADDR_ANY)};
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1, epoll = epoll_create1(0);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (struct sockaddr *)&address, sizeof address)) return fail("bind");
  if (listen(listener, 16384)) return fail("listen");
  struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[EVENTS];
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
  char request[65536];
  for (;;) {
    int ready = epoll_wait(epoll, events, EVENTS, head == tail ? -1 : 1);
    for (int i = 0; i < ready; i++) {
      int socket = events[i].data.fd;
      if (socket == listener) {
        while ((socket = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
          event.data.fd = socket;
          epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &event);
        }
      } else if (read(socket, request, sizeof request) <= 0) {
        close(socket);
      } else {
        waiting[tail % WAITING_MAX].socket = socket;
        waiting[tail++ % WAITING_MAX].due = now() + delay;
      }
    }
    for (long at = now(); head != tail && waiting[head % WAITING_MAX].due <= at; head++)
      if (write(waiting[head % WAITING_MAX].socket, answer, sizeof answer - 1) < 0) continue;
  }
}
