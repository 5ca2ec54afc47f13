# ./dev run: a server on loopback and its first alert.
# shellcheck shell=bash

make_demo() {
    mkdir -p var
    chmod 700 var
    [[ -s var/secret ]] || (umask 077 && "$bin/python" -c 'import secrets; print(secrets.token_hex(16))' >var/secret)
    cat >var/incm-webhook.toml <<TEXT
[inbox]
url = "sqlite:inbox.db"

[[endpoint]]
path = "/webhook"
secret_file = "./secret"

[[plugin]]
use = "log"

[[plugin]]
use = "jsonl"
config = { path = "$PWD/var/alerts.jsonl" }
TEXT
}

run() {
    local listen=(--listen 127.0.0.1:8080 --admin 127.0.0.1:9464) once=
    case ${1-} in
        --once) once=once listen=(--listen 127.0.0.1:0 --admin 127.0.0.1:0) ;;
        '') ;;
        *) wrong_usage ;;
    esac
    setup
    make_demo
    local ready=var/ready.json
    rm -f "$ready"
    # The server gets its own session. Otherwise the terminal would send it Ctrl-C in addition to the
    # signal of the trap, and a second signal makes it stop without grace.
    setsid env -u INCM_WEBHOOK_CONFIG "$bin/incm-webhook" serve --config var/incm-webhook.toml "${listen[@]}" \
        --ready-file "$ready" &
    local server=$! ended=0
    trap 'kill -TERM $server 2>/dev/null || true' INT TERM
    local status=0
    "$bin/python" tools/first_alert.py "$ready" "$server" $once || status=$?
    if [[ -n $once || $status != 0 ]]; then kill -TERM "$server" 2>/dev/null || true; fi
    while :; do
        ended=0
        wait "$server" || ended=$?
        kill -0 "$server" 2>/dev/null || break  # else a signal ended the wait
    done
    return $((status ? status : ended))
}
