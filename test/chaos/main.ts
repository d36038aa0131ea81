/**
 * Injects random faults into a hub, daemons, and agents, all of them real processes. Then compares the hub's
 * data with what the agents really wrote and read.
 *
 *     npm run chaos -- [--faults N] [--seed S] [--machines N] [--agents N] [--store files|postgres]
 *         [--only KIND,…] [--sabotage NAME] [--keep]
 *
 * Progress goes to stderr, the verdict to stdout as one JSON object. The exit code is 0 if there are no
 * violations. The seed determines the faults and their times, but not what the processes do at those times.
 * After a failure, the folder with all logs is kept.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readFlags } from '../support/read-flags.ts'
import { SABOTAGES, type Sabotage } from './program.ts'
import { endAll, run } from './run.ts'
import { type FaultKind, faultKinds } from './schedule.ts'

const values = readFlags({
  faults: { type: 'string', default: '100' },
  seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  machines: { type: 'string', default: '3' },
  agents: { type: 'string', default: '8' },
  store: { type: 'string', default: 'files' },
  only: { type: 'string' },
  sabotage: { type: 'string' },
  keep: { type: 'boolean', default: false },
})
const say = (text: string) => process.stderr.write(`${text}\n`)

function fail(message: string): never {
  say(message)
  process.exit(2)
}

function whole(name: 'faults' | 'machines' | 'agents'): number {
  const value = Number(values[name])
  return Number.isInteger(value) && value >= 0
    ? value
    : fail(`--${name} is a whole number, not "${values[name]}".`)
}

function sabotage(): Sabotage | undefined {
  if (values.sabotage === undefined || values.sabotage in SABOTAGES)
    return values.sabotage as Sabotage | undefined
  return fail(`--sabotage is one of ${Object.keys(SABOTAGES).join(', ')}.`)
}

function withDatabase(): boolean {
  if (values.store === 'files' || values.store === 'postgres') return values.store === 'postgres'
  return fail(`--store is files or postgres, not "${values.store}".`)
}

function kinds(): FaultKind[] | undefined {
  const known = faultKinds({ database: withDatabase() })
  const named = values.only?.split(',') as FaultKind[] | undefined
  if (!named || named.every((kind) => known.includes(kind))) return named
  return fail(`--only takes kinds from this list: ${known.join(',')}.`)
}

/**
 * Reruns this program in its own mount namespace. Other processes do not see its disks, and the disks vanish
 * when the program ends.
 */
async function inOwnNamespace(): Promise<number> {
  const asRoot = process.getuid?.() === 0 ? [] : ['--map-root-user']
  const args = ['--mount', ...asRoot, process.execPath, ...process.execArgv, ...process.argv.slice(1)]
  const child = spawn('unshare', args, { stdio: 'inherit', env: { ...process.env, CHAOS_NAMESPACE: '1' } })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
  return new Promise((resolve) => {
    child.once('error', (error) => fail(`cannot run unshare: ${error.message}`))
    child.once('exit', (code) => resolve(code ?? 1))
  })
}

const options = {
  faults: whole('faults'),
  machines: whole('machines'),
  agentsPerMachine: whole('agents'),
  seed: values.seed,
  sabotage: sabotage(),
  withDatabase: withDatabase(),
  kinds: kinds(),
}
if (process.env.CHAOS_NAMESPACE !== '1') process.exit(await inOwnNamespace())
const dir = realpathSync(mkdtempSync(join(tmpdir(), 'fomular-chaos-')))
say(`seed ${options.seed}, ${options.faults} faults, in ${dir}`)
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    endAll(dir)
    process.exit(130)
  })
const verdict = await run({ ...options, dir, say })
if (!verdict.ok || values.keep) {
  say(`All files are in ${dir}: */*.log of hub and daemons, logs/*.log of agents, histories/ of the hub,`)
  say('and the state folders */state. The same --seed causes the same faults.')
  process.stdout.write(`${JSON.stringify({ ...verdict, dir }, undefined, 2)}\n`)
} else {
  process.stdout.write(`${JSON.stringify(verdict, undefined, 2)}\n`)
  rmSync(dir, { recursive: true, force: true })
}
process.exit(verdict.ok ? 0 : 1)
