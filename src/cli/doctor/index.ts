import { Command } from 'commander'
import { EXIT } from '../../platform/exit-codes.ts'
import { askYes } from '../confirm-yes.ts'
import { connectDaemon, WHICH } from '../local/index.ts'
import type { Finding } from '../render/finding.ts'
import { withDaemonFlags } from '../start/daemon-flags.ts'
import { isInteractive, print, printJson, stdoutColors } from '../terminal.ts'

const HELP = `
The command checks everything that a daemon needs, with the configuration that a daemon would have if you
started it here. If a daemon is running, \`doctor\` reports what that daemon finds, and how this shell's
environment differs. The exit code is 1 if something must be fixed.
${WHICH}

With --fix, the command ends orphaned processes that agents left behind. Without --fix, it asks you on a
terminal whether to end them. The command recognizes such a process by its ancestors, and by a secret in its
environment that is also in the agent's folder. It lists processes without that secret, and processes of other
users, but does not end them.

Examples:
  $ fomular-daemon doctor
  $ fomular-daemon doctor --fix
  $ fomular-daemon doctor --server-url wss://os.example.com --key-file ~/.fomular/key`

export function doctorCommand(): Command {
  return withDaemonFlags(
    new Command('doctor')
      .description('find problems on this machine and how to fix them')
      .addHelpText('after', HELP),
  )
    .option('--fix', 'end orphaned processes that agents left behind')
    .option('--json', 'print one JSON object')
    .action(doctor)
}

async function doctor({ json, fix, ...flags }: Record<string, string | boolean>) {
  const [{ examine }, { clearStrays }, { findingText }] = await Promise.all([
    import('./examine.ts'),
    import('./strays.ts'),
    import('../render/finding.ts'),
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
  if (found?.strays && (fix || (asks && (await askYes('End them?'))))) {
    const cleared = await clearStrays(found.strays)
    findings = findings.map((finding) => (finding === found ? cleared : finding))
    if (asks) show([cleared])
  }
  const ok = findings.every(({ level }) => level !== 'error')
  if (json) printJson({ ok, findings, ...connected.facts })
  else if (!asks) show(findings)
  process.exitCode = ok ? EXIT.ok : EXIT.failure
}
