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
static const char m0002_up[] = {
#embed "0002_let_owed_rows_end.up.sql"
    , 0};
static const char m0002_down[] = {
#embed "0002_let_owed_rows_end.down.sql"
    , 0};
static const char m0003_up[] = {
#embed "0003_write_less.up.sql"
    , 0};
static const char m0003_down[] = {
#embed "0003_write_less.down.sql"
    , 0};
static const char m0004_up[] = {
#embed "0004_pause_schedules.up.sql"
    , 0};
static const char m0004_down[] = {
#embed "0004_pause_schedules.down.sql"
    , 0};

static const char m0005_up[] = {
#embed "0005_owe_scheduled_jobs.up.sql"
    , 0};
static const char m0005_down[] = {
#embed "0005_owe_scheduled_jobs.down.sql"
    , 0};

static const ledger_migration migrations[] = {
    {1, "create_the_books", m0001_up, m0001_down},
    {2, "let_owed_rows_end", m0002_up, m0002_down},
    {3, "write_less", m0003_up, m0003_down},
    {4, "pause_schedules", m0004_up, m0004_down},
    {5, "owe_scheduled_jobs", m0005_up, m0005_down},
};

int ledger_migration_count(void) { return sizeof migrations / sizeof *migrations; }

const ledger_migration *ledger_migration_at(int index) { return &migrations[index]; }
