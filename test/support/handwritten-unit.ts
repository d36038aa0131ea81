import type { DaemonStatus } from '../../src/cli/client/control-client.ts'
import type { AnyEvent } from '../../src/protocol/index.ts'
import type { Ran } from './booted.ts'
import { HUB, type ServiceMachine } from './service-machine.ts'
import { until } from './wait.ts'

export interface HandwrittenUnit {
  /** Runs a command of this program as the unit's user, for the unit's daemon. */
  daemon(argv: string[]): Promise<Ran>
  status(): Promise<DaemonStatus>
  log(): Promise<string>
  /** Waits until another process is the daemon, and is connected. */
  renewed(before: number): Promise<number>
  /** Runs the command `restart` for the daemon. */
  restarted(): Promise<Ran>
  /** Starts an agent and waits for an answer. @returns its id */
  agent(...flags: string[]): Promise<string>
  stopAgent(id: string): Promise<unknown>
  prompt(agent: string, text: string): Promise<unknown>
  /** Waits until the agent has said this text. */
  says(agent: string, text: string): Promise<unknown>
  /** Returns the prompts that the agent has accepted, in order. */
  prompts(agent: string): Promise<string[]>
}

/** A unit named fomular as a user would write it. The program is in the installation of that user. */
export async function handwrittenUnit(
  on: ServiceMachine,
  { user, text }: { user: string; text: string },
): Promise<HandwrittenUnit> {
  const { machine } = on
  const home = user === 'root' ? '/root' : `/home/${user}`
  const as = user === 'root' ? {} : { user }
  if (user !== 'root' && (await machine.run(['id', user])).code !== 0)
    await machine.out(['useradd', '--create-home', '--shell', '/bin/bash', user])
  await machine.out(['mkdir', '-p', `${home}/.fomular/bin`], as)
  const program = `${home}/.fomular/bin/fomular-daemon`
  await machine.out(['ln', '-s', '/usr/local/lib/node_modules/@fomular-os/daemon/dist/index.js', program], as)
  on.write('/etc/systemd/system/fomular.service', text)
  await machine.out(['systemctl', 'daemon-reload'])
  await machine.out(['systemctl', 'start', 'fomular'])

  const daemon = (argv: string[]) => machine.run([program, ...argv], as)
  const hub = async (argv: string[]) => {
    const { code, stdout, stderr } = await on.daemon([...argv, ...HUB, '--json'])
    if (code !== 0) throw new Error(`${argv.join(' ')}: ${stdout}${stderr}`)
    return stdout
  }
  const status = async () => JSON.parse((await daemon(['status', '--json'])).stdout) as DaemonStatus
  const renewed = (before: number) =>
    until(
      async () => {
        const now = await status().catch(() => undefined)
        return now?.link?.state === 'live' && now.pid !== before && now.pid
      },
      { what: 'a new daemon' },
    ) as Promise<number>
  const events = async (agent: string) =>
    (await hub(['agent', 'log', agent]))
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as AnyEvent)
  const prompt = (agent: string, said: string) => hub(['agent', 'send', agent, said])
  const says = (agent: string, said: string) =>
    until(async () => (await events(agent)).some((event) => event.kind === 'text' && event.text === said), {
      what: `${agent} to say ${said}`,
    })
  await renewed(0)

  return {
    daemon,
    status,
    renewed,
    prompt,
    says,
    log: () => machine.out(['journalctl', '--no-pager', '-u', 'fomular']),
    async restarted() {
      const ran = await daemon(['restart'])
      if (ran.code !== 0) throw new Error(ran.stdout + ran.stderr)
      await renewed(0)
      return ran
    },
    async agent(...flags) {
      const started = await hub(['agent', 'start', '--cwd', '/tmp', '--prompt', 'hello', ...flags])
      const { agent_id } = JSON.parse(started) as { agent_id: string }
      await says(agent_id, 'hello')
      await on.agentIs(agent_id, 'idle')
      return agent_id
    },
    stopAgent: (id) => hub(['agent', 'stop', id]),
    prompts: async (agent) =>
      (await events(agent)).flatMap((event) =>
        event.kind === 'user' && event.prompt_id !== undefined ? [String(event.content)] : [],
      ),
  }
}
