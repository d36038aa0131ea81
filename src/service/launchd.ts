import { existsSync, readdirSync } from 'node:fs'
import { userInfo } from 'node:os'
import { basename, join } from 'node:path'
import type { At, Manager, Status } from './manager.ts'
import {
  agentVariables,
  keyVariable,
  markOf,
  plainArgs,
  type ServicePlan,
  serviceFiles,
  variables,
} from './plan.ts'
import { queryOrFail } from './run.ts'
import { keySteps, removeIdentity } from './steps.ts'
import { markText, readInstalled } from './unit-mark.ts'
import type { Service } from './units.ts'

/** Minimum time between two starts of the daemon by launchd, in seconds. */
const THROTTLE_S = 10

const files = ({ name, home }: At) => serviceFiles('launchd', name, home)
const at = ({ name, account }: ServicePlan): At => ({ name, home: account.home })
const domain = () => `gui/${userInfo().uid}`
const launchctl = (...args: string[]) => ({ do: 'run' as const, argv: ['launchctl', ...args] })

/** The service manager for macOS. A service is a launch agent of its user. */
export const launchd: Manager = {
  name: 'launchd',

  async file(plan) {
    return { path: files(at(plan)).unit, text: plistText(plan), mode: 0o644 }
  },

  async install(plan, { start, key }) {
    const { key: keyPath, unit } = files(at(plan))
    const known = (await queryOrFail(['launchctl', 'print', `${domain()}/${plan.name}`])).code === 0
    const renew = known && readInstalled(unit)?.text !== plistText(plan)
    return [
      ...keySteps(keyPath, key),
      { do: 'write', ...(await launchd.file(plan)) },
      ...(start && renew ? [launchctl('bootout', `${domain()}/${plan.name}`)] : []),
      ...(start && (renew || !known) ? [launchctl('bootstrap', domain(), unit)] : []),
    ]
  },

  async uninstall(of) {
    const { unit, key, dir } = files(of)
    return [
      { ...launchctl('bootout', `${domain()}/${of.name}`), optional: '' },
      { do: 'remove', path: unit },
      { do: 'remove', path: key },
      ...removeIdentity(key),
      { do: 'remove-folder', path: dir },
    ]
  },

  start: (of) => [launchctl('bootstrap', domain(), files(of).unit)],
  stop: ({ name }) => [launchctl('bootout', `${domain()}/${name}`)],

  async status(of): Promise<Status> {
    const file = files(of).unit
    const installed = readInstalled(file)
    const { code, stdout } = await queryOrFail(['launchctl', 'print', `${domain()}/${of.name}`])
    const find = (name: string) => new RegExp(`^\\s*${name} = (.*)$`, 'm').exec(stdout)?.[1]
    const state = find('state') ?? (code === 0 ? 'loaded' : 'not loaded')
    const pid = Number(find('pid') ?? 0)
    return {
      manager: 'launchd',
      name: of.name,
      file,
      installed: installed !== undefined,
      running: state === 'running',
      failed: false,
      enabled: code === 0,
      state,
      ...(pid > 0 && { pid }),
      ...(installed?.mark && {
        state_dir: installed.mark.state_dir,
        user: installed.mark.user,
        runs: installed.mark.runs ?? 'daemon',
      }),
    }
  },

  logs: () => undefined,
}

/** Returns the services of this user that this program installed as property lists. */
export function launchdServices(home: string): Service[] {
  const folder = join(home, 'Library/LaunchAgents')
  const names = existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith('.plist')) : []
  return names.flatMap((file): Service[] => {
    const mark = readInstalled(join(folder, file))?.mark
    if (!mark) return []
    const { state_dir, user } = mark
    const name = basename(file, '.plist')
    return [
      { manager: 'launchd', name, runs: 'daemon', user, state_dir, running: false, state: 'not running' },
    ]
  })
}

type Plist = string | number | boolean | Plist[] | { [key: string]: Plist }

/** Returns the text of a service's property list. */
export function plistText(plan: ServicePlan): string {
  const job: Plist = {
    Label: plan.name,
    ProgramArguments: [...plan.runner, plan.program, ...plainArgs(plan)],
    WorkingDirectory: plan.account.home,
    EnvironmentVariables: {
      ...variables(plan),
      ...agentVariables(plan),
      ...keyVariable(plan, files(at(plan)).key),
    },
    // The daemon's own umask; agents have AGENT_UMASK. In the property list it is a decimal number.
    Umask: 0o077,
    // No core files: they would contain the key.
    SoftResourceLimits: { Core: 0 },
    HardResourceLimits: { Core: 0 },
    RunAtLoad: true,
    KeepAlive: true,
    ThrottleInterval: THROTTLE_S,
    ExitTimeOut: plan.stopSeconds,
    // Agents outlive the daemon.
    AbandonProcessGroup: true,
    // This file receives the daemon's output until the daemon opens its own log in the state folder.
    StandardErrorPath: `${plan.account.home}/Library/Logs/${plan.name}.log`,
  }
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<!-- ${markText(markOf(plan))} -->
<plist version="1.0">
${xml(job, '')}
</plist>
`
}

const escaped = (text: string) =>
  text.replace(/[<>&]/g, (char) => ({ '<': '&lt;', '>': '&gt;', '&': '&amp;' })[char]!)

function xml(value: Plist, indent: string): string {
  const inner = `${indent}  `
  if (typeof value === 'string') return `${indent}<string>${escaped(value)}</string>`
  if (typeof value === 'number') return `${indent}<integer>${value}</integer>`
  if (typeof value === 'boolean') return `${indent}<${value}/>`
  if (Array.isArray(value))
    return `${indent}<array>\n${value.map((each) => xml(each, inner)).join('\n')}\n${indent}</array>`
  const entries = Object.entries(value).map(
    ([key, each]) => `${inner}<key>${escaped(key)}</key>\n${xml(each, inner)}`,
  )
  return `${indent}<dict>\n${entries.join('\n')}\n${indent}</dict>`
}
