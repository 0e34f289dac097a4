/**
 * The token of a join is in the command line, where every user of the device can see it (ps, /proc/PID/cmdline): the process's title takes
 * its place, before anything else is loaded. The arguments are in process.argv already.
 */
if (process.argv[2] === 'join') process.title = 'hawser-agent join';
