#!/bin/sh
# Run in a network and a process namespace of its own (unshare): brings up the loopback, then runs the command it was given.
# It stays, for it is the first process there: whoever loses its parent becomes its child, and it has to collect the dead.
ip link set lo up || exit 97
"$@" &
command=$!
trap 'kill -TERM $command' TERM INT
wait $command
status=$?
# Above 128 the wait may have been cut short by a signal to us, which the command has been sent, too.
while kill -0 $command 2>/dev/null; do
  wait $command
  status=$?
done
exit $status
