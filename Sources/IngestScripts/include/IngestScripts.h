// The ingest's Lua files, embedded so that a binary needs no file beside it. Zero-terminated, valid for ever.
#pragma once

extern const char *_Nonnull const ingest_limit_lua;
extern const char *_Nonnull const ingest_swap_directory_lua;
