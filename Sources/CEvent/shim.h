// libevent 2.1: the loop, its timers and signals, and evhttp.
#pragma once
// First, as libc's own module sees it: libevent's configuration header would give fd_set another shape.
#include <sys/types.h>
#include <sys/select.h>
#include <sys/eventfd.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <event2/util.h>

/// A non-blocking counter that wakes the loop; -1 when out of descriptors.
static inline int tributary_eventfd(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }

// Swift's runtime asks this hook, when it is set, about every job that names no executor of its own: what a resumed
// continuation is at first (swift/Runtime/Concurrency.h; SwiftNIO can replace the global executor by the same hook).
#include <stdbool.h>
typedef __attribute__((swiftcall)) void (*tributary_enqueue_global)(void *job);
extern __attribute__((swiftcall)) void (*swift_task_enqueueGlobal_hook)(void *job, tributary_enqueue_global original);

/// Answers whether it will run the job; what it refuses goes to Swift's thread pool. Written in Swift.
bool tributary_take_job(void *job);

static __attribute__((swiftcall)) inline void tributary_global_job(void *job, tributary_enqueue_global original) {
    if (!tributary_take_job(job)) original(job);
}

static inline void tributary_install_job_hook(void) { swift_task_enqueueGlobal_hook = tributary_global_job; }
