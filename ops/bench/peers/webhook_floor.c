/* The floor of webhook delivery: libcurl's multi interface, an HMAC-SHA256 and nothing else.
 *
 *   webhook_floor URL IN_FLIGHT WARM_UP_SECONDS SECONDS BODY_BYTES
 *
 * Keeps IN_FLIGHT requests on their way, each signed over its timestamp and body; no rows, no queue, no limits on answers, no
 * look at addresses. Prints "DELIVERIES FAILED CPU_MICROSECONDS P50_MS P99_MS" of the SECONDS after the warm-up.
 */
#include <curl/curl.h>
#include <openssl/hmac.h>
#include <string.h>
#include <sys/epoll.h>

#include "floor.h"

enum { EVENTS = 256, BODY_MAX = 65536 };

struct sender {
  CURL *easy;
  struct curl_slist *header;
  double begin;
  char *message; /* the timestamp, a dot, and the body */
};

static CURLM *multi;
static int epoll;
static double timer = -1;
static int body_bytes;
static long number;

static size_t ignore(char *bytes, size_t size, size_t count, void *context) {
  (void)bytes, (void)context;
  return size * count;
}

static int on_socket(CURL *easy, curl_socket_t socket, int interest, void *context, void *known) {
  (void)easy, (void)context;
  struct epoll_event event = {.data.fd = socket};
  if (interest == CURL_POLL_REMOVE) return epoll_ctl(epoll, EPOLL_CTL_DEL, socket, &event), 0;
  event.events = (interest & CURL_POLL_IN ? EPOLLIN : 0) | (interest & CURL_POLL_OUT ? EPOLLOUT : 0);
  epoll_ctl(epoll, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, socket, &event);
  curl_multi_assign(multi, socket, &epoll);
  return 0;
}

static int on_timer(CURLM *handle, long milliseconds, void *context) {
  (void)handle, (void)context;
  timer = milliseconds < 0 ? -1 : now() + milliseconds / 1e3;
  return 0;
}

static void sign_and_send(struct sender *sender) {
  static const char key[] = "0123456789abcdef01234567";
  unsigned char code[32];
  unsigned code_bytes;
  char line[128] = "X-Webhook-Signature: sha256=", stamp[64];
  int stamp_bytes = sprintf(sender->message, "%ld.", (long)time(NULL));
  char *body = sender->message + stamp_bytes;
  memset(body, 'x', body_bytes);
  body[sprintf(body, "{\"id\":\"msg_%ld\",\"data\":\"", number++)] = 'x';
  memcpy(body + body_bytes - 2, "\"}", 2);
  HMAC(EVP_sha256(), key, sizeof key - 1, (unsigned char *)sender->message, stamp_bytes + body_bytes, code, &code_bytes);
  for (unsigned i = 0; i < code_bytes; i++) sprintf(line + strlen("X-Webhook-Signature: sha256=") + 2 * i, "%02x", code[i]);
  sprintf(stamp, "webhook-timestamp: %.*s", stamp_bytes - 1, sender->message);
  curl_slist_free_all(sender->header);
  sender->header = curl_slist_append(NULL, "Content-Type: application/json");
  sender->header = curl_slist_append(sender->header, "Expect:");
  sender->header = curl_slist_append(sender->header, stamp);
  sender->header = curl_slist_append(sender->header, line);
  curl_easy_setopt(sender->easy, CURLOPT_HTTPHEADER, sender->header);
  curl_easy_setopt(sender->easy, CURLOPT_POSTFIELDSIZE, (long)body_bytes);
  curl_easy_setopt(sender->easy, CURLOPT_POSTFIELDS, body);
  sender->begin = now();
  curl_multi_add_handle(multi, sender->easy);
}

static int by_size(const void *a, const void *b) {
  float x = *(const float *)a, y = *(const float *)b;
  return x < y ? -1 : x > y;
}

int main(int count, char **words) {
  if (count != 6) return fprintf(stderr, "webhook_floor URL IN_FLIGHT WARM_UP_SECONDS SECONDS BODY_BYTES\n"), 64;
  int in_flight = atoi(words[2]), left = in_flight, running;
  double begin = now() + atof(words[3]), end = begin + atof(words[4]), cpu = -1;
  long made = 0, failed = 0, room = 8 << 20;
  float *latencies = malloc(room * sizeof *latencies);
  body_bytes = atoi(words[5]);
  if (body_bytes < 64 || body_bytes > BODY_MAX) return fprintf(stderr, "webhook_floor: a body of 64 to 65536 bytes\n"), 64;
  curl_global_init(CURL_GLOBAL_ALL);
  multi = curl_multi_init();
  epoll = epoll_create1(0);
  curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
  curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
  curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)in_flight);
  struct sender *senders = calloc(in_flight, sizeof *senders);
  for (int i = 0; i < in_flight; i++) {
    struct sender *sender = &senders[i];
    sender->easy = curl_easy_init();
    sender->message = malloc(BODY_MAX + 64);
    curl_easy_setopt(sender->easy, CURLOPT_URL, words[1]);
    curl_easy_setopt(sender->easy, CURLOPT_WRITEFUNCTION, ignore);
    curl_easy_setopt(sender->easy, CURLOPT_PRIVATE, sender);
    curl_easy_setopt(sender->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(sender->easy, CURLOPT_TIMEOUT_MS, 10000L);
    sign_and_send(sender);
  }
  struct epoll_event events[EVENTS];
  while (left > 0) {
    double wait = timer < 0 ? 0.1 : timer - now();
    int ready = epoll_wait(epoll, events, EVENTS, wait <= 0 ? 0 : (int)(wait * 1e3) + 1);
    for (int i = 0; i < ready; i++)
      curl_multi_socket_action(multi, events[i].data.fd,
                               (events[i].events & EPOLLIN ? CURL_CSELECT_IN : 0) |
                                   (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                                   (events[i].events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0),
                               &running);
    if (timer >= 0 && now() >= timer) {
      timer = -1;
      curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
    CURLMsg *message;
    while ((message = curl_multi_info_read(multi, &running))) {
      if (message->msg != CURLMSG_DONE) continue;
      CURL *easy = message->easy_handle;
      struct sender *sender;
      long status = 0;
      double at = now();
      int is_good = message->data.result == CURLE_OK;
      curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&sender);
      curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
      if (cpu < 0 && at >= begin) cpu = clock_of(CLOCK_PROCESS_CPUTIME_ID);
      if (!is_good || status / 100 != 2) failed++;
      else if (at >= begin && at < end && made < room) latencies[made++] = (at - sender->begin) * 1e3;
      curl_multi_remove_handle(multi, easy);
      if (at < end) sign_and_send(sender);
      else left--;
    }
  }
  cpu = clock_of(CLOCK_PROCESS_CPUTIME_ID) - cpu;
  qsort(latencies, made, sizeof *latencies, by_size);
  printf("%ld %ld %.3f %.3f %.3f\n", made, failed, made ? cpu * 1e6 / made : 0, made ? latencies[made / 2] : 0,
         made ? latencies[made * 99 / 100] : 0);
  return 0;
}
