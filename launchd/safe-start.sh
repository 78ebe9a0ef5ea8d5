#!/bin/sh
# Looks at OpenClaw's package, has it mended where something is missing, and becomes the gateway. Written by
# "immune install --safe-start"; an edit is lost at the next installation.
# Whatever goes wrong here ends in starting the gateway. The look is made of the shell's builtins alone. Nothing is
# exported, no signal is caught, and no child of this script keeps the gateway's output.

# The names are long because a name the environment already has would be changed for the gateway too.
openclaw_immune_root=@ROOT@
openclaw_immune_list=@LIST@
openclaw_immune_node=@NODE@

# Whether a file without which the gateway cannot start is missing.
openclaw_immune_incomplete() {
  [ -s @ENTRY@ ] || return 0
  [ -s "$openclaw_immune_root/package.json" ] || return 0
  [ -f "$openclaw_immune_list" ] && [ -r "$openclaw_immune_list" ] || return 1
  openclaw_immune_count=0
  # A last line without its end was cut off, and "read" leaves it out.
  while IFS= read -r openclaw_immune_file; do
    [ -f "$openclaw_immune_root/$openclaw_immune_file" ] || return 0
    openclaw_immune_count=$((openclaw_immune_count + 1))
    [ "$openclaw_immune_count" -lt @MOST@ ] || break
  done <"$openclaw_immune_list"
  return 1
}

# Runs a command for that many seconds at most. "wait" would hang with a process that not even SIGKILL ends.
openclaw_immune_bounded() {
  openclaw_immune_left=$(($1 * 10))
  shift
  "$@" &
  openclaw_immune_pid=$!
  while kill -0 "$openclaw_immune_pid"; do
    if [ "$openclaw_immune_left" -le 0 ]; then
      kill -9 "$openclaw_immune_pid"
      return
    fi
    if /bin/sleep 0.1; then
      openclaw_immune_left=$((openclaw_immune_left - 1))
    else
      # POSIX knows whole seconds only; without any sleep nothing can be waited for.
      /bin/sleep 1 || openclaw_immune_left=0
      openclaw_immune_left=$((openclaw_immune_left - 10))
    fi
    # A while in which it can end by itself, before it is ended.
    [ "$openclaw_immune_left" -ne 10 ] || kill "$openclaw_immune_pid"
  done
}

# A kickstart without -k leaves a watchdog that runs alone, so nothing has to be found out first. Nobody waits for it.
if [ -x @LAUNCHCTL@ ]; then
  (openclaw_immune_bounded 10 @LAUNCHCTL@ kickstart @WATCHDOG@ &) </dev/null >/dev/null 2>&1
fi

if [ -x @IMMUNE@ ] && openclaw_immune_incomplete 2>/dev/null; then
  (openclaw_immune_bounded @SECONDS@ @IMMUNE@ safe-start) </dev/null >/dev/null 2>&1
fi

# An update of Node may have moved it; an empty file would run as an empty script and end with 0.
if [ ! -f "$openclaw_immune_node" ] || [ ! -x "$openclaw_immune_node" ] || [ ! -s "$openclaw_immune_node" ]; then
  openclaw_immune_node=$(command -v node 2>/dev/null)
fi
case $openclaw_immune_node in
  /*) ;;
  # An empty PATH means the working directory, and that is nobody's place for programs.
  *) openclaw_immune_node=/nowhere ;;
esac
if [ ! -x "$openclaw_immune_node" ]; then
  printf '%s\n' "openclaw-immune: the gateway's Node "@NODE@' is gone and no node is on PATH; once it is back: openclaw gateway install --force' >&2
  exit 78
fi

# OpenClaw leaves its Node's folder out of the PATH of a job with a wrapper; what the gateway starts may need it there.
@PATH@

# Homebrew's and pnpm's folders bear the version: an update has taken the whole folder away, and OpenClaw is elsewhere.
@MOVED@

exec "$openclaw_immune_node" @COMMAND@ "$@"
