import { Command } from 'commander'
import { readChunks } from '../../platform/chunks.ts'

/** Maximum size of a command line, in bytes: Linux allows 2 MiB, macOS 1 MiB. */
const ARGUMENTS_BYTES = 2 * 1024 * 1024

/** Hidden command of the previous version. It starts together with a version on trial, and watches that version. */
export function guardCommand(): Command {
  return new Command('update-guard')
    .requiredOption('--state-dir <dir>')
    .requiredOption('--pid <pid>')
    .action(watch)
}

async function watch({ stateDir, pid }: { stateDir: string; pid: string }) {
  const given = readArguments(process.stdin)
  readChunks()
  // The arguments are needed only if the daemon must be started again.
  given.catch(() => {})
  const [{ guard }, { statePaths }, { captureInvocation, isSupervised, relaunch }] = await Promise.all([
    import('../../update/switch/guard.ts'),
    import('../../config/paths.ts'),
    import('../../daemon/relaunch.ts'),
  ])
  const invocation = captureInvocation()
  const daemon = Number(pid)
  // Ignore the signals of a closed terminal and of Ctrl-C: they are meant for the daemon.
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
 * Reads the daemon's arguments from standard input: first the number of arguments, then each argument. A zero
 * byte ends each of these items.
 * @throws Error if the input ends too early
 */
async function readArguments(input: NodeJS.ReadStream): Promise<string[]> {
  let text = ''
  try {
    for await (const chunk of input.setEncoding('utf8')) {
      text += chunk
      const [count = '', ...rest] = text.split('\0')
      // Do not wait for the end of the input: a daemon that hangs may never close it.
      if (rest.length > Number(count)) return rest.slice(0, Number(count))
      if (text.length > ARGUMENTS_BYTES) break
    }
  } finally {
    input.destroy()
  }
  throw new Error("The daemon's arguments did not arrive. Start the daemon by hand.")
}
