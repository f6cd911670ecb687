// The queue's Lua files, embedded so that a binary needs no file beside it.
#pragma once
#include <stddef.h>

typedef struct {
    // The file's name without its folder and ".lua".
    const char *_Nonnull name;
    const unsigned char *_Nonnull bytes;
    size_t length;
} JobQueueScriptFile;

size_t job_queue_script_count(void);
// Valid for the life of the process; `index` is below the count.
const JobQueueScriptFile *_Nonnull job_queue_script(size_t index);
