#pragma once

/// A numbered change of the schema; `up` and `down` are SQL scripts. Released ones are never edited.
typedef struct {
    int number;
    const char *name;
    const char *up;
    const char *down;
} ledger_migration;

extern const ledger_migration ledger_migrations[];
extern const int ledger_migrations_count;
