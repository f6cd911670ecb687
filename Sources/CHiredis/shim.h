// hiredis 0.14: the asynchronous API and the reply reader. Its libevent adapter is not used; see RedisLink.swift.
#pragma once
#include <hiredis/hiredis.h>
#include <hiredis/async.h>

/// Bytes of commands that wait in a context's output buffer.
static inline size_t tributary_unsent_bytes(const redisAsyncContext *context) {
    return context->c.obuf ? sdslen(context->c.obuf) : 0;
}

/// Whether the reader stands in the middle of a reply, so that another read is likely to pay.
static inline int tributary_is_mid_reply(const redisAsyncContext *context) {
    const redisReader *reader = context->c.reader;
    return reader->ridx > 0 || reader->pos < reader->len;
}
