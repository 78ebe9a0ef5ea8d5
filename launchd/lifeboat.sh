#!/bin/sh
# The lifeboat of openclaw-immune: shows, starts and restores the gateway where no Node can run our program.
# Written by "immune install"; an edit is lost at the next one. docs/lifeboat.md is its manual.
# POSIX sh and the system's own tools only. What it reads is data: nothing is sourced, nothing is evaluated. Every file it
# makes is private, and whatever it replaces is kept under quarantine/ and comes back with "immune undo".

# -f: no name is ever taken for a pattern, but where it is said.
set -uf
umask 077
LC_ALL=C
export LC_ALL
unset IFS CDPATH GREP_OPTIONS CURL_HOME NODE_OPTIONS NODE_PATH

# ---- What an answer ends with: the same codes as the program's. 9 is for the launcher alone.
ok=0 usage_code=2 unhealthy=3 refused=4 busy=5 broken_runtime=9

# ---- Bounds
lines_max=200      # of a file of facts: it has some thirty
links_max=32       # one behind the other, as the systems themselves follow
body_max=4096      # bytes of an answer to /healthz: it has some thirty
files_max=200      # of one config with its includes
folders_max=200    # of kept changes that are looked through
per_hour=2         # restarts by the lifeboat as the watchdog
per_day=4
dead_looks=3       # in a row, before one of them

# POSIX sh has no local names: what a function assigns is its own, or is said to be its answer.
say() { printf '%s\n' "$1" >&3; }
warn() { printf '%s\n' "$1" >&2; }

# One value as a JSON string. Control characters are left out: none of our sentences has one.
json_text() { printf '%s' "$1" | tr -d '\000-\037' | sed 's/\\/\\\\/g; s/"/\\"/g'; }

# Ends with a code, the outcome in one line, and the next command to type.
finish() {
  say "$2"
  [ -z "${3-}" ] || say "next: $3"
  if [ "$json" = yes ]; then
    printf '{"version":1,"lifeboat":true,"verb":"%s","exit":%s,"outcome":"%s","next":"%s"}\n' \
      "$(json_text "$verb")" "$1" "$(json_text "$2")" "$(json_text "${3-}")"
  fi
  exit "$1"
}

# Runs a command for that many seconds at most; 124 when it had to be ended. macOS has no "timeout", and "wait" alone
# would hang with a process that not even SIGKILL ends.
bounded() {
  bounded_left=$(($1 * 50))
  shift
  "$@" &
  bounded_pid=$!
  while kill -0 "$bounded_pid" 2>/dev/null; do
    if [ "$bounded_left" -le 0 ]; then
      kill -9 "$bounded_pid" 2>/dev/null
      return 124
    fi
    sleep 0.02 2>/dev/null || sleep 1
    bounded_left=$((bounded_left - 1))
  done
  wait "$bounded_pid"
}

# Whether both are files of the same bytes; a folder in place of one is no word on the terminal.
same() { cmp -s "$1" "$2" 2>/dev/null; }
has() { command -v "$1" >/dev/null 2>&1; }

# Not 08: arithmetic takes that for an octal number, and ends the shell over it.
is_number() { case $1 in '' | *[!0-9]* | 0?*) return 1 ;; esac; [ "${#1}" -le 12 ]; }

one_word() { printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"; }

# ---- Facts: lifeboat.conf, one key=value a line.
read_facts() {
  facts_seen=0
  while IFS= read -r line && [ "$facts_seen" -lt "$lines_max" ]; do
    facts_seen=$((facts_seen + 1))
    value=${line#*=}
    case $line in
      uid=*) ! is_number "$value" || uid=$value ;;
      data=/*) data=$value ;;
      node=/*) node=$value ;;
      app=/*) app=$value ;;
      checkout=/*) checkout=$value ;;
      watchdog=*) watchdog=$value ;;
      launchctl=/*) launchctl=$value ;;
      git=/*) git=$value ;;
      lsof=/*) lsof=$value ;;
      path=/*) PATH=$value ;;
      label=?*) label=$value ;;
      plist=/*) plist=$value ;;
      config=/*) config=$value ;;
      package=/*) package=$value ;;
      entry=/*) entry=$value ;;
      openclaw=?*) openclaw=$value ;;
      host=?*) host=$value ;;
      port=*) ! is_number "$value" || port=$value ;;
      tls=*) tls=$value ;;
      log=/*) log=$value ;;
      boot_grace_s=*) ! is_number "$value" || boot_grace_s=$value ;;
      look_s=*) ! is_number "$value" || [ "$value" -lt 1 ] || look_s=$value ;;
    esac
  done <"$1"
}

settle_facts() {
  PATH=/usr/bin:/bin:/usr/sbin:/sbin
  export PATH
  here=${0%/*}
  [ "$here" != "$0" ] || here=.
  here=$(cd -- "$here" 2>/dev/null && pwd -P) || here=/nowhere
  user_home=${HOME:-/nowhere}
  # The copy among the snapshots stands deeper.
  data=${here%/config-backup/immune/bin}
  [ "$data" != "$here" ] || data=${here%/*}
  uid=$(id -u) data=${OPENCLAW_IMMUNE_DATA:-$data} node='' app='' checkout='' package='' entry='' openclaw=''
  watchdog=org.openclaw-immune.watchdog launchctl='' git='' lsof='' tls=no host=127.0.0.1 port=18789
  label=ai.openclaw.gateway plist=$user_home/Library/LaunchAgents/ai.openclaw.gateway.plist
  config=$user_home/.openclaw/openclaw.json boot_grace_s=600 look_s=60 log=''
  for facts_file in "$here/lifeboat.conf" "$data/bin/lifeboat.conf"; do
    [ -r "$facts_file" ] || continue
    read_facts "$facts_file"
    break
  done
  export PATH
  # What was recorded may have been moved since.
  [ -x "$launchctl" ] || launchctl=$(command -v launchctl) || launchctl=/bin/launchctl
  [ -x "$git" ] || git=$(command -v git) || git=''
  [ -x "$lsof" ] || lsof=$(command -v lsof) || lsof=''
  state=$data/state quarantine=$data/quarantine known_good=$data/state/known-good store=$data/config-backup
  alert=$data/ALERT.md
  scheme=http
  [ "$tls" != yes ] || scheme=https
  case $host in
    *:*) url=$scheme://[$host]:$port/healthz ;;
    *) url=$scheme://$host:$port/healthz ;;
  esac
}

install_command() {
  if [ -n "$checkout" ]; then
    printf '%s' "cd $(one_word "$checkout") && ./install.sh"
  else
    printf '%s' './install.sh, in the checkout of openclaw-immune'
  fi
}

# ---- Our own runtime

# As hex digits; nothing without od.
first_bytes() { od -An -tx1 -j"$2" -N"$3" "$1" 2>/dev/null | tr -d ' \n'; }

# Says in runtime_why what is wrong with our Node or our program; succeeds when both work.
try_runtime() {
  runtime_why=''
  if [ ! -e "$node" ]; then
    runtime_why="our Node is missing: $node"
  elif [ ! -s "$node" ]; then
    runtime_why="our Node is empty: $node"
  elif [ ! -f "$node" ] || [ ! -x "$node" ]; then
    runtime_why="our Node may not be executed: $node"
  elif [ ! -s "$app" ]; then
    runtime_why="our program is missing or empty: $app"
  fi
  [ -z "$runtime_why" ] || return 1
  # What the system refuses to execute, a shell reads as a script; so only what is a program is tried.
  case $(first_bytes "$node" 0 4) in
    7f454c46)
      if [ "$(first_bytes "$node" 18 2)" != "$(first_bytes /bin/ls 18 2)" ]; then
        runtime_why="our Node is made for another processor: $node"
        return 1
      fi
      ;;
    cffaedfe | cafebabe | 2321* | '') ;;
    *)
      runtime_why="our Node is no program: $node"
      return 1
      ;;
  esac
  printed=$(bounded 20 "$node" "$app" --version 2>/dev/null)
  code=$?
  case $code in
    0)
      case $printed in
        [0-9]*) return 0 ;;
        *) runtime_why="our program gives no version: $app" ;;
      esac
      ;;
    124) runtime_why="our Node gave no answer within 20 s: $node" ;;
    126 | 127) runtime_why="our Node cannot be executed on this machine: $node" ;;
    *)
      if [ "$code" -gt 128 ]; then
        runtime_why="our Node was ended by signal $((code - 128)) as it started: $node"
      else
        runtime_why="our program does not start (it ended with $code): $app"
      fi
      ;;
  esac
  return 1
}

# For the launcher: the files as it saw them are noted when they work, so that it need not ask again.
check_runtime() {
  stamp=$1
  if try_runtime; then
    if printf '%s\n' "$2" >"$stamp.$$" 2>/dev/null; then mv -f "$stamp.$$" "$stamp" 2>/dev/null; fi
    exit "$ok"
  fi
  rm -f "$stamp" 2>/dev/null
  warn "openclaw-immune: $runtime_why"
  warn "This is the lifeboat, which needs no Node. To get all of it back: $(install_command)"
  exit "$broken_runtime"
}

# ---- Looking

# health: live, dead, other (somebody else answers) or unknown.
look_health() {
  health=unknown health_why=''
  if has curl; then
    # Whoever listens there may send without end: of more than this the code is lost, and it is not the gateway.
    body=$(
      {
        bounded 8 curl -q -sS -g -k --noproxy '*' --max-time 3 -H 'Accept: application/json' --url "$url" 2>/dev/null
        printf ' %s' "$?"
      } | head -c "$body_max" | tr -d '\000\n'
    )
    code=${body##* }
    body=${body% *}
    is_number "$code" || code=0
    case $code in
      0) judge_answer "$(printf '%s' "$body" | tr -d ' \n')" ;;
      7) health=dead health_why='nobody listens' ;;
      28 | 124) health=dead health_why='it accepts connections and does not answer' ;;
      52 | 56) health=dead health_why='it closes the connection without an answer' ;;
      *) health_why="curl could not ask (it ended with $code)" ;;
    esac
  elif [ "$scheme" = http ] && has nc; then
    body=$(bounded 8 ask_with_nc | head -c "$body_max" | tr -d ' \r\000' | tail -n 1)
    # It does not say whether nobody listened or nobody answered.
    if [ -z "$body" ]; then health=dead health_why='nobody listens, or nobody answers'; else judge_answer "$body"; fi
  else
    health_why='there is neither curl nor nc to ask with'
  fi
}

ask_with_nc() {
  printf 'GET /healthz HTTP/1.0\r\nHost: localhost\r\nAccept: application/json\r\n\r\n' | nc -w 3 "$host" "$port" 2>/dev/null
}

judge_answer() {
  case $1 in
    '{"ok":true,"status":"live"}' | '{"status":"live","ok":true}') health=live health_why='' ;;
    *) health=other health_why='what answers there is not the gateway' ;;
  esac
}

# Of what launchctl printed. Only lines with exactly one tab count: nested blocks have a state of their own. There is no
# here-document in this script: the bash of macOS writes each to a file, and the disk may be full.
job_line() { printf '%s\n' "$printed" | sed -n "s/^	$1 = //p" | head -n 1; }

# job: running, scheduled, stopping, stopped, pended, not-loaded, no-domain or unknown; job_pid and job_exit with it.
look_job() {
  job=unknown job_pid='' job_exit='' job_pended=''
  printed=$(bounded 6 "$launchctl" print "gui/$uid/$label" 2>/dev/null)
  code=$?
  case $code in
    0) ;;
    113) job=not-loaded && return ;;
    112 | 125) job=no-domain && return ;;
    *) return ;;
  esac
  job_pid=$(job_line pid)
  is_number "$job_pid" || job_pid=''
  job_pended=$(job_line 'pended nondemand spawn')
  job_exit=$(job_line 'last exit code')
  job_exit=${job_exit%%:*}
  case $(job_line state) in
    running) [ -z "$job_pid" ] || job=running ;;
    'spawn scheduled' | spawning | xpcproxy) job=scheduled ;;
    SIGTERMed | SIGKILLed) job=stopping ;;
    'not running' | exited) if [ -n "$job_pended" ]; then job=pended; else job=stopped; fi ;;
  esac
}

# Whether launchd's store says "disabled" of the gateway.
is_disabled() {
  bounded 6 "$launchctl" print-disabled "gui/$uid" 2>/dev/null |
    grep -F "\"$label\" => " | grep -Eq '=> (disabled|true)$'
}

job_words() {
  case $job in
    running) printf '%s' "running, process $job_pid" ;;
    scheduled) printf '%s' 'about to be started by launchd' ;;
    stopping) printf '%s' 'just stopping' ;;
    stopped) printf '%s' "loaded, without a process${job_exit:+ (it ended with $job_exit)}" ;;
    pended) printf '%s' "held back by launchd ($job_pended); a restart starts it" ;;
    not-loaded) printf '%s' 'not loaded' ;;
    no-domain) printf '%s' 'this user has no desktop session' ;;
    *) printf '%s' 'launchctl gives no answer that can be understood' ;;
  esac
}

version_of() { sed -n 's/^[[:space:]]*"version"[[:space:]]*:[[:space:]]*"\([^"]*\)".*/\1/p' "$1/package.json" 2>/dev/null | head -n 1; }

dependencies_of() {
  awk '/^[ \t]*"dependencies"[ \t]*:[ \t]*\{/ { within = 1; next }
    within && /^[ \t]*\}/ { exit }
    within && match($0, /"[^"]+"/) { print substr($0, RSTART + 1, RLENGTH - 2) }' "$1/package.json" 2>/dev/null | head -n 500
}

# Says in fault what is plainly missing of a package; succeeds when nothing is. A file that is cut off is not seen here.
look_package() {
  fault=''
  if [ ! -d "$1" ]; then
    fault='it is not there'
  elif [ ! -s "$1/package.json" ] || ! grep -Eq '"name"[[:space:]]*:[[:space:]]*"openclaw"' "$1/package.json"; then
    fault='its package.json is missing or damaged'
  elif [ ! -s "$1/dist/index.js" ] && [ ! -s "$1/dist/index.mjs" ] && [ ! -s "$1/dist/entry.js" ] && [ ! -s "$1/dist/entry.mjs" ]; then
    fault='its program (dist/) is missing'
  elif [ -n "$entry" ] && [ "${entry#"$package"/}" != "$entry" ] && [ ! -s "$1/${entry#"$package"/}" ]; then
    fault="its program ${entry#"$package"/} is missing"
  else
    for dependency in $(dependencies_of "$1"); do
      case $dependency in *[!A-Za-z0-9@/._-]* | *..*) continue ;; esac
      # pnpm puts them beside the package.
      [ -s "$1/node_modules/$dependency/package.json" ] || [ -s "${1%/*}/$dependency/package.json" ] ||
        fault="its dependency $dependency is missing"
    done
  fi
  [ -z "$fault" ]
}

sha256_of() {
  if has shasum; then
    shasum -a 256 <"$1"
  elif has sha256sum; then
    sha256sum <"$1"
  elif has openssl; then
    openssl dgst -sha256 -r <"$1"
  fi | sed 's/[^0-9a-f].*//'
}

# The files of a snapshot's manifest: name, role, mode, sha256 and path of each, five lines a file. It is JSON of our own
# hand, a key a line. What is escaped in any other way than by \" and \\ cannot be read without Node: then nothing is told.
manifest_files() {
  awk '
    function text(line) {
      sub(/^[^:]*: "/, "", line); sub(/",?$/, "", line)
      if (line ~ /\\[^"\\]/) bad = 1
      gsub(/\\\\/, "\001", line); gsub(/\\"/, "\"", line); gsub(/\001/, "\\", line)
      return line
    }
    /^      "name": "/ { name = text($0) }
    /^      "role": "/ { role = text($0) }
    /^      "path": "/ { path = text($0) }
    /^      "mode": / { mode = $0; gsub(/[^0-9]/, "", mode) }
    /^      "sha256": "/ { sha = text($0) }
    /^    \}/ {
      if (role == "config" || role == "include") out = out name "\n" role "\n" sprintf("%o", mode) "\n" sha "\n" path "\n"
      name = role = path = mode = sha = ""
    }
    END { if (!bad) printf "%s", out }' "$1"
}

# Whether a folder holds a whole snapshot of this gateway's config. Says in fault why not.
look_snapshot() {
  fault=''
  if [ ! -s "$1/manifest.json" ]; then
    fault='it has no manifest'
    return 1
  fi
  fault=$(manifest_files "$1/manifest.json" | look_files "$1")
  [ -z "$fault" ]
}

# Prints what is wrong with the files of a snapshot.
look_files() {
  seen=0 has_config=no
  while IFS= read -r name && IFS= read -r role && IFS= read -r mode && IFS= read -r sum && IFS= read -r path; do
    seen=$((seen + 1))
    case $name in /* | ../* | */../* | */..) fault="it names $name" ;; esac
    case $path in */../* | */..) fault="it names $path" ;; "${config%/*}"/*) ;; *) fault="it is of another config ($path)" ;; esac
    [ "$role" != config ] || [ "$path" != "$config" ] || has_config=yes
    if [ ! -f "$1/$name" ]; then
      fault="its file $name is missing"
    else
      found=$(sha256_of "$1/$name")
      # Without a program that hashes it is taken as it is: the folder is private, and its files are written whole.
      [ -z "$found" ] || [ "$found" = "$sum" ] || fault="its file $name is not what was recorded"
    fi
    [ "$seen" -lt "$files_max" ] || fault='it holds too many files'
    [ -z "$fault" ] || break
  done
  [ -n "$fault" ] || [ "$has_config" = yes ] || fault='it does not hold this config'
  printf '%s' "$fault"
}

hermetic_git() {
  bounded 30 env GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null GIT_TERMINAL_PROMPT=0 \
    GIT_OPTIONAL_LOCKS=0 GIT_NO_REPLACE_OBJECTS=1 GIT_CEILING_DIRECTORIES="$data" \
    "$git" --git-dir="$store/.git" -c core.hooksPath=/dev/null -c core.fsmonitor=false "$@" 2>/dev/null
}

# Writes a verified commit's config and includes into a private folder.
unpack_commit() {
  hermetic_git cat-file blob "$1:manifest.json" >"$2/manifest.json" || return 1
  manifest_files "$2/manifest.json" >"$2.files"
  while IFS= read -r name && IFS= read -r role && IFS= read -r mode && IFS= read -r sum && IFS= read -r path; do
    case $name in '' | /* | ../* | */../* | */..) return 1 ;; esac
    [ "${name%/*}" = "$name" ] || mkdir -p "$2/${name%/*}" || return 1
    hermetic_git cat-file blob "$1:$name" >"$2/$name" </dev/null || return 1
  done <"$2.files"
}

# The newest snapshot that is verified and not bad: its folder in snapshot, its name in snapshot_name. The plain copies
# come first, for they need no git; after them the tags.
find_snapshot() {
  snapshot='' snapshot_name='' passed_over=''
  for folder in $(cd "$known_good" 2>/dev/null && ls -1 | grep -E '^[0-9]{6,}-[0-9a-f]{12}$' | sort -rn | head -n "$folders_max"); do
    if [ -e "$known_good/$folder/bad" ]; then
      passed_over="$passed_over $folder (bad)"
    elif look_snapshot "$known_good/$folder"; then
      snapshot=$known_good/$folder snapshot_name=$folder
      return 0
    else
      passed_over="$passed_over $folder ($fault)"
    fi
  done
  [ -n "$git" ] && [ -d "$store/.git" ] || return 1
  for id in $(hermetic_git for-each-ref --count="$folders_max" --sort=-creatordate '--format=%(objectname)' refs/tags/verified/); do
    case $id in *[!0-9a-f]*) continue ;; esac
    short=$(printf '%.12s' "$id")
    [ -z "$(hermetic_git for-each-ref '--format=%(objectname)' "refs/tags/bad/$short")" ] || continue
    make_scratch
    rm -rf "$scratch/snapshot" "$scratch/snapshot.files"
    mkdir "$scratch/snapshot" || return 1
    if unpack_commit "$id" "$scratch/snapshot" && look_snapshot "$scratch/snapshot"; then
      snapshot=$scratch/snapshot snapshot_name="commit $short"
      return 0
    fi
    passed_over="$passed_over $short (${fault:-it cannot be read})"
  done
  return 1
}

taken_at() { sed -n 's/^  "takenAt": "\([^"]*\)".*/\1/p' "$1/manifest.json" | head -n 1; }

# Whether the config on disk is, file by file, what the snapshot holds.
config_is_snapshot() {
  manifest_files "$1/manifest.json" | (
    while IFS= read -r name && IFS= read -r role && IFS= read -r mode && IFS= read -r sum && IFS= read -r path; do
      same "$1/$name" "$path" || exit 1
    done
  )
}

make_scratch() {
  [ -z "${scratch-}" ] || return 0
  wanted_scratch=${TMPDIR:-/tmp}/openclaw-immune-lifeboat.$$
  # mkdir never takes what is there already, so nobody else can have prepared it; one that was killed may have left its own.
  scratch_round=0
  until mkdir -m 700 "$wanted_scratch.$scratch_round" 2>/dev/null; do
    scratch_round=$((scratch_round + 1))
    [ "$scratch_round" -lt 50 ] || finish "$unhealthy" "no temporary folder can be made ($wanted_scratch)" 'df -h'
  done
  scratch=$wanted_scratch.$scratch_round
}

# ---- One at a time: the lease of the program, in its own form (src/system/lease.ts).

highest_lease() {
  highest=0
  set +f
  for lease in "$state/lease"/lease.*; do
    each=${lease##*.}
    ! is_number "$each" || [ "$each" -le "$highest" ] || highest=$each
  done
  set -f
}

# Whether somebody alive holds it: holder says who. A pid that means another program by now holds nothing.
lease_is_held() {
  highest_lease
  [ "$highest" -gt 0 ] || return 1
  record=$(head -c 4096 "$state/lease/lease.$highest" 2>/dev/null)
  case $record in *'"released":true'*) return 1 ;; esac
  holder=$(printf '%s' "$record" | sed -n 's/.*"pid":\([0-9]*\).*/\1/p')
  role=$(printf '%s' "$record" | sed -n 's/.*"role":"\([a-zA-Z -]*\)".*/\1/p')
  if ! is_number "$holder"; then
    holder=unknown role="the file $state/lease/lease.$highest names nobody"
    return 0
  fi
  words=$(ps -ww -p "$holder" -o args= 2>/dev/null)
  if [ -z "$words" ]; then
    kill -0 "$holder" 2>/dev/null
    return
  fi
  case $words in *immune.mjs* | *src/main.ts* | *lifeboat.sh*) return 0 ;; esac
  return 1
}

record_lease() {
  printf '{"pid":%s,"startedAt":%s000,"startKey":null,"role":"lifeboat","since":%s000,"released":%s}\n' "$$" "$began" "$began" "$1"
}

# Links a complete file to the next number: link(2) fails where it is taken, so one of two wins.
link_lease() {
  # The program clears away what is named so.
  lease_temporary=$state/lease/lease-$$-0.tmp
  rm -f "$lease_temporary"
  record_lease "$2" >"$lease_temporary" 2>/dev/null && ln "$lease_temporary" "$state/lease/lease.$1" 2>/dev/null
  linked=$?
  rm -f "$lease_temporary"
  return "$linked"
}

# 1: somebody else has it; 2: nothing can be written there, and fault says so.
take_lease() {
  fault=''
  mkdir -p "$state/lease" 2>/dev/null
  if ! lease_is_held; then
    number=$((highest + 1))
    if link_lease "$number" false; then
      highest_lease
      if [ "$highest" -eq "$number" ]; then
        held_lease=$number
        return 0
      fi
      rm -f "$state/lease/lease.$number"
    elif [ ! -w "$state/lease" ] || [ ! -e "$state/lease/lease.$number" ]; then
      fault="$state/lease cannot be written to"
      return 2
    fi
    lease_is_held || holder=another role='just now'
  fi
  return 1
}

release_lease() {
  [ -n "${held_lease-}" ] || return 0
  link_lease $((held_lease + 1)) true && rm -f "$state/lease/lease.$held_lease"
  held_lease=''
}

may_be_interrupted() {
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
}

be_the_only_one() {
  [ "$(id -u)" = "$uid" ] || finish "$refused" "nothing was changed: this belongs to user $uid, and files of user $(id -u) would be in its way" \
    'the same command as that user, without sudo'
  trap 'rm -rf "${scratch:-/nowhere}"; [ -z "${staged-}" ] || rm -rf "$staged"; release_lease' EXIT
  may_be_interrupted
  take_lease && return 0
  [ -z "$fault" ] || finish "$unhealthy" "nothing was changed: $fault" "df -h $(one_word "$data"); ls -ld $(one_word "$state/lease")"
  case $role in
    daemon) takeover="$(one_word "$launchctl") kickstart -k gui/$uid/$watchdog" ;;
    *) takeover="ps -p $holder" ;;
  esac
  finish "$busy" "nothing was changed: process $holder ($role) is at work and would be in the way" \
    "wait for it; or, where it does nothing any more: $takeover, and then the same again"
}

# ---- Asking

consent() {
  [ "$dry" = no ] || finish "$ok" "dry run: nothing was changed" ''
  [ "$yes" = no ] || return 0
  if [ -t 0 ] && [ -t 2 ]; then
    printf '%s [y/N] ' "$1" >&2
    IFS= read -r answer || answer=''
    case $answer in y | Y | yes | Yes) return 0 ;; esac
    finish "$refused" 'nothing was changed' ''
  fi
  finish "$refused" "nothing was changed: there is no terminal to ask on" "immune $verb --yes"
}

# ---- Changing

# The file itself, where a name is a link.
real_file() {
  real=$1
  links=0
  while [ -h "$real" ]; do
    links=$((links + 1))
    [ "$links" -le "$links_max" ] || return 1
    target=$(readlink "$real") || return 1
    case $target in /*) real=$target ;; *) real=${real%/*}/$target ;; esac
  done
}

# A private folder for what is replaced now; its name is what "undo" takes.
open_kept() {
  kept_folders=$((${kept_folders:-0} + 1))
  kept_name=lifeboat-$(date -u +%Y%m%dT%H%M%SZ)-$$-$kept_folders
  kept=$quarantine/$kept_name
  mkdir -p "$quarantine" 2>/dev/null
  mkdir "$kept" 2>/dev/null || finish "$unhealthy" "nothing was changed: what is replaced could not be kept in $quarantine" "df -h $(one_word "$data")"
  printf '%s\n' "$1" 2>/dev/null >"$kept/what" || finish "$unhealthy" "nothing was changed: nothing can be kept in $quarantine" "df -h $(one_word "$data")"
  kept_count=0
}

# Puts a file in the place of another one, atomically; what stood there is kept first. Says in fault why not. Its .path is
# written last: without it nothing was changed, and "undo" passes over it.
put_file() {
  fault='' like=''
  kept_count=$((kept_count + 1))
  kept_part=$kept/$kept_count
  if ! real_file "$1"; then
    fault="$1 is a link that leads to itself"
    return 1
  fi
  folder=${real%/*}
  mkdir -p "$folder" 2>/dev/null
  if [ -d "$real" ] || [ ! -e "$real" ]; then
    :
  elif cp -p "$real" "$kept_part.was" 2>/dev/null && same "$real" "$kept_part.was"; then
    like=$kept_part.was
  else
    # It cannot be read, but it can have a second name.
    rm -f "$kept_part.was"
    ln "$real" "$kept_part.was" 2>/dev/null || fault="$real cannot be kept"
  fi
  [ -z "$fault" ] || return 1
  # One that was killed over it has left its own.
  set +f
  rm -rf "$folder"/.openclaw-immune-lifeboat.*
  set -f
  staged=$folder/.openclaw-immune-lifeboat.$$
  # A copy of what is replaced brings its mode along; where nothing stood, the recorded one is taken.
  if [ "$3" = own ]; then
    cp -p "$2" "$staged"
  elif [ -n "$like" ]; then
    cp -p "$like" "$staged" && chmod u+w "$staged" && cat "$2" >"$staged"
  else
    (set -C && cat "$2" >"$staged") && chmod "$3" "$staged"
  fi 2>/dev/null
  same "$2" "$staged" || fault="$folder cannot be written to"
  cp "$2" "$kept_part.put" 2>/dev/null && printf '%s\n' "$real" 2>/dev/null >"$kept_part.path" ||
    fault="$kept cannot be written to"
  # On disk before the name: after a power cut there is the old file or the new one.
  sync
  [ -z "$like" ] || same "$real" "$like" || fault="$real was changed at this moment"
  trap '' INT TERM HUP
  if [ -n "$fault" ]; then
    :
  elif [ -d "$real" ] && ! mv "$real" "$kept_part.was"; then
    fault="$real is a folder and cannot be moved away"
  elif ! mv -f "$staged" "$real"; then
    fault="$real cannot be replaced"
    [ ! -d "$kept_part.was" ] || mv "$kept_part.was" "$real"
  fi
  [ -z "$fault" ] || rm -rf "$staged" "$kept_part.path"
  staged=''
  may_be_interrupted
  sync
  [ -z "$fault" ]
}

# Moves a file away into the folder of what is replaced. Says in fault why not.
move_away() {
  kept_count=$((kept_count + 1))
  printf '%s\n' "$1" >"$kept/$kept_count.path" && mv "$1" "$kept/$kept_count.was" || fault="$1 cannot be moved away"
  [ -z "$fault" ]
}

# Moves what stands at $1 away and $2 into its place; both names are written down first.
put_tree() {
  fault=''
  away=$kept/tree
  # A rename needs one file system; where the quarantine is on another one, the package stays beside its place.
  [ "$(mount_of "$quarantine")" = "$(mount_of "${1%/*}")" ] || away=${1%/*}/.immune-$kept_name
  stood=no
  if [ -e "$1" ] || [ -h "$1" ]; then
    stood=yes
    printf '%s\n' "$away" 2>/dev/null >"$kept/tree.was" || fault="$kept cannot be written to"
  fi
  printf '%s\n' "$1" 2>/dev/null >"$kept/tree.path" || fault="$kept cannot be written to"
  sync
  # Between the two there is no package.
  trap '' INT TERM HUP
  if [ -n "$fault" ]; then
    :
  elif [ "$stood" = yes ] && ! mv "$1" "$away"; then
    fault="$1 cannot be moved away"
  elif ! mv "$2" "$1"; then
    fault="$2 cannot be put in its place"
    [ "$stood" = no ] || mv "$away" "$1"
  fi
  may_be_interrupted
  sync
  [ -z "$fault" ]
}

mount_of() { df -P "$1" 2>/dev/null | awk 'NR == 2 { print $1 }'; }

# ---- The verbs

show_status() {
  look_health
  look_job
  case $health in
    live) say "gateway   serves ($url)" ;;
    *) say "gateway   does not serve: ${health_why:-unknown} ($url)" ;;
  esac
  disabled_words=''
  [ "$job" != not-loaded ] || ! is_disabled || disabled_words=', and disabled: somebody stopped it for good, or OpenClaw parked it'
  say "job       $(job_words)$disabled_words ($label)"
  [ "$job" != no-domain ] || say '          without a login on the Mac itself launchd starts no gateway; looking and restoring still work'
  if [ -z "$package" ]; then
    say 'package   where it is was not recorded'
  elif look_package "$package"; then
    say "package   nothing is plainly missing, OpenClaw $(version_of "$package")"
  else
    say "package   damaged: $fault ($package)"
  fi
  if find_snapshot; then
    say "snapshot  $snapshot_name, taken $(taken_at "$snapshot"), verified"
    if config_is_snapshot "$snapshot"; then
      say 'config    is what that snapshot holds'
    elif [ ! -s "$config" ]; then
      say "config    missing or empty: $config"
    else
      say 'config    differs from that snapshot'
    fi
  else
    say "snapshot  none that is verified could be found${passed_over:+; passed over:$passed_over}"
    [ -s "$config" ] || say "config    missing or empty: $config"
  fi
  if lease_is_held; then say "watchdog  process $holder ($role) is at work"; else say 'watchdog  not running'; fi
  if try_runtime; then
    say 'runtime   our Node and our program work'
    runtime=works
  else
    say "runtime   $runtime_why"
    runtime=broken
  fi
  if [ "$health" != live ]; then
    finish "$unhealthy" "the gateway does not serve" 'immune nuclear'
  elif [ "$runtime" = broken ]; then
    finish "$unhealthy" 'the gateway serves; the watchdog cannot run' "$(install_command)"
  fi
  finish "$ok" 'the gateway serves' ''
}

# One way to bring it up that the state of the job asks for: plan says it, start_gateway does it.
plan_start() {
  plan=''
  case $job in
    running) plan="launchctl kickstart -k gui/$uid/$label" ;;
    scheduled | stopped | pended) plan="launchctl kickstart gui/$uid/$label" ;;
    stopping) plan="wait until it has stopped, then launchctl kickstart gui/$uid/$label" ;;
    not-loaded) plan="launchctl enable gui/$uid/$label, launchctl bootstrap gui/$uid $(one_word "$plist"), launchctl kickstart gui/$uid/$label" ;;
  esac
}

refuse_start() {
  case $job in
    no-domain)
      finish "$refused" 'the gateway cannot be started: this user has no desktop session, and launchd starts it in one only' \
        'log in on the Mac itself (or switch on automatic login), then: immune restart'
      ;;
    unknown) finish "$refused" 'nothing was changed: launchctl gives no answer that can be understood' "$(one_word "$launchctl") print gui/$uid/$label" ;;
    not-loaded) [ -f "$plist" ] || finish "$refused" "the gateway's job is not loaded and $plist is not there" 'openclaw gateway install' ;;
  esac
}

start_gateway() {
  fault=''
  round=0
  while [ "$job" = stopping ] && [ "$round" -lt 30 ]; do
    sleep 1
    round=$((round + 1))
    look_job
  done
  case $job in
    running)
      # launchd waits for the job's own exit time, 20 s for the gateway, before it kills it.
      bounded 60 "$launchctl" kickstart -k "gui/$uid/$label" >/dev/null 2>&1 || fault="launchctl kickstart -k ended with $?"
      ;;
    scheduled | stopped | pended)
      bounded 15 "$launchctl" kickstart "gui/$uid/$label" >/dev/null 2>&1
      code=$?
      # 36 and 37: launchd is about it already.
      case $code in 0 | 36 | 37) ;; *) fault="launchctl kickstart ended with $code" ;; esac
      ;;
    not-loaded)
      bounded 15 "$launchctl" enable "gui/$uid/$label" >/dev/null 2>&1
      round=0
      while :; do
        bounded 15 "$launchctl" bootstrap "gui/$uid" "$plist" >/dev/null 2>&1
        refusal=$?
        [ "$refusal" -ne 0 ] || break
        look_job
        case $job in running | scheduled | stopped | pended) break ;; esac
        round=$((round + 1))
        if [ "$round" -ge 15 ]; then
          fault="launchctl bootstrap ended with $refusal"
          return 1
        fi
        # The answer is 5 for almost everything, an old job that still stops among it.
        sleep 2
      done
      # launchd may hold back a start that nobody demanded.
      bounded 15 "$launchctl" kickstart "gui/$uid/$label" >/dev/null 2>&1
      code=$?
      case $code in 0 | 36 | 37) ;; *) fault="launchctl kickstart ended with $code" ;; esac
      ;;
    *) fault="$(job_words)" ;;
  esac
  [ -z "$fault" ]
}

# Waits until it serves: a boot takes seconds, and minutes after an update.
wait_serving() {
  waited=0 told_at=0 wait_began=$(date +%s)
  old_pid=${1:-}
  while [ "$waited" -lt "$boot_grace_s" ]; do
    look_job
    look_health
    if [ "$health" = live ] && { [ -z "$old_pid" ] || [ "$job_pid" != "$old_pid" ]; }; then return 0; fi
    # Without curl and nc launchd's word must do.
    if [ "$health" = unknown ] && [ "$job" = running ] && [ "$waited" -ge 20 ]; then return 0; fi
    if [ $((waited - told_at)) -ge 20 ]; then
      told_at=$waited
      warn "waiting for the gateway, $waited s: ${health_why:-launchd has not started it anew yet}"
    fi
    sleep 1
    waited=$((waited + 1))
    # An answer that does not come takes seconds as well. A clock that is set back takes nothing away.
    now=$(date +%s)
    [ $((${now:-0} - ${wait_began:-0})) -le "$waited" ] || waited=$((${now:-0} - ${wait_began:-0}))
  done
  return 1
}

restart_now() {
  former=''
  [ "$job" != running ] || former=$job_pid
  if ! start_gateway; then
    finish "$unhealthy" "$1the gateway was not started: $fault" "$(one_word "$launchctl") print gui/$uid/$label"
  fi
  if wait_serving "$former"; then
    finish "$ok" "$1the gateway serves again (process $job_pid, $waited s)${2:-}" ''
  fi
  finish "$unhealthy" "$1the gateway was started and does not serve after $boot_grace_s s: ${health_why:-$(job_words)}${2:-}" "${3:-immune nuclear${log:+, or: tail -n 50 $(one_word "$log")}}"
}

restart() {
  look_job
  look_health
  refuse_start
  plan_start
  say "The gateway: ${health_why:-it serves}; its job is $(job_words)."
  say "Would do: $plan"
  if [ "$dry" = yes ] || [ "$health" = live ]; then consent 'The gateway serves. Restart it?'; fi
  be_the_only_one
  restart_now '' ''
}

# Words of the config that say who may do what. Their lines are compared as text; a value is never shown.
security_words='bind customBindHost auth mode token password tailscale tls trustedProxies allowFrom allowedUsers dmPolicy groupPolicy exec elevated'

show_security() {
  differing=''
  for word in $security_words; do
    make_scratch
    grep -E "(^|[\"'{,[:space:]])${word}[\"']?[[:space:]]*:" "$config" 2>/dev/null | tr -d ' \t,' | sort >"$scratch/now"
    grep -E "(^|[\"'{,[:space:]])${word}[\"']?[[:space:]]*:" "$1/openclaw.json" 2>/dev/null | tr -d ' \t,' | sort >"$scratch/then"
    same "$scratch/now" "$scratch/then" || differing="$differing $word"
  done
  say 'Security settings come from the snapshot too: the lifeboat cannot carry over what was changed since.'
  if [ -n "$differing" ]; then
    say "Lines with these keys differ between the two files:$differing. Compare them before you say yes:"
    say "  diff $(one_word "$config") $(one_word "$1/openclaw.json")"
  else
    say 'No line about who may reach the gateway or what it may do differs between the two files.'
  fi
}

# Puts the snapshot of find_snapshot in place.
place_snapshot() {
  open_kept config
  say "What is replaced is kept in $kept"
  files=$(manifest_files "$snapshot/manifest.json")
  printf '%s\n' "$files" 2>/dev/null >"$kept/files"
  # Half a list would be half a config.
  [ "$(cat "$kept/files")" = "$files" ] ||
    finish "$unhealthy" "nothing was changed: nothing can be kept in $quarantine" "df -h $(one_word "$data")"
  # Included files first: the config that needs them comes last.
  for wanted in include config; do
    while IFS= read -r name && IFS= read -r role && IFS= read -r mode && IFS= read -r sum && IFS= read -r path; do
      [ "$role" = "$wanted" ] || continue
      ! same "$snapshot/$name" "$path" || continue
      if ! put_file "$path" "$snapshot/$name" "$mode" </dev/null; then
        undo_next=''
        [ ! -e "$kept/1.path" ] || undo_next="immune undo $kept_name (takes back the files before it); "
        finish "$unhealthy" "the config was not put back: $fault" "${undo_next}df -h $(one_word "$folder"); ls -ld $(one_word "$folder")"
      fi
    done <"$kept/files"
  done
}

no_snapshot() {
  finish "$unhealthy" "there is no verified snapshot to go back to${passed_over:+ (passed over:$passed_over)}" \
    "cd $(one_word "$store") && git log --all --oneline"
}

fix_config() {
  find_snapshot || no_snapshot
  say "Newest verified snapshot: $snapshot_name, taken $(taken_at "$snapshot")${passed_over:+; passed over:$passed_over}"
  if config_is_snapshot "$snapshot"; then
    finish "$ok" 'the config is that snapshot already: nothing was changed' ''
  fi
  say "Would put it in the place of $config"
  show_security "$snapshot"
  consent 'Put the snapshot in its place?'
  be_the_only_one
  place_snapshot
  finish "$ok" "the config is snapshot $snapshot_name now; undo: immune undo $kept_name" 'immune restart (a gateway that runs takes the config up by itself)'
}

# The process of somebody who changes packages now; nothing where there is none.
package_manager() {
  ps -axww -o pid= -o args= 2>/dev/null | grep -E '(^|[/ ])(npm|npm-cli\.js|pnpm|pnpm\.cjs|yarn|bun|brew)( .*)? (install|i|add|update|upgrade|uninstall|remove|rm)( |$)|openclaw(\.mjs)? update' |
    grep -Ev 'grep|lifeboat\.sh' | sed 's/^ *//; s/ .*//' | head -n 1
}

# Finds a package to put in place: source and source_name, and whether it is moved or copied.
find_package() {
  source_tree='' source_name='' source_how=''
  installed=$(version_of "$package")
  wanted_version=${installed:-$openclaw}
  modules=${package%/*}
  for name in $(set +f && cd "$modules" 2>/dev/null && ls -1dtc .openclaw-* 2>/dev/null | grep -E '^\.openclaw-[A-Za-z0-9]{6,12}$' | head -n 20); do
    look_package "$modules/$name" || continue
    aside_version=$(version_of "$modules/$name")
    if [ -n "$openclaw" ] && [ "$aside_version" != "$openclaw" ] && [ "$aside_version" != "$wanted_version" ]; then
      say "Passed over: $modules/$name is OpenClaw $aside_version, and $openclaw ran here last"
      continue
    fi
    source_tree=$modules/$name source_name="OpenClaw $aside_version, which npm had moved aside" source_how=move
    return 0
  done
  [ -n "$wanted_version" ] || return 1
  hot=$data/archives/hot/$(printf '%s' "$wanted_version" | sed 's/[^0-9A-Za-z._+-]/_/g; s/^\.*//')/openclaw
  look_package "$hot" && [ "$(version_of "$hot")" = "$wanted_version" ] || return 1
  source_tree=$hot source_name="OpenClaw $wanted_version, from the clone of the archived package" source_how=copy
}

# Says in fault how the package differs from the clone of its own version; succeeds when nothing does.
compare_with_clone() {
  fault=''
  hot=$data/archives/hot/$(version_of "$package")/openclaw
  [ -d "$hot" ] || return 0
  fault=$(
    bounded 180 diff -rq "$hot" "$package" 2>/dev/null | while IFS= read -r line; do
      # What stands only in the package is no damage.
      case $line in "Only in $package"*) ;; ?*) printf '%s' "$line" && break ;; esac
    done
  )
  [ -z "$fault" ]
}

place_package() {
  open_kept package
  say "What is replaced is kept, and $kept tells where"
  fresh=$source_tree
  if [ "$source_how" = copy ]; then
    # One that was killed over it has left its own; whoever holds the lease is alone.
    set +f
    rm -rf "${package%/*}"/.immune-staged-*
    set -f
    staged=${package%/*}/.immune-staged-$$
    fresh=$staged
    # A clone where the file system has them; elsewhere a copy in full.
    cp -c -R -p "$source_tree" "$fresh" 2>/dev/null || { rm -rf "$fresh" && cp -R -p "$source_tree" "$fresh"; } ||
      finish "$unhealthy" "the package was not put back: $source_tree could not be copied" "df -h $(one_word "$package")"
  fi
  put_tree "$package" "$fresh" || finish "$unhealthy" "the package was not put back: $fault" "immune undo $kept_name"
  staged=''
}

# package_due: whether something is wrong with it, and fault says what.
look_package_closely() {
  if [ -z "$package" ]; then
    package_due=unknown
  elif look_package "$package" && compare_with_clone; then
    package_due=no
  else
    package_due=yes
  fi
}

refuse_update() {
  other=$(package_manager)
  [ -z "$other" ] || finish "$busy" "nothing was changed: an update or an installation is running, process $other" "wait until it has ended: ps -p $other"
}

no_package() {
  finish "$unhealthy" "the package is damaged ($1), and there is nothing to put in its place: no whole .openclaw-* beside it, no clone of OpenClaw ${wanted_version:-(unknown version)} in $data/archives/hot; an archive needs Node to be unpacked" \
    "$(install_command), then immune fix-deps; or: npm install -g openclaw${wanted_version:+@$wanted_version}"
}

fix_deps() {
  look_package_closely
  [ "$package_due" != unknown ] || finish "$unhealthy" 'where the OpenClaw package lies was not recorded' 'npm install -g openclaw'
  [ "$package_due" = yes ] || finish "$ok" "the package is whole as far as can be seen without Node: nothing was changed" ''
  why=$fault
  say "The package is damaged: $why"
  find_package || no_package "$why"
  say "Would put in its place: $source_name ($source_tree)"
  refuse_update
  consent 'Put it in place?'
  be_the_only_one
  # The question may have stood for long.
  refuse_update
  place_package
  finish "$ok" "the package is $source_name now; undo: immune undo $kept_name" 'immune restart'
}

# port_is: own, free, foreign or unknown; port_words with it.
look_port() {
  port_is=unknown port_words="who listens on port $port could not be told"
  look_job
  [ -n "$lsof" ] || return
  listed=$(bounded 10 "$lsof" -nP -iTCP:"$port" -sTCP:LISTEN -F pcLn 2>/dev/null)
  code=$?
  [ "$code" -ne 124 ] || return
  listeners=$(printf '%s\n' "$listed" | sed -n 's/^p\([0-9][0-9]*\)$/\1/p')
  if [ -z "$listeners" ]; then
    port_is=free port_words="nobody listens on port $port, as far as this user may see"
    [ "$health" != other ] || port_is=foreign port_words="somebody this user may not see listens on port $port"
    return
  fi
  port_is=own port_words=''
  for pid in $listeners; do
    # Only the program: an argument may be a secret.
    about=$(ps -p "$pid" -o user= -o lstart= -o comm= 2>/dev/null | cut -c 1-200)
    if [ "$pid" = "$job_pid" ]; then
      port_words="$port_words
  process $pid, the gateway's own"
    else
      port_is=foreign
      port_words="$port_words
  process $pid, not the gateway's job: $about"
    fi
  done
}

fix_port() {
  look_health
  look_port
  case $port_is in
    own) finish "$ok" "port $port is the gateway's own" '' ;;
    free) finish "$ok" "$port_words" '' ;;
    foreign)
      say "On port $port:$port_words"
      finish "$unhealthy" "port $port is held by somebody else; the lifeboat only reports, and ends nobody" \
        "end it yourself if it may go (kill, then the process), or: $(install_command) and then immune fix-port"
      ;;
  esac
  finish "$unhealthy" "$port_words" "sudo lsof -nP -iTCP:$port -sTCP:LISTEN"
}

# Whether something says that the config is at fault. Only then it is replaced without having been asked for by name.
config_is_due() {
  find_snapshot || return 1
  ! config_is_snapshot "$snapshot" || return 1
  [ -s "$config" ] || return 0
  case $job_exit in 78) [ "$package_due" = yes ] || return 0 ;; esac
  # What was written before the config last changed says nothing of it.
  [ -r "$log" ] || return 1
  # shellcheck disable=SC3013 # not in POSIX, and in every shell that may be /bin/sh on a Mac
  [ ! "$config" -nt "$log" ] || return 1
  tail -n 40 "$log" | grep -Eiq 'invalid config|config (is )?invalid|missing config|existing config is missing|JSON5'
}

nuclear() {
  look_health
  look_job
  if [ "$health" = live ]; then
    finish "$ok" 'the gateway serves: nothing was changed' ''
  fi
  refuse_start
  look_package_closely
  done_words='' undo_words=''
  if [ "$package_due" = yes ]; then
    package_why=$fault
    find_package || no_package "$package_why"
    refuse_update
    say "package   damaged ($package_why): would be replaced by $source_name"
  else
    say 'package   nothing is missing, skipped'
  fi
  config_due=no
  if config_is_due; then
    config_due=yes
    say "config    would be replaced by snapshot $snapshot_name, taken $(taken_at "$snapshot")"
    show_security "$snapshot"
  elif [ -n "$snapshot" ] && ! config_is_snapshot "$snapshot"; then
    say 'config    differs from the newest verified snapshot, but nothing says that it is at fault: skipped ("immune fix-config" replaces it)'
  else
    say 'config    skipped'
  fi
  look_port
  [ "$port_is" != foreign ] || say "port      held by somebody else, which is only told:$port_words"
  plan_start
  say "start     $plan"
  consent 'Do all of this?'
  be_the_only_one
  if [ "$package_due" = yes ]; then
    refuse_update
    place_package
    done_words='package restored, ' undo_words=" immune undo $kept_name"
  fi
  if [ "$config_due" = yes ]; then
    place_snapshot
    done_words="${done_words}config rolled back, " undo_words="$undo_words${undo_words:+,} immune undo $kept_name"
  fi
  look_job
  restart_now "$done_words" "${undo_words:+; undo:$undo_words}" "immune fix-config, immune fix-port, or: $(install_command)"
}

# The path and the part of a record of what was replaced; fails where there is nothing to put back.
read_record() {
  [ -f "$record" ] && IFS= read -r path <"$record" || return 1
  part=${record%.path} was=''
  case $part in
    */tree)
      [ ! -f "$part.was" ] || IFS= read -r was <"$part.was"
      [ -e "$was" ] || [ -h "$was" ]
      ;;
    # Where nothing stood before, only what was put there may be moved away.
    *) [ -e "$part.was" ] || { [ -e "$part.put" ] && [ -f "$path" ]; } ;;
  esac
}

# Puts back what a verb of the lifeboat replaced. What stands there now is kept in turn.
undo() {
  wanted=${operand:-}
  if [ -z "$wanted" ]; then
    for folder in $(set +f && cd "$quarantine" 2>/dev/null && ls -1dt lifeboat-* 2>/dev/null | head -n "$folders_max"); do
      # One that was killed before it changed anything has no record.
      [ ! -e "$quarantine/$folder/undone" ] || continue
      ls "$quarantine/$folder" | grep -q '\.path$' || continue
      wanted=$folder
      break
    done
    [ -n "$wanted" ] || finish "$ok" 'the lifeboat has replaced nothing that could be put back' ''
  fi
  case $wanted in
    lifeboat-*[!A-Za-z0-9~-]* | */*) finish "$usage_code" "$wanted is not the name of a change" 'immune undo' ;;
    lifeboat-*) ;;
    *) finish "$refused" "$wanted was made by our program, and needs Node to be taken back" "$(install_command)" ;;
  esac
  from=$quarantine/$wanted
  [ -d "$from" ] || finish "$refused" "there is no change $wanted in $quarantine" 'immune undo'
  [ ! -e "$from/undone" ] || finish "$ok" "$wanted was undone already" ''
  changed=''
  set +f
  set -- "$from"/*.path
  set -f
  for record in "$@"; do
    read_record || continue
    if [ "$part" = "$from/tree" ]; then
      say 'Would put back the package as it was'
      continue
    fi
    # What was put there and is gone, or was never put there, has not been changed by anybody.
    [ ! -e "$path" ] || same "$part.put" "$path" || same "$part.was" "$path" || changed="$changed $path"
    if [ -e "$part.was" ]; then say "Would put back $path"; else say "Would move $path away: nothing stood there"; fi
  done
  if [ -n "$changed" ] && [ "$force" = no ] && [ "$dry" = no ]; then
    finish "$refused" "changed since:$changed" "immune undo $wanted --force (what is there now is kept too)"
  fi
  consent "Undo $wanted?"
  be_the_only_one
  open_kept "undo of $wanted"
  for record in "$@"; do
    read_record || continue
    fault=''
    if [ "$part" = "$from/tree" ]; then
      put_tree "$path" "$was"
    elif [ ! -e "$part.was" ]; then
      move_away "$path"
    elif [ ! -d "$part.was" ]; then
      same "$part.was" "$path" || put_file "$path" "$part.was" own </dev/null
    else
      [ ! -e "$path" ] || move_away "$path"
      [ -n "$fault" ] || mv "$part.was" "$path" || fault="$path cannot be put back"
    fi
    [ -z "$fault" ] || finish "$unhealthy" "not put back: $fault" "ls -l $(one_word "$from")"
  done
  : >"$from/undone"
  finish "$ok" "$wanted is undone; to take that back in turn: immune undo $kept_name" 'immune restart (a gateway that runs takes the config up by itself)'
}

# ---- As the watchdog: little, seldom, and never while somebody wants it otherwise.

# Why nothing may be done, in a sentence; nothing when it may. A pause that has ended by the clock still holds where the
# clock cannot be asked.
held_words() {
  known=$(head -c 1048576 "$state/status.json" 2>/dev/null)
  case $known in *'"mode":"observe"'*) printf '%s' 'it is set to observe only' && return ;; esac
  case $known in
    *'"pause":{'*)
      until_ms=$(printf '%s' "$known" | sed -n 's/.*"pause":{[^}]*"until":\([0-9]*\).*/\1/p' | head -n 1)
      seconds=$(date +%s 2>/dev/null)
      if ! is_number "${until_ms%???}" || ! is_number "$seconds" || [ "$seconds" -lt "${until_ms%???}" ]; then
        printf '%s' 'it is paused'
      fi
      ;;
  esac
}

# Seconds this watchdog has been looking, and at which of them it restarted the gateway. No clock is asked: one that is set
# forward would make a restart look old. Time in which nobody looked does not count.
read_budget() {
  steady=0 restarts='' damaged=no
  [ -e "$budget_file" ] || return 0
  budget_lines=0
  # A last line without its end was cut off: then the rest of it counts as damage.
  while { IFS= read -r line || [ -n "$line" ]; } && [ "$budget_lines" -lt "$lines_max" ]; do
    budget_lines=$((budget_lines + 1))
    value=${line#* }
    is_number "$value" || damaged=yes
    case $line in
      'steady '*) steady=$value ;;
      'restart '*) restarts="$restarts $value" ;;
      *) damaged=yes ;;
    esac
  done <"$budget_file"
  # What cannot be read may have held as many as there can be.
  if [ "$damaged" = yes ] || [ "$budget_lines" -eq 0 ]; then steady=0 restarts=' 0 0 0 0'; fi
}

write_budget() {
  {
    printf 'steady %s\n' "$steady"
    for each in $restarts; do
      [ $((steady - each)) -ge 86400 ] || printf 'restart %s\n' "$each"
    done
  } >"$budget_file.$$" 2>/dev/null && mv -f "$budget_file.$$" "$budget_file" 2>/dev/null
}

within_budget() {
  hour=0 day=0
  for each in $restarts; do
    [ $((steady - each)) -ge 86400 ] || day=$((day + 1))
    [ $((steady - each)) -ge 3600 ] || hour=$((hour + 1))
  done
  [ "$hour" -lt "$per_hour" ] && [ "$day" -lt "$per_day" ]
}

# A line at the top of ALERT.md, the log of launchd, and a notification where there is somebody to see it.
shout() {
  stamp_words=$(date -u +%Y-%m-%dT%H:%M:%SZ 2>/dev/null)
  warn "$stamp_words openclaw-immune (lifeboat): $1"
  {
    printf '%s\n' "- $stamp_words lifeboat: $1"
    # Ours are counted, the rest is kept as it is.
    [ ! -f "$alert" ] || awk '/^- [0-9TZ:-]+ lifeboat: / { if (++ours > 50) next } { print }' "$alert"
  } >"$alert.$$" 2>/dev/null && mv -f "$alert.$$" "$alert" 2>/dev/null
  if has osascript; then
    bounded 5 osascript -e 'on run argv' -e 'display notification (item 2 of argv) with title (item 1 of argv)' -e 'end run' \
      -- 'openclaw-immune' "$1" >/dev/null 2>&1 </dev/null
  fi
}

# The same sentence every six hours: a line a minute hides the rest.
shout_seldom() {
  if [ "$1" != "$shouted" ] || [ $((steady - shouted_at)) -ge 21600 ]; then
    shouted=$1 shouted_at=$steady
    shout "$1"
  fi
}

look_once() {
  look_health
  if [ "$health" = live ]; then
    look_job
    dead_run=0 seen_pid=$job_pid grace_over=yes
    shout_seldom "the watchdog cannot run ($runtime_why). The gateway serves. Next: $(install_command)"
    return
  fi
  look_job
  case $job in
    running)
      if [ "$job_pid" != "$seen_pid" ]; then seen_pid=$job_pid seen_at=$steady dead_run=0 grace_over=no; fi
      # A gateway that has not been seen to serve may still be booting.
      [ "$grace_over" = yes ] || [ $((steady - seen_at)) -lt "$boot_grace_s" ] || grace_over=yes
      ;;
    stopped | pended) ;;
    # Unloaded is how a person stops it; without a session, or with a launchctl that fails, nothing is known.
    *) health=unknown ;;
  esac
  if [ "$health" != dead ] || { [ "$job" = running ] && [ "$grace_over" = no ]; }; then
    dead_run=0
    return
  fi
  dead_run=$((dead_run + 1))
  [ "$dead_run" -ge "$dead_looks" ] || return
  held=$(held_words)
  if [ -n "$held" ]; then
    shout_seldom "the gateway does not serve ($health_why) and is left alone, because $held. The watchdog cannot run ($runtime_why)."
    return
  fi
  other=$(package_manager)
  [ -z "$other" ] || return
  # Disabled is how it is stopped for good.
  ! is_disabled || return
  if ! within_budget; then
    shout_seldom "the gateway does not serve ($health_why), and the lifeboat has restarted it as often as it may. Next: immune nuclear, then $(install_command)"
    return
  fi
  restart_by_watchdog
}

restart_by_watchdog() {
  if ! take_lease; then
    [ -z "$fault" ] || shout_seldom "the gateway does not serve ($health_why), and $fault, so it is not restarted. Next: df -h"
    return
  fi
  # Durable before it is done: a lifeboat that dies over it must not do it again.
  restarts="$restarts $steady"
  if ! write_budget; then
    release_lease
    shout_seldom "the gateway does not serve ($health_why), and nothing can be written to $state, so it is not restarted. Next: df -h"
    return
  fi
  sync
  shout "the gateway does not serve ($health_why) and is restarted now, because the watchdog cannot run ($runtime_why)"
  dead_run=0 seen_pid='' grace_over=no
  start_gateway || shout "the restart did not succeed: $fault. Next: immune nuclear"
  release_lease
}

watch() {
  budget_file=$state/lifeboat-restarts
  mkdir -p "$state" 2>/dev/null
  dead_run=0 seen_pid='' seen_at=0 grace_over=no shouted='' shouted_at=0
  read_budget
  while :; do
    if try_runtime && [ -x "$here/openclaw-immune-watchdog" ]; then
      warn 'openclaw-immune: our Node works again; the watchdog takes over'
      exec "$here/openclaw-immune-watchdog"
    fi
    look_once
    sleep "$look_s"
    steady=$((steady + look_s))
    write_budget
  done
}

help() {
  say "The lifeboat of openclaw-immune: what works without Node.

$(commands)

Everything else needs Node. To get it back:"
  finish "$ok" "  $(install_command)" ''
}

commands() {
  printf '%s' '  immune status        gateway, job, package, config, snapshot, and what is wrong with our own runtime
  immune nuclear       package, config and start, as far as each is needed; one question
  immune restart       start or restart the gateway through launchd
  immune fix-config    put the newest verified snapshot in the place of the config
  immune fix-deps      put back the package npm had moved aside, or the clone of the archived one
  immune fix-port      say who listens on the port
  immune undo [ID]     put back what the lifeboat replaced last

  --dry-run  say what would be done    --yes  do not ask    --json  one object at the end
  --force    undo: although it was changed since'
}

main() {
  exec 3>&1
  json=no dry=no yes=no force=no operand='' verb=${1:-status} unknown=''
  began=$(date +%s)
  case $verb in -h | --help) verb=help ;; esac
  settle_facts
  if [ "$verb" = check-runtime ]; then
    [ "$#" -eq 5 ] || exit "$usage_code"
    node=$2 app=$3
    check_runtime "$4" "$5"
  fi
  [ "$#" -eq 0 ] || shift
  for option in "$@"; do
    case $option in
      --json) json=yes ;;
      --dry-run | -n) dry=yes ;;
      --yes | -y) yes=yes ;;
      --force) force=yes ;;
      --foreground) ;;
      -*) unknown=$option ;;
      *) operand=$option ;;
    esac
  done
  [ "$json" = no ] || exec 3>&2
  case $verb in
    status | restart | fix-config | fix-deps | fix-port | nuclear | undo)
      [ -z "$unknown" ] || finish "$usage_code" "$unknown needs our program, and that needs Node" "immune help; for all of it: $(install_command)"
      ;;
  esac
  trap 'rm -rf "${scratch:-/nowhere}"' EXIT
  case $verb in
    help) help ;;
    status) show_status ;;
    restart) restart ;;
    fix-config) fix_config ;;
    fix-deps) fix_deps ;;
    fix-port) fix_port ;;
    nuclear) nuclear ;;
    undo) undo ;;
    daemon) watch ;;
    # What launchd starts by the clock: all it can do is to see that the watchdog's job, which is the lifeboat now, runs.
    job)
      bounded 15 "$launchctl" kickstart "gui/$uid/$watchdog" >/dev/null 2>&1
      exit "$unhealthy"
      ;;
    # Asked for before a start of the gateway, which must not wait.
    safe-start) exit "$unhealthy" ;;
    acknowledge | alerts | apply | archives | check | confirm | edit | incidents | install | logs | pause | repair | resume | \
      snapshots | support-bundle | timemachine | uninstall | validate | why-config | --version | -V)
      finish "$refused" "\"$verb\" needs our program, and that needs Node" "$(install_command); meanwhile: immune help"
      ;;
    *)
      say "$(commands)"
      finish "$usage_code" "\"$(printf '%s' "$verb" | tr -d '\000-\037\177')\" is not a command of immune" 'immune help'
      ;;
  esac
}

main "$@"
