#include "JobQueueScripts.h"

// The package's C is C17, where clang takes #embed as an extension and says so.
#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char admit_lua[] = {
#embed "library/admit.lua"
};
static const unsigned char batches_lua[] = {
#embed "library/batches.lua"
};
static const unsigned char checks_lua[] = {
#embed "library/checks.lua"
};
static const unsigned char common_lua[] = {
#embed "library/common.lua"
};
static const unsigned char ends_lua[] = {
#embed "library/ends.lua"
};
static const unsigned char kept_lua[] = {
#embed "library/kept.lua"
};
static const unsigned char leases_lua[] = {
#embed "library/leases.lua"
};
static const unsigned char meta_lua[] = {
#embed "library/meta.lua"
};
static const unsigned char notes_lua[] = {
#embed "library/notes.lua"
};
static const unsigned char order_lua[] = {
#embed "library/order.lua"
};
static const unsigned char places_lua[] = {
#embed "library/places.lua"
};
static const unsigned char records_lua[] = {
#embed "library/records.lua"
};
static const unsigned char upkeep_lua[] = {
#embed "library/upkeep.lua"
};
static const unsigned char batch_find_lua[] = {
#embed "operations/batch_find.lua"
};
static const unsigned char batch_open_lua[] = {
#embed "operations/batch_open.lua"
};
static const unsigned char batch_seal_lua[] = {
#embed "operations/batch_seal.lua"
};
static const unsigned char cancel_lua[] = {
#embed "operations/cancel.lua"
};
static const unsigned char cancel_leased_lua[] = {
#embed "operations/cancel_leased.lua"
};
static const unsigned char check_lua[] = {
#embed "operations/check.lua"
};
static const unsigned char check_places_lua[] = {
#embed "operations/check_places.lua"
};
static const unsigned char dead_lua[] = {
#embed "operations/dead.lua"
};
static const unsigned char discard_lua[] = {
#embed "operations/discard.lua"
};
static const unsigned char enqueue_lua[] = {
#embed "operations/enqueue.lua"
};
static const unsigned char enqueue_first_lua[] = {
#embed "operations/enqueue_first.lua"
};
static const unsigned char enqueue_slot_lua[] = {
#embed "operations/enqueue_slot.lua"
};
static const unsigned char extend_lua[] = {
#embed "operations/extend.lua"
};
static const unsigned char feed_add_lua[] = {
#embed "operations/feed_add.lua"
};
static const unsigned char feed_look_lua[] = {
#embed "operations/feed_look.lua"
};
static const unsigned char feed_open_lua[] = {
#embed "operations/feed_open.lua"
};
static const unsigned char find_lua[] = {
#embed "operations/find.lua"
};
static const unsigned char glance_lua[] = {
#embed "operations/glance.lua"
};
static const unsigned char lease_lua[] = {
#embed "operations/lease.lua"
};
static const unsigned char limit_of_lua[] = {
#embed "operations/limit_of.lua"
};
static const unsigned char limit_set_lua[] = {
#embed "operations/limit_set.lua"
};
static const unsigned char note_lua[] = {
#embed "operations/note.lua"
};
static const unsigned char notes_of_lua[] = {
#embed "operations/notes_of.lua"
};
static const unsigned char pause_lua[] = {
#embed "operations/pause.lua"
};
static const unsigned char redrive_lua[] = {
#embed "operations/redrive.lua"
};
static const unsigned char scan_lua[] = {
#embed "operations/scan.lua"
};
static const unsigned char settle_lua[] = {
#embed "operations/settle.lua"
};
static const unsigned char share_lua[] = {
#embed "operations/share.lua"
};
static const unsigned char stats_lua[] = {
#embed "operations/stats.lua"
};
static const unsigned char tick_lua[] = {
#embed "operations/tick.lua"
};

static const JobQueueScriptFile files[] = {
    {"admit", admit_lua, sizeof admit_lua},
    {"batches", batches_lua, sizeof batches_lua},
    {"checks", checks_lua, sizeof checks_lua},
    {"common", common_lua, sizeof common_lua},
    {"ends", ends_lua, sizeof ends_lua},
    {"kept", kept_lua, sizeof kept_lua},
    {"leases", leases_lua, sizeof leases_lua},
    {"meta", meta_lua, sizeof meta_lua},
    {"notes", notes_lua, sizeof notes_lua},
    {"order", order_lua, sizeof order_lua},
    {"places", places_lua, sizeof places_lua},
    {"records", records_lua, sizeof records_lua},
    {"upkeep", upkeep_lua, sizeof upkeep_lua},
    {"batch_find", batch_find_lua, sizeof batch_find_lua},
    {"batch_open", batch_open_lua, sizeof batch_open_lua},
    {"batch_seal", batch_seal_lua, sizeof batch_seal_lua},
    {"cancel", cancel_lua, sizeof cancel_lua},
    {"cancel_leased", cancel_leased_lua, sizeof cancel_leased_lua},
    {"check", check_lua, sizeof check_lua},
    {"check_places", check_places_lua, sizeof check_places_lua},
    {"dead", dead_lua, sizeof dead_lua},
    {"discard", discard_lua, sizeof discard_lua},
    {"enqueue", enqueue_lua, sizeof enqueue_lua},
    {"enqueue_first", enqueue_first_lua, sizeof enqueue_first_lua},
    {"enqueue_slot", enqueue_slot_lua, sizeof enqueue_slot_lua},
    {"extend", extend_lua, sizeof extend_lua},
    {"feed_add", feed_add_lua, sizeof feed_add_lua},
    {"feed_look", feed_look_lua, sizeof feed_look_lua},
    {"feed_open", feed_open_lua, sizeof feed_open_lua},
    {"find", find_lua, sizeof find_lua},
    {"glance", glance_lua, sizeof glance_lua},
    {"lease", lease_lua, sizeof lease_lua},
    {"limit_of", limit_of_lua, sizeof limit_of_lua},
    {"limit_set", limit_set_lua, sizeof limit_set_lua},
    {"note", note_lua, sizeof note_lua},
    {"notes_of", notes_of_lua, sizeof notes_of_lua},
    {"pause", pause_lua, sizeof pause_lua},
    {"redrive", redrive_lua, sizeof redrive_lua},
    {"scan", scan_lua, sizeof scan_lua},
    {"settle", settle_lua, sizeof settle_lua},
    {"share", share_lua, sizeof share_lua},
    {"stats", stats_lua, sizeof stats_lua},
    {"tick", tick_lua, sizeof tick_lua},
};

size_t job_queue_script_count(void) { return sizeof files / sizeof *files; }

const JobQueueScriptFile *job_queue_script(size_t index) { return &files[index]; }
