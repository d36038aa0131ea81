/**
 * Returns the command line that runs a program in the Debian system at `root`. The program uses this
 * machine's devices and network, but has no service manager. It has its own process namespace, whose
 * processes end with it. The first process is a shell that reaps orphans like an init, and that ignores
 * Ctrl-C, so that only the program reacts to it. Needs root.
 */
// Needs: root, mount
export function chrooted(root: string, argv: readonly string[]): [string, ...string[]] {
  // Changes the root of the mount namespace, as in a container, so that a process that enters the namespace
  // has the same root.
  const mounts = `
mount --rbind "$0" "$0"
cd "$0"
mount -t proc proc proc
mount --rbind /sys sys
mount --rbind /dev dev
pivot_root . .
umount --lazy .
trap : INT
chroot . "$@" || exit $?
exit`
  const namespaces = ['--mount', '--pid', '--fork', '--kill-child=SIGKILL']
  return ['unshare', ...namespaces, 'sh', '-euc', mounts, root, ...argv]
}
