// libpq 15. Debian keeps its headers in a folder of their own; the quoted include inside finds its neighbour.
#pragma once
#include <postgresql/libpq-fe.h>
