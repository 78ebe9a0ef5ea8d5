/**
 * Over ssh launchd's `gui` domain is there as long as somebody is logged in at the screen. Where nobody is, files are as
 * good as ever and no LaunchAgent runs; sudo, or starting the gateway in the ssh session, would only make a second one.
 */
export const noSessionWords =
  'nobody is logged in at the screen of this Mac, so launchd can start neither the gateway nor the watchdog; fix-config, fix-deps, fix-port, undo and snapshots work all the same, and both start by themselves at the next login (or at once with automatic login turned on)';
