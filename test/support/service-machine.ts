import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { HubAgent } from '../../src/protocol/index.ts'
import { Booted, type BootOptions } from './booted.ts'
import { PROGRAM } from './stage.ts'
import type { Cleanup } from './temp.ts'
import { until } from './wait.ts'

const PACKAGE = '/usr/local/lib/node_modules/@fomular-os/daemon'
const HUB_DIR = '/var/lib/hub'
export const HUB = ['--hub', 'http://127.0.0.1:3001', '--hub-key-file', `${HUB_DIR}/user.key`]
export const MACHINE_KEY = `${HUB_DIR}/machine.key`
export const SERVER = ['--server-url', 'ws://127.0.0.1:3001']
/** Installs the service as root. */
export const INSTALL_SYSTEM = ['service', 'install', '--user', 'bob', ...SERVER, '--key-file', MACHINE_KEY]

/** The output of `service status --json`. */
export interface ServiceStatus {
  pid: number
  running: boolean
  enabled: boolean
  state: string
  restarts: number
  says: string
}

export interface ServiceMachine {
  machine: Booted
  /** Returns the host's path to a file in the machine. @param path path in the machine */
  at(path: string): string
  write(path: string, text: string): void
  /** Sends a signal to a process in the machine. */
  kill(signal: string, pid: number): Promise<unknown>
  /** Runs this program in the machine. */
  daemon: typeof Booted.prototype.run
  /** Enrolls another machine and writes its key to `file`, which belongs to the user. */
  enroll(user: string, file: string): Promise<unknown>
  status(): Promise<ServiceStatus>
  /** Waits until another process is the daemon, and is connected. */
  renewed(before?: ServiceStatus): Promise<ServiceStatus>
  /** Starts an agent. @returns its id */
  startAgent(...more: string[]): Promise<string>
  stopAgent(id: string): Promise<unknown>
  agent(id: string): Promise<HubAgent>
  /** Waits until the agent has this state at the hub. */
  agentIs(id: string, state: HubAgent['state']): Promise<HubAgent>
}

export interface MachineOptions extends BootOptions {
  /** User to whose service the commands apply. By default, root. */
  user?: string
  /** Further files and folders of the host, by their paths in the machine. */
  binds?: Record<string, string>
}

/**
 * A Debian machine with a user bob, a stand-in for Claude Code, and a hub as a separate service. This program
 * was installed for all users with npm.
 */
export async function serviceMachine(
  t: Cleanup,
  { user, binds = {}, ...boot }: MachineOptions = {},
): Promise<ServiceMachine> {
  const support = fileURLToPath(new URL('.', import.meta.url))
  const seen = { '/usr/local/bin/node': process.execPath, '/opt/support': support, ...binds }
  const machine = await Booted.boot(t, seen, boot)
  const at = (path: string) => join(machine.root, path)
  mkdirSync(at(PACKAGE), { recursive: true })
  cpSync(dirname(PROGRAM), at(`${PACKAGE}/dist`), { recursive: true })
  cpSync(fileURLToPath(new URL('../../package.json', import.meta.url)), at(`${PACKAGE}/package.json`))
  symlinkSync(`..${PACKAGE.slice('/usr/local'.length)}/dist/index.js`, at('/usr/local/bin/fomular-daemon'))
  const claude = '#!/bin/sh\nexec node /opt/support/fake-agent-program.ts "$@"\n'
  writeFileSync(at('/usr/local/bin/claude'), claude, { mode: 0o755 })
  await machine.out(['useradd', '--create-home', '--shell', '/bin/bash', 'bob'])

  const hub = ['fomular-daemon', 'hub', '--data-dir', HUB_DIR]
  await machine.out(['systemd-run', '--quiet', '--unit=hub', '--setenv=HOME=/root', ...hub])
  const daemon: ServiceMachine['daemon'] = (argv, options) =>
    machine.run(['fomular-daemon', ...argv], options)
  const json = async <T>(argv: string[]): Promise<T> => {
    const { code, stdout, stderr } = await daemon([...argv, ...HUB, '--json'])
    if (code !== 0) throw new Error(`${argv.join(' ')}: ${stdout}${stderr}`)
    return JSON.parse(stdout) as T
  }
  await until(async () => (await daemon(['machine', 'list', ...HUB])).code === 0, { what: 'the hub' })
  const agent = async (id: string) => {
    const { agents } = await json<{ agents: HubAgent[] }>(['agent', 'list'])
    return agents.find(({ agent_id }) => agent_id === id)!
  }

  const status = async (): Promise<ServiceStatus> =>
    JSON.parse((await daemon(['service', 'status', '--json'], user === undefined ? {} : { user })).stdout)

  return {
    machine,
    at,
    write: (path, text) => {
      mkdirSync(dirname(at(path)), { recursive: true })
      writeFileSync(at(path), text)
    },
    kill: (signal, pid) => machine.out(['sh', '-c', `kill -s ${signal} ${pid}`]),
    daemon,
    enroll: async (owner, file) => {
      const { token } = await json<{ token: string }>(['machine', 'add'])
      const words = `fomular-daemon enroll --server-url http://127.0.0.1:3001 --token-stdin --config ${file}.toml --key-file ${file}`
      await machine.out(['sh', '-c', `echo ${token} | ${words}`], { user: owner })
    },
    status,
    renewed: (before) =>
      until(
        async () => {
          const now = await status()
          return now.running && now.pid !== before?.pid && /^Connected/.test(now.says) && now
        },
        { what: 'a new daemon' },
      ) as Promise<ServiceStatus>,
    agent,
    startAgent: async (...more) =>
      (await json<{ agent_id: string }>(['agent', 'start', '--cwd', '/tmp', ...more])).agent_id,
    stopAgent: (id) => json(['agent', 'stop', id]),
    agentIs: (id, state) =>
      until(
        async () => {
          const found = await agent(id)
          return found.state === state && found
        },
        { what: `agent ${id} ${state}` },
      ) as Promise<HubAgent>,
  }
}
