#pragma once

/// A numbered change of the schema; `up` and `down` are SQL scripts. Released ones are never edited.
typedef struct {
    int number;
    const char *name;
    const char *up;
    const char *down;
} ledger_migration;

/// How many changes there are.
int ledger_migration_count(void);

/// The change at `index`, 0 ..< count, in the order in which they are applied. It lives for ever.
const ledger_migration *ledger_migration_at(int index);
