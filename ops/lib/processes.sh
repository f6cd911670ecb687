# Starting and stopping of supervised processes. Source it after common.sh.
# shellcheck shell=bash

LOG_DIR="$STATE_DIR/logs"
STOP_SECONDS=30

# In the order of their start.
STARTED_NAMES=()
STARTED_PIDS=()

# start_process [--stop-signal SIGNAL] NAME COMMAND [ARGUMENT...]
start_process() {
    local stop_signal=TERM
    if [ "$1" = --stop-signal ]; then
        stop_signal=$2
        shift 2
    fi
    local name=$1
    shift
    mkdir -p "$LOG_DIR"
    # A session of its own: Ctrl-C reaches this script only, which then stops everything in order.
    setsid setpriv --pdeathsig TERM -- \
        "$TRIBUTARY_ROOT/ops/lib/supervise" "$name" "$LOG_DIR/$name.log" "$stop_signal" "$@" &
    STARTED_NAMES+=("$name")
    STARTED_PIDS+=("$!")
}

# Ends with a message when a process has given up.
check_processes() {
    local index
    for index in "${!STARTED_PIDS[@]}"; do
        kill -0 "${STARTED_PIDS[$index]}" 2>/dev/null || fail_with_log "${STARTED_NAMES[$index]}" "has given up"
    done
}

# fail_with_log NAME WHAT
fail_with_log() {
    warn "--- the end of .tributary/logs/$1.log:"
    tail -n 20 "$LOG_DIR/$1.log" >&2 || true
    fail "$1 $2"
}

# wait_until NAME SECONDS COMMAND...: runs the command until it succeeds.
wait_until() {
    local name=$1 limit=$((SECONDS + $2))
    shift 2
    until "$@" >/dev/null 2>&1; do
        check_processes
        [ "$SECONDS" -lt "$limit" ] || fail_with_log "$name" "is not ready"
        sleep 0.1
    done
}

# Stops everything, the last started first, and waits for each.
stop_processes() {
    local index pid limit
    for ((index = ${#STARTED_PIDS[@]} - 1; index >= 0; index--)); do
        pid=${STARTED_PIDS[$index]}
        kill -TERM "$pid" 2>/dev/null || continue
        limit=$((SECONDS + STOP_SECONDS))
        while kill -0 "$pid" 2>/dev/null; do
            if [ "$SECONDS" -ge "$limit" ]; then
                warn "${STARTED_NAMES[$index]} does not stop; it is killed"
                kill -KILL "$pid" 2>/dev/null || true
                break
            fi
            sleep 0.05
        done
        wait "$pid" 2>/dev/null || true
    done
    STARTED_NAMES=()
    STARTED_PIDS=()
}
