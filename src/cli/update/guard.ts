import { Command } from 'commander'

/** Longest command line that a system starts a program with, in bytes; Linux has 2 MiB for it, macOS 1 MiB. */
const ARGUMENTS_BYTES = 2 * 1024 * 1024

/** Started with each start of a version on trial, from the version before. */
export function guardCommand(): Command {
  return new Command('update-guard')
    .requiredOption('--state-dir <dir>')
    .requiredOption('--pid <pid>')
    .action(watch)
}

async function watch({ stateDir, pid }: { stateDir: string; pid: string }) {
  const given = readArguments(process.stdin)
  // They are of interest only if the daemon has to be started again.
  given.catch(() => {})
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
    relaunch: async (entry) => relaunch({ ...invocation, argv: [entry, ...(await given)] }),
  })
}

/**
 * The daemon's arguments as the stand-in passes them on: their number, then each, with a zero byte behind it.
 * @throws Error when the input ends before the last of them
 */
async function readArguments(input: NodeJS.ReadStream): Promise<string[]> {
  let text = ''
  try {
    for await (const chunk of input.setEncoding('utf8')) {
      text += chunk
      const [count = '', ...rest] = text.split('\0')
      // The other end may stay open for as long as the daemon hangs.
      if (rest.length > Number(count)) return rest.slice(0, Number(count))
      if (text.length > ARGUMENTS_BYTES) break
    }
  } finally {
    input.destroy()
  }
  throw new Error('The arguments of the daemon did not arrive: start it again by hand.')
}
