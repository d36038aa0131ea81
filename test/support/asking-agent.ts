import { spawn } from 'node:child_process'
import { appendFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Agent } from '../../src/agents/agent.ts'
import { CommandFailure } from '../../src/agents/command-failure.ts'
import { identify } from '../../src/platform/process-identity.ts'
import { type CommandOf, Commands } from '../../src/protocol/index.ts'
import { agentsIn, leftAgent } from './agents.ts'
import { carryOutWith } from './command-context.ts'
import { type Cleanup, tempDir } from './temp.ts'

/** Returns a line in which Claude Code asks for permission. */
export const asks = (request_id: string, input: object, rest: object = {}) =>
  `${JSON.stringify({
    type: 'control_request',
    request_id,
    request: { subtype: 'can_use_tool', tool_name: 'Bash', input, ...rest },
  })}\n`

export const withdraws = (request_id: string) =>
  `${JSON.stringify({ type: 'control_cancel_request', request_id })}\n`

/**
 * An agent of a daemon in this process. The test writes the agent's output and can read its input. The
 * agent's process does nothing.
 */
export class AskingAgent {
  readonly #at: (name: string) => string
  readonly #dir: string
  readonly #t: Cleanup
  #agents: ReturnType<typeof agentsIn> | undefined
  #commands = 0

  constructor(t: Cleanup) {
    this.#t = t
    this.#dir = tempDir(t)
    const { at, started } = leftAgent(this.#dir, 'a')
    this.#at = at
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
    t.after(() => void child.kill('SIGKILL'))
    const agent = identify(child.pid!)
    const record = { version: 1, run: 1, launcher: agent, agent, feeder: agent }
    writeFileSync(at('process.json'), JSON.stringify(record))
    started()
    this.restart()
  }

  get agent(): Agent {
    return this.#agents!.get('a')
  }

  get pending() {
    return this.agent.status().pending
  }

  /** Starts another daemon. @param saved true if the previous daemon saved its place in the journal */
  restart({ saved = true } = {}) {
    if (saved) this.#agents?.close()
    const agents = agentsIn(this.#dir)
    this.#t.after(() => agents.close())
    agents.adopt()
    this.#agents = agents
  }

  says(...lines: string[]) {
    appendFileSync(this.#at('activity.jsonl'), lines.join(''))
    this.agent.catchUp()
  }

  /**
   * Carries out a command as the daemon does.
   * @returns code and path of the refusal, or undefined if the agent accepts the command
   */
  async told(type: 'permission' | 'answer', body: object): Promise<string | undefined> {
    const named = { type: `agent:${type}`, command_id: `c-${++this.#commands}`, agent_id: 'a', ...body }
    const command = Commands[`agent:${type}`].parse(named) as CommandOf<'agent:permission'>
    try {
      await carryOutWith(this.#agents!, command)
    } catch (error) {
      if (!(error instanceof CommandFailure)) throw error
      return `${error.error.code} ${error.error.path}`
    }
    return undefined
  }

  /** Returns the answers that the agent received, by the ids of its requests. */
  get answers() {
    const lines = readdirSync(this.#at('in')).map((name) =>
      JSON.parse(readFileSync(join(this.#at('in'), name), 'utf8')),
    )
    return lines
      .filter(({ type }) => type === 'control_response')
      .map(({ response }) => [response.request_id, response.response] as const)
  }
}
