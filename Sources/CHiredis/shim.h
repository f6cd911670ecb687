// hiredis 0.14: the asynchronous API, and its libevent adapter.
#pragma once
#include <hiredis/hiredis.h>
#include <hiredis/async.h>
