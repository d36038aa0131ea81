import { Command } from 'commander'
import { withDaemonFlags } from './daemon-flags.ts'
import { EXIT } from './exit-codes.ts'
import { print, printJson, stdoutColors } from './terminal.ts'

const HELP = `
Looks at everything a daemon needs, with the configuration a daemon would have here: same flags, same environment.
Exit code 1 if something must be mended.

Examples:
  $ fomular-daemon doctor
  $ fomular-daemon doctor --server-url wss://os.example.com --key-file ~/.fomular/key`

export function doctorCommand(): Command {
  return withDaemonFlags(
    new Command('doctor')
      .description('what is missing on this machine, and what to do about it')
      .addHelpText('after', HELP),
  )
    .option('--json', 'one JSON object')
    .action(doctor)
}

async function doctor({ json, ...flags }: Record<string, string | boolean>) {
  const [{ examine }, { findingText }] = await Promise.all([
    import('./doctor/examine.ts'),
    import('./render/finding.ts'),
  ])
  const findings = await examine(flags, process.env)
  const ok = findings.every(({ level }) => level !== 'error')
  if (json) printJson({ ok, findings })
  else print(findings.map((finding) => findingText(finding, stdoutColors())).join('\n'))
  process.exitCode = ok ? EXIT.ok : EXIT.failure
}
