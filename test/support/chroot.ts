/**
 * The command line that runs a program in a Debian that is a folder, with processes of its own that end with it, this
 * machine's devices and network, and nothing that manages services. Needs root.
 */
// Needs: root, mount
export function chrooted(root: string, argv: readonly string[]): [string, ...string[]] {
  const mounts = `
mount -t proc proc "$0/proc"
mount --rbind /sys "$0/sys"
mount --rbind /dev "$0/dev"
exec chroot "$0" "$@"`
  const namespaces = ['--mount', '--pid', '--fork', '--kill-child=SIGKILL']
  return ['unshare', ...namespaces, 'sh', '-euc', mounts, root, ...argv]
}
