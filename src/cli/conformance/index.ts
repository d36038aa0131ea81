import { Command, Option } from 'commander'
import type { Level, Verdict } from '../../conformance/point.ts'
import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import { numeric, port } from '../options.ts'
import { clean } from '../render/clean.ts'
import { note, print, printJson, stdoutColors } from '../terminal.ts'

const HELP = `
The command connects to a server as a daemon, and checks the server against each rule of the protocol.
A rule has one of two levels:

  core       required: daemons fail or lose activity without this rule
  optional   part of the protocol, but daemons work without this rule

The exit code is 0 if every core rule holds, and 1 if a core rule fails. With --level optional, the optional
rules count, too. Untested rules do not count. The check takes less than 1 minute if the server answers, and
less than 6 minutes if it does not.

The check uses a machine and agents with ids that begin with "conformance-". It does not touch other machines
or agents. The check deletes nothing: its data stays on the server, including one agent with 32 MiB of
activity. Use a test server and a key created for this purpose.

With --listen, the command acts as a server on 127.0.0.1 and checks the daemon that connects with the key. The
check does not start, change, or remove agents. It disconnects the daemon several times.

One of the core rules is tested only if the server sends a command. To test this rule, add --wait-for-command.
The command then prints the id of its machine: send machine:check to this machine from the server.

Examples:
  $ fomular-daemon conformance --url ws://localhost:3001 --key-file key
  $ fomular-daemon conformance --url wss://os.example.com/daemons --key-file key --level optional
  $ fomular-daemon conformance --url ws://localhost:3001 --key-file key --wait-for-command 60 --json
  $ fomular-daemon conformance --listen 4001 --key-file key`

export interface ConformanceOptions {
  url?: string
  listen?: number
  waitForDaemon: number
  key?: string
  keyFile?: string
  caFile?: string
  allowInsecure?: boolean
  level: Level
  waitForCommand: number
  json?: boolean
}

export function conformanceCommand(): Command {
  return new Command('conformance')
    .description('check your own server or daemon against the protocol')
    .option('--url <url>', 'server to check')
    .option('--listen <port>', 'instead of a server, check the daemon that connects to this port', port)
    .option(
      '--wait-for-daemon <seconds>',
      'with --listen, time to wait for the daemon, in seconds',
      numeric,
      60,
    )
    .option('--key-file <file>', 'file with a key that the server accepts (recommended)')
    .option('--key <key>', 'key that the server accepts; other users can see it in the list of processes')
    .option('--ca-file <file>', "file with the certificate authority of the server's certificate (PEM)")
    .option('--allow-insecure', 'allow a remote server without TLS')
    .addOption(
      new Option('--level <level>', 'level of the rules that must hold for exit code 0')
        .choices(['core', 'optional'])
        .default('core'),
    )
    .option(
      '--wait-for-command <seconds>',
      'time to wait for a command from the server, in seconds',
      numeric,
      0,
    )
    .option('--json', 'print one JSON object')
    .addHelpText('after', HELP)
    .action(conformance)
}

async function conformance(options: ConformanceOptions) {
  const { url, listen, level, json } = options
  if ((url === undefined) === (listen === undefined))
    throw new UserError('usage', 'Exactly one of --url and --listen is required.', {
      remedy: 'Name a server with --url, or a port with --listen.',
      exitCode: EXIT.usage,
    })
  const tell = (verdict: Verdict) => {
    if (!json) print(verdictText(verdict))
  }
  const { verdicts, ...about } =
    url === undefined ? await ofDaemon(options, tell) : await ofServer({ ...options, url }, tell)
  const levels = { core: count(verdicts, 'core'), optional: count(verdicts, 'optional') }
  const failed = verdicts.filter(
    (each) => each.result === 'fails' && (each.level === 'core' || level === 'optional'),
  )
  const ok = failed.length === 0
  if (json) printJson({ ok, ...about, level, levels, points: verdicts })
  else print(summary(levels))
  process.exitCode = ok ? EXIT.ok : EXIT.failure
}

async function ofServer(
  { waitForCommand, ...flags }: ConformanceOptions & { url: string },
  tell: (verdict: Verdict) => void,
) {
  const [{ serverOf }, { judgeServer }] = await Promise.all([
    import('./tested-server.ts'),
    import('../../conformance/server/run.ts'),
  ])
  const server = await serverOf(flags)
  const invite = (machineId: string) =>
    note(`Waiting ${waitForCommand} s for a command: send machine:check to the machine ${machineId}.`)
  const judged = await judgeServer({ ...server, commandMs: waitMs(waitForCommand), invite }, tell)
  return { url: server.url, ...judged }
}

async function ofDaemon(
  { listen = 0, waitForDaemon, ...flags }: ConformanceOptions,
  tell: (verdict: Verdict) => void,
) {
  const [{ keyOf }, { judgeDaemon }] = await Promise.all([
    import('./tested-server.ts'),
    import('../../conformance/daemon/run.ts'),
  ])
  const listening = (at: string) => note(`Waiting ${waitForDaemon} s for a daemon at ${at}.`)
  return judgeDaemon({ port: listen, key: keyOf(flags), waitMs: waitMs(waitForDaemon), listening }, tell)
}

const waitMs = (seconds: number) => Math.min(Math.max(seconds, 0), 3600) * 1000

type Count = Record<Verdict['result'], number>

function count(verdicts: Verdict[], level: Level): Count {
  const counted: Count = { holds: 0, fails: 0, untested: 0 }
  for (const verdict of verdicts) if (verdict.level === level) counted[verdict.result]++
  return counted
}

function verdictText({ name, level, rule, section, result, detail }: Verdict): string {
  const { green, yellow, red, dim } = stdoutColors()
  const mark = { holds: green('✓'), fails: level === 'core' ? red('✗') : yellow('✗'), untested: dim('-') }[
    result
  ]
  const line = `${mark} ${name} (${level}): ${rule}`
  if (detail === undefined) return line
  const seen = result === 'fails' ? `observed: ${clean(detail)}` : clean(detail)
  return `${line}\n    ${seen}${result === 'fails' ? dim(`\n    → See "${section}" on the protocol page.`) : ''}`
}

function summary(levels: Record<Level, Count>): string {
  const { bold } = stdoutColors()
  return (['core', 'optional'] as const)
    .map((level) => {
      const { holds, fails, untested } = levels[level]
      return `${bold(level)}: ${holds} hold, ${fails} fail, ${untested} not tested`
    })
    .join('\n')
}
