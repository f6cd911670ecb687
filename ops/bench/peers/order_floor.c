/* The floor of an order step: what C programs reach that do the work of `tributary-bench orders` and nothing else.
 *
 *   order_floor PORT push ORDERS      LPUSH of one JSON text each, 100 a round trip
 *   order_floor PORT work BATCH       until the list is empty; PostgreSQL from the PG* variables
 *
 * A batch: so many LMOVE into a list of this worker's own (a crash loses none), one statement in a transaction of its own
 * (the look-up and both inserts), one LPUSH a follow-up and the DEL of the own list. There are no leases, retries, ids, or
 * anything else, and JSON is found by strstr. Prints "ORDERS FIRST LAST CPU_SECONDS" (times of the monotonic clock).
 */
#include <hiredis/hiredis.h>
#include <libpq-fe.h>
#include <string.h>
#include <unistd.h>

#include "floor.h"

enum { TOGETHER = 100, BATCH_MAX = 500, FIELDS = 4, FIELD_BYTES_MAX = 200, ACCOUNTS = 10000 };

static const char *INSERT =
    "WITH given AS (SELECT * FROM unnest($1::text[], $2::text[], $3::int[], $4::text[]) AS given (account, key, amount, note)), "
    "fresh AS (INSERT INTO bench_keys (key) SELECT key FROM given ON CONFLICT DO NOTHING RETURNING key) "
    "INSERT INTO bench_orders (account_id, key, amount, note) "
    "SELECT account.id, given.key, given.amount, given.note "
    "FROM given JOIN fresh USING (key) JOIN bench_accounts account ON account.name = given.account";
static const char *NAMES[FIELDS] = {"\"account\":\"", "\"key\":\"", "\"amount\":", "\"note\":\""};
static const char *NOTE = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                          "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

static redisContext *redis;

static redisReply *reply(void) {
  void *next = NULL;
  if (redisGetReply(redis, &next) != REDIS_OK) fail(redis->errstr);
  redisReply *answer = next;
  if (answer->type == REDIS_REPLY_ERROR) fail(answer->str);
  return answer;
}

static long push(long orders) {
  for (long done = 0; done < orders;) {
    int together = orders - done < TOGETHER ? (int)(orders - done) : TOGETHER;
    for (int i = 0; i < together; i++, done++)
      redisAppendCommand(redis, "LPUSH orders {\"id\":%ld,\"account\":\"account-%ld\",\"key\":\"order-%ld\",\"amount\":%ld,\"note\":\"%s\"}",
                         done, 1 + done * 7919 % ACCOUNTS, done, done % 1000, NOTE);
    for (int i = 0; i < together; i++) freeReplyObject(reply());
  }
  return orders;
}

/* Writes the value after `name` to `to`; its end. */
static char *copied(char *to, const char *json, const char *name) {
  const char *from = strstr(json, name);
  if (!from) fail("no order");
  from += strlen(name);
  size_t length = strcspn(from, "\",}");
  if (length > FIELD_BYTES_MAX) fail("a long field");
  memcpy(to, from, length);
  return to + length;
}

static long work(int batch) {
  static char arrays[FIELDS][BATCH_MAX * (FIELD_BYTES_MAX + 1) + 3], keys[BATCH_MAX][FIELD_BYTES_MAX + 1];
  const char *values[FIELDS] = {arrays[0], arrays[1], arrays[2], arrays[3]};
  PGconn *postgres = PQconnectdb("");
  if (PQstatus(postgres) != CONNECTION_OK) fail(PQerrorMessage(postgres));
  PGresult *prepared = PQprepare(postgres, "insert", INSERT, FIELDS, NULL);
  if (PQresultStatus(prepared) != PGRES_COMMAND_OK) fail(PQerrorMessage(postgres));
  PQclear(prepared);
  char mine[32];
  snprintf(mine, sizeof mine, "claimed:%d", (int)getpid());
  for (long total = 0;;) {
    char *end[FIELDS];
    int count = 0;
    for (int i = 0; i < batch; i++) redisAppendCommand(redis, "LMOVE orders %s RIGHT LEFT", mine);
    for (int f = 0; f < FIELDS; f++) end[f] = arrays[f];
    for (int i = 0; i < batch; i++) {
      redisReply *claimed = reply();
      if (claimed->type == REDIS_REPLY_STRING) {
        for (int f = 0; f < FIELDS; f++) {
          *end[f]++ = count ? ',' : '{';
          end[f] = copied(end[f], claimed->str, NAMES[f]);
        }
        *copied(keys[count++], claimed->str, NAMES[1]) = 0;
      }
      freeReplyObject(claimed);
    }
    if (!count) {
      PQfinish(postgres);
      return total;
    }
    for (int f = 0; f < FIELDS; f++) strcpy(end[f], "}");
    PGresult *inserted = PQexecPrepared(postgres, "insert", FIELDS, values, NULL, NULL, 0);
    if (PQresultStatus(inserted) != PGRES_COMMAND_OK) fail(PQerrorMessage(postgres));
    PQclear(inserted);
    for (int i = 0; i < count; i++)
      redisAppendCommand(redis, "LPUSH accepted {\"key\":\"%s\",\"type\":\"order.accepted\",\"note\":\"%s\"}", keys[i], NOTE);
    redisAppendCommand(redis, "DEL %s", mine);
    for (int i = 0; i <= count; i++) freeReplyObject(reply());
    total += count;
  }
}

int main(int argc, char **argv) {
  if (argc != 4) fail("usage: order_floor PORT push ORDERS | PORT work BATCH");
  redis = redisConnect("127.0.0.1", atoi(argv[1]));
  if (!redis || redis->err) fail(redis ? redis->errstr : "no memory");
  long number = atol(argv[3]);
  int works = !strcmp(argv[2], "work");
  if (works && (number < 1 || number > BATCH_MAX)) fail("a batch is of 1 to 500");
  double first = now(), cpu_before = cpu();
  long done = works ? work((int)number) : push(number);
  printf("%ld %.6f %.6f %.6f\n", done, first, now(), cpu() - cpu_before);
  return 0;
}
