import { Command } from 'commander'
import { withDaemonFlags } from './daemon-flags.ts'
import { EXIT } from './exit-codes.ts'
import { connectDaemon, WHICH } from './local.ts'
import { askLine } from './prompt.ts'
import type { Finding } from './render/finding.ts'
import { isInteractive, print, printJson, stdoutColors } from './terminal.ts'

const HELP = `
Looks at everything a daemon needs, with the configuration a daemon would have here: same flags, same environment. Where
a daemon runs, what it sees itself is what counts; where this shell differs from it, a line says how.
Exit code 1 if something must be mended.
${WHICH}

With --fix it ends the processes that agents have left behind and nobody looks after any more; on a terminal it offers
to. They are known by a secret that they carry and the agent's folder records, and by what they descend from. Processes
that merely name an agent are listed and left alone, as are those of other users.

Examples:
  $ fomular-daemon doctor
  $ fomular-daemon doctor --fix
  $ fomular-daemon doctor --server-url wss://os.example.com --key-file ~/.fomular/key`

export function doctorCommand(): Command {
  return withDaemonFlags(
    new Command('doctor')
      .description('what is missing on this machine, and what to do about it')
      .addHelpText('after', HELP),
  )
    .option('--fix', 'end the processes that agents have left behind')
    .option('--json', 'print one JSON object')
    .action(doctor)
}

async function doctor({ json, fix, ...flags }: Record<string, string | boolean>) {
  const [{ examine }, { clearStrays }, { findingText }] = await Promise.all([
    import('./doctor/examine.ts'),
    import('./doctor/strays.ts'),
    import('./render/finding.ts'),
  ])
  const show = (found: Finding[]) =>
    print(found.map((finding) => findingText(finding, stdoutColors())).join('\n'))
  const connected = await connectDaemon({
    ...(typeof flags.stateDir === 'string' && { stateDir: flags.stateDir }),
    json: json === true,
    env: typeof flags.config === 'string' ? { ...process.env, FOMULAR_CONFIG: flags.config } : process.env,
  })
  let findings = await examine(flags, process.env, connected)
  const found = findings.find(({ strays }) => strays !== undefined)
  const asks = found !== undefined && !fix && !json && isInteractive()
  if (asks) show(findings)
  if (found?.strays && (fix || (asks && /^y(es)?$/i.test(await askLine('End them? [y/N] '))))) {
    const cleared = await clearStrays(found.strays)
    findings = findings.map((finding) => (finding === found ? cleared : finding))
    if (asks) show([cleared])
  }
  const ok = findings.every(({ level }) => level !== 'error')
  if (json) printJson({ ok, findings, ...connected.facts })
  else if (!asks) show(findings)
  process.exitCode = ok ? EXIT.ok : EXIT.failure
}
