/* The floor of a queue in Redis: what two C programs reach that do nothing but claim and acknowledge.
 *
 *   queue_floor PORT push FIRST JOBS            LPUSH of 200 bytes each, 100 a round trip
 *   queue_floor PORT work JOBS COUNTS_FILE      until the list is empty; 100 jobs a claim, one script call for it and one
 *                                               for the acknowledgement
 *
 * A claim moves jobs into a list of this worker's own, so that a crash loses none; there are no leases, retries, ids, or
 * anything else. Prints "JOBS FIRST LAST CPU_SECONDS" (times of the monotonic clock). COUNTS_FILE has a byte a job: how often
 * it was acknowledged.
 */
#include <hiredis/hiredis.h>
#include <string.h>
#include <unistd.h>

#include "floor.h"

enum { TOGETHER = 100, PAYLOAD_BYTES = 200, NUMBER_BYTES = 20 };

static const char *CLAIM = "local jobs = redis.call('RPOP', KEYS[1], ARGV[1]) "
                           "if jobs then redis.call('RPUSH', KEYS[2], unpack(jobs)) return jobs end return {}";
static const char *ACKNOWLEDGE = "redis.call('LTRIM', KEYS[1], ARGV[1], -1) return redis.call('INCRBY', KEYS[2], ARGV[1])";

static redisContext *redis;

static redisReply *checked(redisReply *reply) {
  if (!reply) fail(redis->errstr);
  if (reply->type == REDIS_REPLY_ERROR) fail(reply->str);
  return reply;
}

static redisReply *reply(void) {
  void *next = NULL;
  if (redisGetReply(redis, &next) != REDIS_OK) fail(redis->errstr);
  return checked(next);
}

static long push(long first, long jobs) {
  char payload[PAYLOAD_BYTES];
  memset(payload, 'x', sizeof payload);
  for (long done = 0; done < jobs;) {
    int together = jobs - done < TOGETHER ? (int)(jobs - done) : TOGETHER;
    for (int i = 0; i < together; i++) {
      char number[NUMBER_BYTES + 1];
      snprintf(number, sizeof number, "%0*ld", NUMBER_BYTES, first + done + i);
      memcpy(payload, number, NUMBER_BYTES);
      redisAppendCommand(redis, "LPUSH jobs %b", payload, sizeof payload);
    }
    for (int i = 0; i < together; i++) freeReplyObject(reply());
    done += together;
  }
  return jobs;
}

static void load(const char *script, char *digest) {
  redisReply *answer = checked(redisCommand(redis, "SCRIPT LOAD %s", script));
  snprintf(digest, 41, "%s", answer->str);
  freeReplyObject(answer);
}

static long work(long jobs, unsigned char *counts) {
  char claim[41], acknowledge[41], mine[32], number[NUMBER_BYTES + 1] = "";
  long numbers[TOGETHER], total = 0;
  load(CLAIM, claim);
  load(ACKNOWLEDGE, acknowledge);
  snprintf(mine, sizeof mine, "claimed:%d", (int)getpid());
  for (;;) {
    redisReply *claimed = checked(redisCommand(redis, "EVALSHA %s 2 jobs %s %d", claim, mine, TOGETHER));
    int count = (int)claimed->elements;
    for (int i = 0; i < count; i++) {
      memcpy(number, claimed->element[i]->str, NUMBER_BYTES);
      numbers[i] = atol(number);
    }
    freeReplyObject(claimed);
    if (!count) return total;
    freeReplyObject(checked(redisCommand(redis, "EVALSHA %s 2 %s done %d", acknowledge, mine, count)));
    for (int i = 0; i < count; i++) {
      if (numbers[i] < 0 || numbers[i] >= jobs) fail("a job that nobody enqueued");
      counts[numbers[i]]++;
    }
    total += count;
  }
}

int main(int argc, char **argv) {
  if (argc != 5) fail("usage: queue_floor PORT push FIRST JOBS | PORT work JOBS COUNTS_FILE");
  redis = redisConnect("127.0.0.1", atoi(argv[1]));
  if (!redis || redis->err) fail(redis ? redis->errstr : "no memory");
  int works = !strcmp(argv[2], "work");
  long jobs = works ? atol(argv[3]) : atol(argv[4]);
  unsigned char *counts = calloc((size_t)jobs, 1);
  double first = now(), cpu_before = cpu();
  long done = works ? work(jobs, counts) : push(atol(argv[3]), jobs);
  printf("%ld %.6f %.6f %.6f\n", done, first, now(), cpu() - cpu_before);
  if (!works) return 0;
  FILE *file = fopen(argv[4], "wb");
  if (!file || fwrite(counts, 1, (size_t)jobs, file) != (size_t)jobs || fclose(file)) fail("the counts cannot be written");
  return 0;
}
