#pragma once

/// How many schedules this binary carries.
int schedule_file_count(void);

/// The JSON text at `index`, 0 ..< count, as it stands in `schedules/`, ended by a zero. It lives for ever.
const char *schedule_file_at(int index);
