#include "IngestScripts.h"

// The package's C is C17, where clang takes #embed as an extension and says so.
#pragma clang diagnostic ignored "-Wc23-extensions"

static const char limit[] = {
#embed "limit.lua"
    , 0};
static const char swap_directory[] = {
#embed "swap_directory.lua"
    , 0};

const char *const ingest_limit_lua = limit;
const char *const ingest_swap_directory_lua = swap_directory;
