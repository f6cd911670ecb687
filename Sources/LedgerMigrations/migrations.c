#include "LedgerMigrations.h"

// C23 has #embed; SwiftPM compiles C as C17, where clang knows it as an extension.
#pragma clang diagnostic ignored "-Wc23-extensions"

// The SQL files as they are, ended by a zero so that C strings can be made of them.
static const char m0001_up[] = {
#embed "0001_create_the_books.up.sql"
    , 0};
static const char m0001_down[] = {
#embed "0001_create_the_books.down.sql"
    , 0};

static const ledger_migration migrations[] = {
    {1, "create_the_books", m0001_up, m0001_down},
};

int ledger_migration_count(void) { return sizeof migrations / sizeof *migrations; }

const ledger_migration *ledger_migration_at(int index) { return &migrations[index]; }
