#include "LedgerMigrations.h"

// The SQL files as they are, ended by a zero so that C strings can be made of them.
static const char m0001_up[] = {
#embed "0001_create_the_books.up.sql"
    , 0};
static const char m0001_down[] = {
#embed "0001_create_the_books.down.sql"
    , 0};

const ledger_migration ledger_migrations[] = {
    {1, "create_the_books", m0001_up, m0001_down},
};
const int ledger_migrations_count = sizeof ledger_migrations / sizeof *ledger_migrations;
