import { Command, Option } from 'commander'
import type { Level, Verdict } from '../conformance/point.ts'
import { UserError } from '../platform/errors.ts'
import { EXIT } from './exit-codes.ts'
import { numeric, port } from './options.ts'
import { clean } from './render/clean.ts'
import { note, print, printJson, stdoutColors } from './terminal.ts'

const HELP = `
Plays a daemon against a server, and says point by point whether the server keeps to the protocol page. Levels:
  core       without it daemons cannot work, or activity is lost
  optional   the page asks for it, and daemons get by without
Exit code 0 if every core point holds, 1 if one fails; with --level optional every point counts. A point that could not
be tried fails nothing. A run takes under a minute against a server that answers, and under six against any other.

The machine and the agents of a run have ids of their own, beginning with "conformance-". Nothing of anybody else is
touched and nothing is deleted: what the server has stored of them stays there, 32 MiB in one of them. Use a test
server, with a key made for this.

With --listen it is the other way round: a server on 127.0.0.1 plays with the daemon that connects to it with the key.
No agent is started, changed or removed. The daemon is disconnected several times.

One core point needs a command. With --wait-for-command, order machine:check at the server when the machine appears.

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
    .description('whether a server, or a daemon, of your own keeps to the protocol, point by point')
    .option('--url <url>', 'the server')
    .option('--listen <port>', 'play a server instead, against the daemon that connects to this port', port)
    .option('--wait-for-daemon <seconds>', 'with --listen, seconds to wait for the daemon', numeric, 60)
    .option('--key-file <file>', 'file with a key of that server (recommended)')
    .option('--key <key>', 'the key itself, which other users can see on a command line')
    .option('--ca-file <file>', "certificate authority of the server's certificate, PEM")
    .option('--allow-insecure', 'allow a server beyond this machine without TLS')
    .addOption(
      new Option('--level <level>', 'what has to hold for exit code 0')
        .choices(['core', 'optional'])
        .default('core'),
    )
    .option('--wait-for-command <seconds>', 'seconds to wait for a command given at the server', numeric, 0)
    .option('--json', 'print one JSON object')
    .addHelpText('after', HELP)
    .action(conformance)
}

async function conformance(options: ConformanceOptions) {
  const { url, listen, level, json } = options
  if ((url === undefined) === (listen === undefined))
    throw new UserError('usage', 'One of --url and --listen is needed, and not both.', {
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
    import('./conformance/server-of.ts'),
    import('../conformance/server/run.ts'),
  ])
  const server = await serverOf(flags)
  const invite = (machineId: string) =>
    note(
      `Waiting for a command: order machine:check for the machine ${machineId}, within ${waitForCommand} s.`,
    )
  const judged = await judgeServer({ ...server, commandMs: waitMs(waitForCommand), invite }, tell)
  return { url: server.url, ...judged }
}

async function ofDaemon(
  { listen = 0, waitForDaemon, ...flags }: ConformanceOptions,
  tell: (verdict: Verdict) => void,
) {
  const [{ keyOf }, { judgeDaemon }] = await Promise.all([
    import('./conformance/server-of.ts'),
    import('../conformance/daemon/run.ts'),
  ])
  const listening = (at: string) => note(`Waiting for a daemon at ${at}, for ${waitForDaemon} s.`)
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
  const seen = result === 'fails' ? `seen: ${clean(detail)}` : clean(detail)
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
