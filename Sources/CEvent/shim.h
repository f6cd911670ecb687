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
