// libpq 15. Debian keeps its headers in a folder of their own; the quoted include inside finds its neighbour.
#pragma once
#include <postgresql/libpq-fe.h>

// Error fields have one-letter codes that are character constants in C; NULL where the server sent no such field.

/// Five characters, such as "23505"; NULL when libpq itself made the error.
static inline const char *tributary_sqlstate(const PGresult *result) {
    return PQresultErrorField(result, PG_DIAG_SQLSTATE);
}
static inline const char *tributary_message(const PGresult *result) {
    return PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
}
/// "ERROR", "FATAL" or "PANIC" in every language of the server.
static inline const char *tributary_severity(const PGresult *result) {
    return PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
}
static inline const char *tributary_constraint(const PGresult *result) {
    return PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
}
static inline const char *tributary_table(const PGresult *result) {
    return PQresultErrorField(result, PG_DIAG_TABLE_NAME);
}
/// The server's C function that raised the error.
static inline const char *tributary_source_function(const PGresult *result) {
    return PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);
}
