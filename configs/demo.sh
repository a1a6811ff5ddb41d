#!/usr/bin/env bash
# A whole station on this machine: makes the footage, starts firmware-sim
# (two cameras, two pillars, a drone, two phones, two partners, headquarters) and watchpost on it, prints the wall's
# address and logins made for this run. Ctrl-C stops everything. Called by
# `make demo`, which has built the programs.
set -euo pipefail
cd "$(dirname "$0")/.."
demo=.demo
export MODELS_DIR=${MODELS_DIR:-.cache/models}
mkdir -p "$demo/footage"
sim='' box=''                   # process ids

say() { printf '==> %s\n' "$*"; }
fail() { printf '\nmake demo: %s\n' "$*" >&2; exit 1; }

# Stops the box first, so that headquarters is there for its last words. A
# second Ctrl-C ends both at once.
stop() {
  trap - EXIT
  trap 'kill -KILL $box $sim 2>/dev/null' INT TERM HUP
  trap '' PIPE
  [ -n "$sim" ] || return 0
  echo
  say "stopping"
  [ -z "$box" ] || end "$box" watchpost
  end "$sim" sim
}

end() {  # PID LOG
  local status=0
  kill -TERM "$1" 2>/dev/null || true
  while wait "$1" 2>/dev/null && status=0 || status=$?; kill -0 "$1" 2>/dev/null; do :; done
  [ $status = 0 ] || say "it ended with status $status; its log is $demo/$2.log"
}
trap stop EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# Encodes once: NAME INPUT [ffmpeg input options…]. 25 pictures a second, a key
# frame every 2 s, no B-frames: what cameras send.
footage() {
  local out="$demo/footage/$1.mp4" made="$demo/footage/$1.from" input=$2 from="${*:2}"
  shift 2
  [ -s "$out" ] && [ "$(cat "$made" 2>/dev/null)" = "$from" ] && return
  say "making $out (once)"
  ffmpeg -nostdin -y -v error -stats "$@" -i "$input" -an -vf fps=25,scale=768:-2 -c:v libx264 -preset veryfast -profile:v main \
    -bf 0 -g 50 -keyint_min 50 -sc_threshold 0 -b:v 2M -maxrate 2M -bufsize 4M -pix_fmt yuv420p -movflags +faststart "$out.part.mp4"
  mv "$out.part.mp4" "$out"
  echo "$from" >"$made"
}

vtest=$(dpkg -L opencv-doc 2>/dev/null | grep -E '/vtest\.avi$' | head -1 || true)
[ -n "$vtest" ] || fail "vtest.avi of Debian's opencv-doc is not there; run: make deps"
footage yard "$vtest" -ss 24.4 -t 50
walk=${WATCHPOST_SHARED:-../shared}/footage/one-by-one-person-detection.mp4
if [ -s "$walk" ]; then footage gate "$walk"; else footage gate "$vtest" -ss 40; fi

# A port that is taken is named before anything starts: tcp|udp PORT WHAT FILE.
# The kernel's own list is read: nobody is disturbed, and no tool is needed.
port() {
  local hex holder
  printf -v hex '%04X' "$2"
  { cat "/proc/net/$1" "/proc/net/${1}6" 2>/dev/null || true; } |
    awk -v port="$hex" -v tcp="$([ "$1" = tcp ] && echo 1 || true)" \
      '$2 ~ (":" port "$") && (!tcp || $4 == "0A") { found = 1 } END { exit !found }' || return 0
  holder=$(ss "-Hlnp${1:0:1}" "sport = :$2" 2>/dev/null | sed -nE 's/.*users:\(\("([^"]+)",pid=([0-9]+).*/\1, process \2/p' | head -1 || true)
  fail "$1 port $2 ($3) is taken by ${holder:-a program that 'ss -lnp' names as root}. Stop it, or change the port in $4"
}
port tcp 8080 "the wall" configs/demo.yaml
port tcp 1883 "the broker of pillars and phones" "configs/demo.yaml and configs/demo-sim.yaml"
port tcp 8189 "live pictures" "configs/demo.yaml (webrtc: {udp: 0, tcp: 0})"
port udp 8189 "live pictures" "configs/demo.yaml (webrtc: {udp: 0, tcp: 0})"
port udp 14550 "the drone" "configs/demo.yaml and configs/demo-sim.yaml"
for p in "18554 camera yard" "18555 camera gate" "18883 headquarters' broker" "18890 headquarters' clips"; do
  port tcp "${p%% *}" "${p#* }" "configs/demo-sim.yaml and configs/demo.yaml"
done
port tcp 18900 "firmware-sim's control" configs/demo-sim.yaml

# The logins of this run, one for each thing that two people or another role
# must do: NAME ROLE. Those of an earlier run are kept, with the new password.
password=$(head -c 6 /dev/urandom | od -An -tx1 | tr -d ' \n')
known=$(bin/watchpost user list -config configs/demo.yaml 2>/dev/null || true)
while read -r name role; do
  if grep -q "^$name " <<<"$known"; then verb=(passwd); else verb=(add -role "$role"); fi
  echo "$password" | bin/watchpost user "${verb[0]}" -config configs/demo.yaml "${verb[@]:1}" "$name" || fail "could not make the login $name"
done <<'EOF'
operator operator
operator2 operator
demo lead
lead2 lead
admin admin
EOF

# Waits until a file appears: FILE PID WHAT LOG
ready() {
  for _ in $(seq 1 300); do
    [ -s "$1" ] && return
    kill -0 "$2" 2>/dev/null || { tail -20 "$4" >&2; fail "$3 ended; its log is $4"; }
    sleep 0.1
  done
  tail -20 "$4" >&2
  fail "$3 was not ready within 30 s; its log is $4"
}

# In process groups of their own, so that Ctrl-C reaches only this script, which
# stops them in order.
set -m
rm -f "$demo/sim/addresses.json" "$demo/data/addresses.json"
say "starting firmware-sim: 2 cameras, 2 pillars, a drone, 2 phones, 2 partners, headquarters"
bin/firmware-sim -config configs/demo-sim.yaml >"$demo/sim.log" 2>&1 &
sim=$!
ready "$demo/sim/addresses.json" "$sim" firmware-sim "$demo/sim.log"

say "starting watchpost"
bin/watchpost run -config configs/demo.yaml >"$demo/watchpost.log" 2>&1 &
box=$!
ready "$demo/data/addresses.json" "$box" watchpost "$demo/watchpost.log"
grep -m1 'object detector' "$demo/watchpost.log" | sed -E 's/.*backend=([a-z]+).*/==> object detector: \1/' || true

cat <<EOF

    The wall      http://127.0.0.1:8080/        (wall display: /wall)
    Login         demo / $password
                  all below have the same password
      operator, operator2   接警员    report, dispatch, close, patrol; hand the shift over to each other
      demo, lead2           值班领导  also: scores, drills, exports, the audit; approve what needs a second lead
      admin                 管理员    also: users and tokens

    Press a pillar       curl -X POST http://127.0.0.1:18900/pillar/P-001/press -d '{"kind":"alarm"}'
    Stop a camera        curl -X POST http://127.0.0.1:18900/camera/yard/stop         (…/start)
    Cut the line up      curl -X POST http://127.0.0.1:18900/hq/hq/stop               (…/start)
    Order from above     curl -X POST http://127.0.0.1:18900/hq/hq/task -d '{"to":"patrol-1","priority":"P0","note":"立即到步行街南口增援"}'
    What hq has got      curl http://127.0.0.1:18900/hq/ledger
    Logs                 $demo/watchpost.log  $demo/sim.log

    Ctrl-C stops everything.
EOF

wait -n "$box" "$sim" || true
if kill -0 "$box" 2>/dev/null; then fail "firmware-sim ended by itself; its log is $demo/sim.log"; fi
tail -20 "$demo/watchpost.log" >&2
fail "watchpost ended by itself; its log is $demo/watchpost.log"
