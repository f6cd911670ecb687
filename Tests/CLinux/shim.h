// What the tests need of Linux that Swift's Glibc does not show: descriptors that tell of a process's end and of a
// file's growth, so that waiting for a foreign process is poll(2) and not a loop.
#pragma once
#include <errno.h>
#include <sys/inotify.h>
#include <sys/pidfd.h>
#include <unistd.h>

// Readable once the process has ended, reaped or not; -1 when there is none.
static inline int tributary_process_descriptor(pid_t process) { return pidfd_open(process, 0); }

// Readable whenever the file was written to; read it empty before the next wait. -1 on failure.
static inline int tributary_growth_descriptor(const char *path) {
  int descriptor = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  if (descriptor < 0 || inotify_add_watch(descriptor, path, IN_MODIFY) >= 0) return descriptor;
  int reason = errno; // of the watch, which is what the caller tells
  close(descriptor);
  errno = reason;
  return -1;
}
