import { Command } from 'commander'

/** Started with each start of a version on trial, from the version before. */
export function guardCommand(): Command {
  return new Command('update-guard')
    .requiredOption('--state-dir <dir>')
    .requiredOption('--pid <pid>')
    .action(watch)
}

async function watch({ stateDir, pid }: { stateDir: string; pid: string }) {
  const [{ guard }, { statePaths }, { captureInvocation, isSupervised, relaunch }] = await Promise.all([
    import('../../update/guard.ts'),
    import('../../config/paths.ts'),
    import('../../daemon/relaunch.ts'),
  ])
  const invocation = captureInvocation()
  const daemon = Number(pid)
  // A terminal that closes, or a Ctrl-C, is for the daemon.
  for (const signal of ['SIGHUP', 'SIGINT'] as const) process.on(signal, () => {})
  await guard({
    stateDir,
    lockPath: statePaths(stateDir).lock,
    pid: daemon,
    supervised: isSupervised(process.env, daemon),
    relaunch: (entry, args) => relaunch({ ...invocation, argv: [entry, ...args] }),
  })
}
