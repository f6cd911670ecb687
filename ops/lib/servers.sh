# A private Redis and a private PostgreSQL under .tributary/. Source it after processes.sh.
# shellcheck shell=bash

# start_redis PORT: append-only file, fsync before each answer, never evicts.
start_redis() {
    mkdir -p "$STATE_DIR/redis"
    start_process redis redis-server --port "$1" --bind 127.0.0.1 --dir "$STATE_DIR/redis" --save "" \
        --appendonly yes --appendfsync always --maxmemory-policy noeviction --protected-mode yes
    wait_until redis 30 redis_answers "$1"
}

redis_answers() { [ "$(redis-cli -p "$1" ping)" = PONG ]; }

# start_postgres PORT: fsync and synchronous commit are on; the user `postgres` without a password, from 127.0.0.1 only.
start_postgres() {
    local bin data
    bin=$(postgres_bin)
    data=$(postgres_data)
    if [ ! -e "$data/PG_VERSION" ]; then
        as_postgres "$bin/initdb" -D "$data" -U postgres --auth=trust --encoding=UTF8 --locale=C \
            --no-instructions >"$LOG_DIR/initdb.log" 2>&1 || fail_with_log initdb "failed"
    fi
    local -a prefix
    mapfile -t prefix < <(postgres_user_prefix)
    # INT is PostgreSQL's fast shutdown.
    start_process --stop-signal INT postgres "${prefix[@]}" "$bin/postgres" -D "$data" \
        -c "port=$1" -c listen_addresses=127.0.0.1 -c "unix_socket_directories=" -c max_connections=200 \
        -c shared_buffers=128MB -c max_wal_size=2GB -c timezone=UTC -c log_timezone=UTC \
        -c fsync=on -c synchronous_commit=on
    wait_until postgres 60 psql -qAt -d "postgresql://postgres@127.0.0.1:$1/postgres" -c "select 1"
}

# The newest installed server's programs, which Debian keeps out of PATH.
postgres_bin() {
    local newest
    newest=$(find /usr/lib/postgresql -mindepth 1 -maxdepth 1 -printf '%f\n' 2>/dev/null | sort -n | tail -n 1)
    [ -n "$newest" ] || fail "PostgreSQL is not installed; run ./ops/setup"
    printf '%s\n' "/usr/lib/postgresql/$newest/bin"
}

# PostgreSQL refuses to run as root: it runs as its own user then, who must be able to reach its data. A checkout below
# a folder that is closed to others (/root) keeps it in /var/tmp instead.
postgres_data() {
    local place="$STATE_DIR/postgres"
    if [ "$(id -u)" = 0 ]; then
        if ! as_postgres test -x "$STATE_DIR"; then
            place="/var/tmp/tributary-postgres-$(printf '%s' "$TRIBUTARY_ROOT" | cksum | cut -d' ' -f1)"
        fi
        install -d -o postgres -g postgres -m 700 "$place"
    else
        install -d -m 700 "$place"
    fi
    printf '%s\n' "$place"
}

as_postgres() {
    local -a prefix
    mapfile -t prefix < <(postgres_user_prefix)
    # The user may not be allowed to stand in our folder.
    (cd / && "${prefix[@]}" "$@")
}

# One word a line; `env` where nothing is to be changed.
postgres_user_prefix() {
    if [ "$(id -u)" = 0 ]; then
        printf '%s\n' setpriv --reuid postgres --regid postgres --init-groups --
    else
        printf '%s\n' env
    fi
}
