/**
 * The command line that runs a program in a Debian that is a folder, with processes of its own that end with it, this
 * machine's devices and network, and nothing that manages services. Its first process is a shell, which reaps orphans as an
 * init does, and leaves Ctrl-C to the program. Needs root.
 */
// Needs: root, mount
export function chrooted(root: string, argv: readonly string[]): [string, ...string[]] {
  // Its root is that of the namespace of mounts, as in a container: who enters that namespace is in the same place.
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
