#!/bin/sh
# Answers like launchctl where nothing is loaded, and starts nothing: enough to let OpenClaw's own installer render its
# LaunchAgent. It remembers a bootstrap in the file named first, because the installer looks for its job afterwards.
loaded=$1
shift
case "$1" in
  print)
    case "$2" in
      gui/*/*)
        if [ -f "$loaded" ]; then
          printf '%s = {\n\tactive count = 1\n\ttype = LaunchAgent\n\tstate = running\n\n\tpid = 1\n}\n' "$2"
          exit 0
        fi
        ;;
    esac
    echo "Could not find service \"$2\" in domain" >&2
    exit 113
    ;;
  print-disabled) printf '\tdisabled services = {\n\t}\n' ;;
  managername) echo Aqua ;;
  bootstrap) : >"$loaded" ;;
  bootout | unload) rm -f "$loaded" ;;
esac
exit 0
