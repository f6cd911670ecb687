#include "ScheduleFiles.h"

// C23 has #embed; SwiftPM compiles C as C17, where clang knows it as an extension.
#pragma clang diagnostic ignored "-Wc23-extensions"

// The files as they are, ended by a zero so that C strings can be made of them.
static const char commission_confirmation[] = {
#embed "../../schedules/commission-confirmation.json"
    , 0};

static const char *const schedules[] = {commission_confirmation};

int schedule_file_count(void) { return sizeof schedules / sizeof *schedules; }

const char *schedule_file_at(int index) { return schedules[index]; }
