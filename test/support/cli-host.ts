import { runCli } from '../../src/cli/program.ts'
import { report } from '../../src/cli/report.ts'
import { write, writeError } from '../../src/cli/terminal.ts'

/** Runs commands one after the other in this process, as `main.ts` does, and returns the output of each. */
export interface Ran {
  code: number
  stdout: string
  stderr: string
}

const said = { stdout: '', stderr: '' }
for (const name of ['stdout', 'stderr'] as const)
  process[name].write = ((text: string) => {
    said[name] += text
    return true
  }) as typeof process.stdout.write

const before = { ...process.env }

process.on('message', async (args: string[]) => {
  Object.assign(said, { stdout: '', stderr: '' })
  // Restores the key in the environment, because a command removes it.
  Object.assign(process.env, before)
  process.exitCode = undefined
  process.argv = [process.execPath, 'fomular-daemon', ...args]
  let code: number | undefined
  try {
    await runCli(process.argv)
  } catch (error) {
    const told = report(error, { json: args.includes('--json') })
    write(told.stdout)
    writeError(told.stderr)
    code = told.exitCode
  }
  process.send?.({ code: code ?? Number(process.exitCode ?? 0), ...said } satisfies Ran)
})
