/**
 * Returns the command line that runs a program in a Debian in a folder, with its own processes, which end
 * with it, this machine's devices and network, and no service manager. Its first process is a shell, which
 * reaps orphans like an init, and leaves Ctrl-C to the program. Needs root.
 */
// Needs: root, mount
export function chrooted(root: string, argv: readonly string[]): [string, ...string[]] {
  // The root of the mount namespace, as in a container: a process that enters the namespace has the same
  // root.
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
