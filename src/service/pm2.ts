import { existsSync } from 'node:fs'
import * as z from 'zod/mini'
import { homeOf } from '../config/home.ts'
import { stateDir } from '../config/paths.ts'
import { foreignTime } from '../platform/clock.ts'
import { UserError } from '../platform/errors.ts'
import { EXIT } from '../platform/exit-codes.ts'
import { isForeign } from '../platform/sockets.ts'
import type { At, Manager, Status } from './manager.ts'
import {
  CODES,
  keyVariable,
  markOf,
  PM2_LAUNCHER,
  plainArgs,
  type ServicePlan,
  serviceFiles,
  variables,
} from './plan.ts'
import { Pm2Entry } from './pm2-entry.ts'
import { query, queryOrFail } from './run.ts'
import { keySteps, removeIdentity } from './steps.ts'
import { isOurs } from './unit-checks.ts'
import { markText, readInstalled } from './unit-mark.ts'
import { flagIn, runsOf, type Service } from './units.ts'

const files = ({ name, home }: At) => serviceFiles('pm2', name, home)
const at = ({ name, account }: ServicePlan): At => ({ name, home: account.home })

export const pm2: Manager = {
  name: 'pm2',
  async file(plan) {
    return { path: files(at(plan)).unit, text: ecosystemText(plan), mode: 0o600 }
  },

  async install(plan, { start, key }) {
    await checkUsable()
    const { key: keyPath, unit } = files(at(plan))
    const known = (await entries()).some(({ name }) => name === plan.name)
    const changed = settingsIn(readInstalled(unit)?.text) !== settingsIn(ecosystemText(plan))
    const renew = known && changed
    return [
      ...keySteps(keyPath, key),
      { do: 'write', ...(await pm2.file(plan)) },
      // Pm2 reads an entry's settings only once. Deleting the entry ends the daemon and its agents.
      ...(start && renew ? [{ do: 'run' as const, argv: ['pm2', 'delete', plan.name] }] : []),
      ...(start && (renew || !known) ? [{ do: 'run' as const, argv: ['pm2', 'start', unit] }] : []),
      { do: 'run', argv: ['pm2', 'save'], optional: 'pm2 cannot save its process list. Run: pm2 save' },
      {
        do: 'note',
        text: 'To start pm2 with the machine, run `pm2 startup` once, then the command it prints.',
      },
    ]
  },

  async uninstall(of) {
    await checkUsable()
    const { unit, key, dir } = files(of)
    const known = (await entries()).some(({ name }) => name === of.name)
    return [
      ...(known
        ? [
            { do: 'run' as const, argv: ['pm2', 'delete', of.name] },
            // Save the list without the entry: pm2 would restore the entry at the next boot.
            { do: 'run' as const, argv: ['pm2', 'save', '--force'] },
          ]
        : []),
      { do: 'remove', path: unit },
      { do: 'remove', path: key },
      ...removeIdentity(key),
      { do: 'remove-folder', path: dir },
    ]
  },

  start: (of) => [{ do: 'run', argv: ['pm2', 'start', files(of).unit] }],
  stop: ({ name }) => [{ do: 'run', argv: ['pm2', 'stop', name] }],

  async status(of): Promise<Status> {
    const file = files(of).unit
    const installed = readInstalled(file)
    const entry = (await entries()).find(({ name }) => name === of.name)
    const { status = 'unknown', pm_uptime, restart_time, exit_code } = entry?.pm2_env ?? {}
    const since = pm_uptime === undefined ? undefined : foreignTime(pm_uptime)
    // Pm2 reports "waiting restart" in this case, although it has given up.
    const refused = status !== 'online' && exit_code === CODES.refusedConfiguration
    return {
      manager: 'pm2',
      name: of.name,
      file,
      installed: installed !== undefined,
      running: status === 'online',
      failed: refused || status === 'errored' || status === 'stopped',
      enabled: entry !== undefined,
      state: refused ? `stopped (exit code ${exit_code})` : status,
      ...(entry?.pid && { pid: entry.pid }),
      ...(since !== undefined && { since }),
      ...(restart_time !== undefined && { restarts: restart_time }),
      ...(installed?.mark && {
        state_dir: installed.mark.state_dir,
        user: installed.mark.user,
        runs: installed.mark.runs ?? 'daemon',
      }),
    }
  },

  logs: ({ name }, { lines, follow }) => [
    'pm2',
    'logs',
    name,
    '--lines',
    String(lines),
    ...(follow ? [] : ['--nostream']),
  ],
}

/**
 * Returns the text of an ecosystem file without its comments, because their wording differs between versions.
 */
const settingsIn = (text = '') => text.replace(/^\/\/.*\n/gm, '')

/** Returns the text of the ecosystem file that defines the service. */
export function ecosystemText(plan: ServicePlan): string {
  const app = {
    name: plan.name,
    ...command(plan),
    exec_mode: 'fork',
    cwd: plan.account.home,
    autorestart: true,
    treekill: false,
    kill_timeout: plan.stopSeconds * 1000,
    exp_backoff_restart_delay: 100,
    max_restarts: Number.MAX_SAFE_INTEGER,
    stop_exit_codes: [CODES.refusedConfiguration],
    env: { ...variables(plan), ...keyVariable(plan, files(at(plan)).key) },
    pmx: false,
    vizion: false,
    filter_env: ['FOMULAR_KEY', 'FOMULAR_HUB_KEY'],
    merge_logs: true,
  }
  return `// ${markText(markOf(plan))}
// \`fomular-daemon service install --manager pm2\` overwrites this file.
//
// treekill: false: pm2 ends only the daemon, so that agents outlive it.
// kill_timeout: the time for the daemon to end its agents when it is stopped, in ms.
// autorestart and max_restarts: pm2 always restarts the daemon, with growing delays (up to 15 s) if it keeps failing.
// The daemon exits with code 75 to request a restart, for example after an update.
// stop_exit_codes: the daemon exits with code 2 if it refuses its configuration. pm2 must not restart it then.
// pmx and vizion: pm2 injects no code into the daemon, and reads no git metadata.
// filter_env: pm2 does not save keys from its environment.
module.exports = ${JSON.stringify({ apps: [app] }, undefined, 2)}
`
}

/**
 * Returns pm2's start command. Pm2 treats a path with a space as a shell command, so `env` starts a program
 * with such a path.
 */
function command(plan: ServicePlan) {
  const [interpreter = 'none', ...interpreter_args] = plan.runner
  const args = plainArgs(plan)
  if (plan.program.includes(' '))
    return { script: PM2_LAUNCHER, args: [...plan.runner, plan.program, ...args], interpreter: 'none' }
  return {
    script: plan.program,
    args,
    interpreter,
    ...(interpreter_args.length > 0 && { interpreter_args }),
  }
}

/**
 * Returns pm2's entries. Returns none if pm2 belongs to another user, or is not running: `pm2 jlist` would
 * start it.
 */
export async function entries(env: NodeJS.ProcessEnv = process.env): Promise<Pm2Entry[]> {
  const home = env.PM2_HOME || `${env.HOME}/.pm2`
  if (!existsSync(`${home}/rpc.sock`) || isForeign(home)) return []
  const { code, stdout } = await query(['pm2', 'jlist', '--silent'], env)
  if (code !== 0) return []
  try {
    return z.array(Pm2Entry).parse(JSON.parse(stdout.slice(stdout.indexOf('['))))
  } catch {
    return []
  }
}

/** Returns the entries of this user's pm2 that run a daemon, including hand-written entries. */
export async function pm2Services(env: NodeJS.ProcessEnv): Promise<Service[]> {
  const home = homeOf(env)
  return (await entries(env)).flatMap(({ name, pid, pm2_env }): Service[] => {
    const mark = readInstalled(files({ name, home }).unit)?.mark
    if (!mark && !isOurs(pm2_env.pm_exec_path ?? '')) return []
    const args = [pm2_env.args ?? []].flat().join(' ')
    const runs = runsOf(`fomular-daemon ${args}`)
    if (runs === 'hub') return []
    const named = flagIn(` ${args}`, 'state-dir') ?? pm2_env.FOMULAR_STATE_DIR
    return [
      {
        manager: 'pm2',
        name,
        runs,
        state_dir: named ?? mark?.state_dir ?? stateDir({ HOME: home }),
        running: pm2_env.status === 'online',
        state: pm2_env.status,
        ...(pid !== undefined && pid > 0 && { pid }),
      },
    ]
  })
}

async function checkUsable() {
  if ((await queryOrFail(['pm2', '--version'])).code !== 127) return
  throw new UserError('no_pm2', 'pm2 is not on PATH.', {
    remedy: 'Install it: npm install -g pm2',
    exitCode: EXIT.refused,
  })
}
