import { basename } from 'node:path'
import { environmentLine, parseEnvironment } from '../../service/expand.ts'
import { readText } from '../../service/handwritten-units.ts'
import type { Step } from '../../service/steps.ts'

/** Settings that the new unit contains. A drop-in file with such a setting would override the unit. */
const OWN =
  /^(Type|ExecStart|User|Environment|EnvironmentFile|PassEnvironment|WorkingDirectory|StateDirectory|StateDirectoryMode|KillMode|KillSignal|Restart|RestartSec|RestartSteps|RestartMaxDelaySec|SuccessExitStatus|RestartForceExitStatus|RestartPreventExitStatus|NotifyAccess|WatchdogSec|LoadCredential)\s*=/

const kept = (path: string) => `${path}.before-take-over`

/**
 * Keeps a copy of a unit file that the new unit file overwrites. A unit file in another place stays there,
 * and has no effect.
 */
export const keep = (path: string, unit: string): Step[] =>
  path === unit ? [{ do: 'write', path: kept(path), text: readText(path) ?? '', mode: 0o600 }] : []

const settings = (text: string) =>
  text
    .replace(/\\\n/g, ' ')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => /^[A-Za-z]+\s*=/.test(line))

/** Reports whether a drop-in file would override the new unit. */
export const isInTheWay = (text: string) => settings(text).some((line) => OWN.test(line))

/** Puts aside a drop-in file that would override the new unit. */
export function putAside(path: string): Step[] {
  const text = readText(path)
  if (text === undefined || !isInTheWay(text)) return []
  return [
    { do: 'write', path: kept(path), text, mode: 0o600 },
    { do: 'remove', path },
  ]
}

/** Returns the names of settings that the new unit lacks. Values may be secret; names are not. */
export const unknownSettings = (path: string): string[] =>
  settings(readText(path) ?? '')
    .filter(
      (line) =>
        !OWN.test(line) &&
        !/^(Description|Documentation|After|Wants|Requires|WantedBy|StartLimit\w*)\s*=/.test(line),
    )
    .map((line) => `${line.split('=')[0]!.trim()} (${basename(path)})`)

/** Adds variables to the environment file of the new service. */
export function environmentSteps(path: string, environment: Record<string, string>): Step[] {
  const before = readText(path) ?? ''
  const known = parseEnvironment(before)
  // A later line overrides an earlier one.
  const added = Object.entries(environment).filter(([name, value]) => known[name] !== value)
  if (added.length === 0) return []
  const lines = added.map(([name, value]) => environmentLine(name, value))
  const text = `${before === '' || before.endsWith('\n') ? before : `${before}\n`}${lines.join('')}`
  return [{ do: 'write', path, text, mode: 0o600 }]
}
